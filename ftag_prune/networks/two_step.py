"""A tagger of large-R jets in two steps: a trained one of subjets, a perceptron on their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor

from ftag_prune.architecture import Found, TwoStep
from ftag_prune.errors import ConfigError, TrainingError, nearest
from ftag_prune.networks.inputs import Inputs
from ftag_prune.networks.layer import Axis, Layer, Network
from ftag_prune.networks.mlp import MlpNetwork
from ftag_prune.tensors import Jets

__all__ = ["TwoStepNetwork"]


class TwoStepNetwork(Network):
    """Scores of the subjets, and jet inputs beside them, ending in one logit a class.

    A score is the first tagger's logit minus the mean over its classes, 0 for an absent subjet.
    The first tagger does not learn: it is the same in all that the second step is compared to.

    Parameters
    ----------
    mean, std : (inputs,)
        Of all jet inputs; those beside the scores are normalised with them.
    columns : (subjets, inputs of the first tagger)
        Their places among the jet inputs.
    beside : (k,)
        Places of the jet inputs beside the scores.
    """

    architecture: TwoStep
    columns: Tensor
    beside: Tensor

    def __init__(
        self,
        architecture: TwoStep,
        *,
        mean: Tensor,
        std: Tensor,
        columns: Tensor,
        beside: Tensor,
        classes: int,
    ) -> None:
        super().__init__()
        self.architecture, self.classes = architecture, classes
        for name, tensor in (("mean", mean), ("std", std), ("columns", columns)):
            self.register_buffer(name, tensor.clone())
        self.register_buffer("beside", beside.clone())
        found = _found(architecture)
        empty = mean.new_zeros(len(found.inputs))
        self.first = MlpNetwork(
            found.architecture, mean=empty, std=empty + 1, classes=len(found.classes)
        )
        scores = mean.new_zeros(len(columns) * len(found.classes))
        self.second = MlpNetwork(
            architecture.second,
            mean=torch.cat([mean[beside], scores]),
            std=torch.cat([std[beside], scores + 1]),
            classes=classes,
        )

    @classmethod
    def of(cls, architecture: TwoStep, *, about: Inputs, classes: int) -> Self:
        """Both steps on jet inputs by their names; the first waits for its weights."""
        found = _found(architecture)
        columns = [
            _places(about.names, [f"{subjet}{name}" for name in found.inputs])
            for subjet in architecture.subjets
        ]
        mean, std = about.of_jets()
        return cls(
            architecture,
            mean=mean,
            std=std,
            columns=torch.tensor(columns),
            beside=torch.tensor(_places(about.names, architecture.beside), dtype=torch.long),
            classes=classes,
        )

    @classmethod
    def shaped(cls, architecture: TwoStep, tensors: Mapping[str, Tensor], *, classes: int) -> Self:
        """Both steps with the places of a saved one."""
        names = ("mean", "std", "columns", "beside")
        mean, std, columns, beside = (tensors[name] for name in names)
        return cls(
            architecture, mean=mean, std=std, columns=columns, beside=beside, classes=classes
        )

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's own signature
        """The second step learns; the first scores, whatever the other does."""
        super().train(mode)
        self.first.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Logits (jets, classes) of x (jets, inputs)."""
        seen = torch.cat([x[:, self.beside], self.scores(x).flatten(1)], dim=1)
        logits: Tensor = self.second(seen)
        return logits

    @torch.no_grad()
    def scores(self, x: Tensor) -> Tensor:
        """Scores (jets, subjets, classes of the first tagger) of x (jets, inputs)."""
        seen = x[:, self.columns]  # (jets, subjets, inputs)
        logits: Tensor = self.first(seen.flatten(0, 1))  # (jets * subjets, classes)
        centred = (logits - logits.mean(dim=1, keepdim=True)).view(*seen.shape[:2], -1)
        return torch.where(seen.isnan().all(dim=2, keepdim=True), 0.0, centred)

    def arguments(self, jets: Jets) -> tuple[Tensor, ...]:
        """The jet inputs."""
        return (self.of_jets(jets),)

    def layers(self) -> tuple[Layer, ...]:
        """Neurons of each hidden layer of the second step."""
        return tuple(
            Layer(one.name, one.nodes, _within(one.made), _within(one.used))
            for one in self.second.layers()
            if one.name != "inputs"
        )

    def applied(self) -> Mapping[str, float]:
        """The first tagger scores every subjet."""
        subjets = len(self.columns)
        return {f"first.{name}": subjets for name, _ in self.first.named_parameters()}

    def adopt(self, first: Network) -> None:
        """Score subjets with a trained tagger."""
        self.first.load_state_dict(first.state_dict())


def _found(architecture: TwoStep) -> Found:
    if architecture.found is None:
        first = architecture.first
        raise TrainingError(
            f"a network of kind 'two_step' needs the trained tagger '{first.network}' of "
            f"'{first.task}' before it can be built"
        )
    return architecture.found


def _places(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    for name in wanted:
        if name not in names:
            raise ConfigError(
                f"a network of kind 'two_step' takes the jet input '{name}', which the jets do not "
                f"have{nearest(name, names)}"
            )
    return [list(names).index(name) for name in wanted]


def _within(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Axes of the second step's tensors, as they are called in the whole."""
    return tuple(axis._replace(tensor=f"second.{axis.tensor}") for axis in axes)
