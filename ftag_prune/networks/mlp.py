"""Multilayer perceptron on jet features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from torch import Tensor

from ftag_prune.architecture import Mlp
from ftag_prune.networks.inputs import Inputs, standardised
from ftag_prune.networks.layer import Axis, Layer, Network
from ftag_prune.networks.stack import Stack
from ftag_prune.tensors import Jets

__all__ = ["MlpNetwork"]


class MlpNetwork(Stack, Network):
    """Fully connected layers on jet inputs, ending in one logit a class.

    Parameters
    ----------
    mean, std : (inputs,)
        Normalisation of the inputs, from the training jets; constant inputs have std 1.
    """

    architecture: Mlp

    def __init__(self, architecture: Mlp, *, mean: Tensor, std: Tensor, classes: int) -> None:
        super().__init__(
            len(mean), architecture.hidden, classes, how=architecture, skips=architecture.skips
        )
        self.architecture = architecture
        self.classes = classes
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())

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
        return self.passed(standardised(x, self.mean, self.std))

    def arguments(self, jets: Jets) -> tuple[Tensor, ...]:
        """The jet inputs."""
        return (self.of_jets(jets),)

    def layers(self) -> tuple[Layer, ...]:
        """Input features, and the neurons of each hidden layer."""
        inputs = Layer(
            "inputs",
            len(self.mean),
            made=(Axis("mean", 0), Axis("std", 0)),
            used=(Axis("linear.0.weight", 1),),
        )
        return (inputs, *self.nodes(self.architecture.nodes))
