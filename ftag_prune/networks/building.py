"""From an architecture to its network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ftag_prune.architecture import Architecture, DeepSets, Mlp, Transformer, TwoStep, Vgg
from ftag_prune.networks.deepsets import DeepSetsNetwork
from ftag_prune.networks.inputs import Inputs
from ftag_prune.networks.layer import Network
from ftag_prune.networks.mlp import MlpNetwork
from ftag_prune.networks.transformer import TransformerNetwork
from ftag_prune.networks.two_step import TwoStepNetwork
from ftag_prune.networks.vgg import VggNetwork
from ftag_prune.spec import Spec
from ftag_prune.tensors import Description

__all__ = ["build", "build_for", "restored"]

_NETWORKS: dict[type[Spec], type[Network]] = {
    DeepSets: DeepSetsNetwork,
    Mlp: MlpNetwork,
    Transformer: TransformerNetwork,
    TwoStep: TwoStepNetwork,
    Vgg: VggNetwork,
}


def build(
    architecture: Architecture,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    classes: int,
    seed: int = 0,
    tracks: Sequence[str] = (),
    track_mean: Sequence[float] = (),
    track_std: Sequence[float] = (),
    names: Sequence[str] = (),
) -> Network:
    """Network whose weights depend on the seed alone; the global generator stays as it was.

    Parameters
    ----------
    mean, std : (inputs,)
        Normalisation of the jet inputs.
    tracks : names of the track inputs that the jets have, in their order
    track_mean, track_std : (track inputs,)
        Normalisation of the track inputs; 0 and 1 if they are not given.
    names : of the jet inputs, where a network looks for them

    Raises
    ------
    ConfigError
        If the network takes an input that the jets do not have.
    """
    about = Inputs(mean, std, tracks, track_mean, track_std, names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _NETWORKS[type(architecture)].of(architecture, about=about, classes=classes)


def build_for(about: Description, architecture: Architecture, *, seed: int = 0) -> Network:
    """Network for prepared jets, with their normalisation, inputs and classes; as `build`."""
    return build(
        architecture,
        mean=about.mean,
        std=about.std,
        classes=len(about.classes),
        seed=seed,
        tracks=about.track_inputs,
        track_mean=about.track_mean,
        track_std=about.track_std,
        names=about.inputs,
    )


def restored(architecture: Architecture, tensors: Mapping[str, Tensor], *, classes: int) -> Network:
    """Network of a saved state dict; RuntimeError or KeyError if the two do not belong together.

    Both may come from anybody: shapes are compared before the network takes any memory.
    """
    kind = _NETWORKS[type(architecture)]
    with torch.random.fork_rng(devices=[]):
        with torch.device("meta"):
            hollow = kind.shaped(architecture, tensors, classes=classes).state_dict()
        for name in hollow.keys() & tensors.keys():
            wanted, found = tuple(hollow[name].shape), tuple(tensors[name].shape)
            if wanted != found:
                raise RuntimeError(f"tensor '{name}' has shape {found}, not {wanted}")
        if len(hollow) != len(tensors):
            raise RuntimeError(f"holds {len(tensors)} tensors, not {len(hollow)}")
        network = kind.shaped(architecture, tensors, classes=classes)
    network.load_state_dict(dict(tensors))
    return network
