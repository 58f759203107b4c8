"""What a network is made of, before it is built: kinds, widths, and its nodes."""

from ftag_prune.architecture.choice import Architecture
from ftag_prune.architecture.deepsets import DeepSets
from ftag_prune.architecture.layered import Layered
from ftag_prune.architecture.mlp import Mlp
from ftag_prune.architecture.transformer import TrackOrigin, Transformer
from ftag_prune.architecture.two_step import FirstStep, Found, TwoStep
from ftag_prune.architecture.vgg import Vgg

__all__ = [
    "Architecture",
    "DeepSets",
    "FirstStep",
    "Found",
    "Layered",
    "Mlp",
    "TrackOrigin",
    "Transformer",
    "TwoStep",
    "Vgg",
]
