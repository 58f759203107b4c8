"""Taggers, built from their architecture, with the normalisation of the inputs inside."""

from ftag_prune.networks.building import build, build_for, restored
from ftag_prune.networks.costs import cost_of
from ftag_prune.networks.deepsets import DeepSetsNetwork
from ftag_prune.networks.inputs import Inputs, track_columns
from ftag_prune.networks.layer import INPUTS, Axis, Layer, Network, scoring
from ftag_prune.networks.mlp import MlpNetwork
from ftag_prune.networks.transformer import TransformerNetwork
from ftag_prune.networks.two_step import TwoStepNetwork
from ftag_prune.networks.vgg import VggNetwork

__all__ = [
    "INPUTS",
    "Axis",
    "DeepSetsNetwork",
    "Inputs",
    "Layer",
    "MlpNetwork",
    "Network",
    "TransformerNetwork",
    "TwoStepNetwork",
    "VggNetwork",
    "build",
    "build_for",
    "cost_of",
    "restored",
    "scoring",
    "track_columns",
]
