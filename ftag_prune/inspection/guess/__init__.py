"""A first card for a file, guessed from the names and ranges of its columns."""

from ftag_prune.inspection.guess.skeleton import Skeleton, skeleton, write_skeleton

__all__ = ["Skeleton", "skeleton", "write_skeleton"]
