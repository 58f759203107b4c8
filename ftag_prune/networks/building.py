"""From an architecture to its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ftag_prune.architecture import Architecture, Mlp, Vgg
from ftag_prune.errors import ConfigError, nearest
from ftag_prune.networks.layer import Network
from ftag_prune.networks.mlp import MlpNetwork
from ftag_prune.networks.vgg import VggNetwork
from ftag_prune.tensors import Description

__all__ = ["build", "build_for", "restored", "track_columns"]


def build(
    architecture: Architecture,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    classes: int,
    seed: int = 0,
    tracks: Sequence[str] = (),
) -> Network:
    """Network whose weights depend on the seed alone; the global generator stays as it was.

    Parameters
    ----------
    mean, std : (inputs,)
        Normalisation of the jet inputs.
    tracks : names of the track inputs that the jets have, in their order

    Raises
    ------
    ConfigError
        If the network takes a track input that the jets do not have.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(architecture, Vgg):
            columns = track_columns(architecture, tracks)
            return VggNetwork(architecture, columns=columns, classes=classes)
        return _mlp(architecture, mean, std, classes)


def build_for(about: Description, architecture: Architecture, *, seed: int = 0) -> Network:
    """Network for prepared jets, with their normalisation, inputs and classes; as `build`."""
    return build(
        architecture,
        mean=about.mean,
        std=about.std,
        classes=len(about.classes),
        seed=seed,
        tracks=about.track_inputs,
    )


def _mlp(
    architecture: Mlp, mean: Sequence[float], std: Sequence[float], classes: int
) -> MlpNetwork:
    return MlpNetwork(
        architecture,
        mean=torch.tensor(mean, dtype=torch.float32),
        std=torch.tensor(std, dtype=torch.float32),
        classes=classes,
    )


def track_columns(architecture: Architecture, tracks: Sequence[str]) -> tuple[int, ...]:
    """Places of the track inputs that a network takes among those that the jets have."""
    for name in architecture.tracks:
        if name not in tracks:
            raise ConfigError(
                f"a network of kind '{architecture.kind}' takes the track input '{name}', which "
                f"the jets do not have{nearest(name, tracks)}"
            )
    return tuple(tracks.index(name) for name in architecture.tracks)


def restored(architecture: Architecture, tensors: Mapping[str, Tensor], *, classes: int) -> Network:
    """Network of a saved state dict; RuntimeError or KeyError if the two do not belong together."""
    network: Network
    if isinstance(architecture, Vgg):
        columns = tensors["columns"].tolist()
        network = VggNetwork(architecture, columns=columns, classes=classes)
    else:
        mean, std = tensors["mean"].tolist(), tensors["std"].tolist()
        network = _mlp(architecture, mean, std, classes)
    network.load_state_dict(dict(tensors))
    return network
