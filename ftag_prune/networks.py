"""Taggers, built from their architecture, with the normalisation of the inputs inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ftag_prune.architecture import Architecture

__all__ = ["Axis", "Layer", "Network", "build"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "tanh": torch.tanh,
}


class Axis(NamedTuple):
    """One dimension of one tensor of the state dict."""

    tensor: str
    dim: int


class Layer(NamedTuple):
    """Nodes that stand side by side: which tensors make them, and which use them.

    The same few names drive the shadow network (gates multiply what uses the nodes), the compaction
    (indices are taken along all of them) and the optimiser's state that goes with it.
    """

    name: str
    nodes: int
    made: tuple[Axis, ...]
    used: tuple[Axis, ...]


class Network(nn.Module):
    """Multilayer perceptron on jet inputs, ending in one logit a class.

    Parameters
    ----------
    mean, std : (inputs,)
        Normalisation of the inputs, from the training jets; constant inputs have std 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, architecture: Architecture, *, mean: Tensor, std: Tensor, classes: int
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.classes = classes
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())
        widths = (len(mean), *architecture.hidden, classes)
        self.linear = nn.ModuleList(nn.Linear(first, second) for first, second in pairwise(widths))
        self._activation = _ACTIVATIONS[architecture.activation]

    def forward(self, x: Tensor) -> Tensor:
        """Logits (jets, classes) of x (jets, inputs); a missing input (NaN) stands at its mean."""
        # Infinite inputs are taken for missing too: one of them would make the whole jet NaN.
        hidden = ((x - self.mean) / self.std).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
        *inner, last = self.linear
        for linear in inner:
            hidden = self._activation(linear(hidden))
        logits: Tensor = last(hidden)
        return logits

    def resized(self, nodes: tuple[int, ...]) -> Network:
        """A fresh network of the same kind with other numbers of nodes."""
        architecture = self.architecture.resized(nodes)
        return Network(architecture, mean=self.mean, std=self.std, classes=self.classes)

    def layers(self) -> tuple[Layer, ...]:
        """Nodes that can be switched off, from input to output."""
        return tuple(
            Layer(
                name=f"hidden{index + 1}",
                nodes=nodes,
                made=(Axis(f"linear.{index}.weight", 0), Axis(f"linear.{index}.bias", 0)),
                used=(Axis(f"linear.{index + 1}.weight", 1),),
            )
            for index, nodes in enumerate(self.architecture.nodes)
        )

    def parameter_count(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def multiplications(self) -> int:
        """Multiply-accumulate operations a jet."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.dim() > 1)


def build(
    architecture: Architecture,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    classes: int,
    seed: int = 0,
) -> Network:
    """Network whose weights depend on the seed alone; the global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(
            architecture,
            mean=torch.tensor(mean, dtype=torch.float32),
            std=torch.tensor(std, dtype=torch.float32),
            classes=classes,
        )
