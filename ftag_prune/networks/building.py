"""From an architecture to its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ftag_prune.architecture import Architecture
from ftag_prune.networks.layer import Network
from ftag_prune.networks.mlp import MlpNetwork

__all__ = ["build", "restored"]


def build(
    architecture: Architecture,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    classes: int,
    seed: int = 0,
) -> Network:
    """Network whose weights depend on the seed alone; the global generator stays as it was.

    Parameters
    ----------
    mean, std : (inputs,)
        Normalisation of the jet inputs.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MlpNetwork(
            architecture,
            mean=torch.tensor(mean, dtype=torch.float32),
            std=torch.tensor(std, dtype=torch.float32),
            classes=classes,
        )


def restored(architecture: Architecture, tensors: Mapping[str, Tensor], *, classes: int) -> Network:
    """Network of a saved state dict; RuntimeError or KeyError if the two do not belong together."""
    mean = tensors["mean"].tolist()
    network = build(architecture, mean=mean, std=tensors["std"].tolist(), classes=classes)
    network.load_state_dict(dict(tensors))
    return network
