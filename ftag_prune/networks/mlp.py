"""Multilayer perceptron on jet features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn

from ftag_prune.architecture import Mlp
from ftag_prune.networks.inputs import Inputs, standardised
from ftag_prune.networks.layer import Axis, Layer, Network
from ftag_prune.tensors import Jets

__all__ = ["MlpNetwork"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "tanh": torch.tanh,
}


class MlpNetwork(Network):
    """Fully connected layers on jet inputs, ending in one logit a class.

    Parameters
    ----------
    mean, std : (inputs,)
        Normalisation of the inputs, from the training jets; constant inputs have std 1.
    """

    architecture: Mlp

    def __init__(self, architecture: Mlp, *, mean: Tensor, std: Tensor, classes: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.classes = classes
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())
        widths = (len(mean), *architecture.hidden, classes)
        self.linear = nn.ModuleList(nn.Linear(first, second) for first, second in pairwise(widths))
        self._activation = _ACTIVATIONS[architecture.activation]

    @classmethod
    def of(cls, architecture: Mlp, *, about: Inputs, classes: int) -> Self:
        """Perceptron on the jet inputs."""
        mean, std = about.of_jets()
        return cls(architecture, mean=mean, std=std, classes=classes)

    @classmethod
    def shaped(cls, architecture: Mlp, tensors: Mapping[str, Tensor], *, classes: int) -> Self:
        """Perceptron with as many inputs as there are means."""
        return cls(architecture, mean=tensors["mean"], std=tensors["std"], classes=classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (jets, classes) of x (jets, inputs); a missing input (NaN) stands at its mean."""
        hidden = standardised(x, self.mean, self.std)
        *inner, last = self.linear
        for linear in inner:
            hidden = self._activation(linear(hidden))
        logits: Tensor = last(hidden)
        return logits

    def arguments(self, jets: Jets) -> tuple[Tensor, ...]:
        """The jet inputs."""
        return (self.of_jets(jets),)

    def layers(self) -> tuple[Layer, ...]:
        """Input features, and the neurons of each hidden layer."""
        widths = (len(self.mean), *self.architecture.hidden)
        inputs = Layer(
            "inputs",
            widths[0],
            made=(Axis("mean", 0), Axis("std", 0)),
            used=(Axis("linear.0.weight", 1),),
        )
        return (inputs, *(self._hidden(index, nodes) for index, nodes in enumerate(widths[1:])))

    def _hidden(self, index: int, nodes: int) -> Layer:
        return Layer(
            f"hidden{index + 1}",
            nodes,
            made=(Axis(f"linear.{index}.weight", 0), Axis(f"linear.{index}.bias", 0)),
            used=(Axis(f"linear.{index + 1}.weight", 1),),
        )
