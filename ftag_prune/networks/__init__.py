"""Taggers, built from their architecture, with the normalisation of the inputs inside."""

from ftag_prune.networks.building import build, restored
from ftag_prune.networks.costs import cost_of
from ftag_prune.networks.layer import Axis, Layer, Network
from ftag_prune.networks.mlp import MlpNetwork

__all__ = ["Axis", "Layer", "MlpNetwork", "Network", "build", "cost_of", "restored"]
