"""Nodes of any network that can be switched off, found by tracing it, and their cutting out."""

from ftag_prune.graph.anything import compacted, layers_of

__all__ = ["compacted", "layers_of"]
