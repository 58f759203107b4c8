"""Nodes that stand side by side, and what every tagger tells of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from ftag_prune.architecture import Architecture
from ftag_prune.errors import TrainingError
from ftag_prune.networks.inputs import Inputs
from ftag_prune.tensors import Jets

__all__ = ["INPUTS", "Axis", "Layer", "Network", "scoring"]

# Names of the layers whose nodes are input features, of jets and of tracks.
INPUTS = ("inputs", "track_inputs")


class Axis(NamedTuple):
    """The nodes of a layer along one dimension of one tensor of the state dict.

    The dimension has ``outer * nodes * inner`` entries in that order: a neuron or a channel is one
    entry (1, 1); a channel that a fully connected layer sees has ``inner`` pixels; a head of a
    packed query, key and value projection has ``inner`` rows in each of ``outer = 3`` blocks.
    """

    tensor: str
    dim: int
    outer: int = 1
    inner: int = 1

    def entries(self, nodes: int, chosen: Sequence[int]) -> Tensor:
        """Indices along the dimension that belong to the chosen ones of so many nodes."""
        place = torch.arange(self.outer * nodes * self.inner).view(self.outer, nodes, self.inner)
        return place[:, torch.tensor(chosen, dtype=torch.long)].flatten()


class Layer(NamedTuple):
    """Nodes that stand side by side: which tensors make them, and which use them.

    The same few names drive the shadow network (gates multiply what uses the nodes), the compaction
    (indices are taken along all of them) and the optimiser's state that goes with it.
    """

    name: str
    nodes: int
    made: tuple[Axis, ...]
    used: tuple[Axis, ...]


@contextmanager
def scoring(*networks: nn.Module) -> Iterator[None]:
    """Networks as they score: batch norms use what they remember; afterwards all is as before."""
    training = [network.training for network in networks]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for network, before in zip(networks, training, strict=True):
            network.train(before)


class Network(nn.Module, ABC):
    """A tagger of ours: it knows its architecture, its layers, and what it takes of a jet.

    A kind of network says how it is built (`of`, `shaped`), what it takes of jets (`arguments`),
    how it scores them (`forward`) and where its nodes are (`layers`); all else follows.
    """

    architecture: Architecture
    classes: int
    mean: Tensor
    std: Tensor
    taken: Tensor | None = None

    @classmethod
    @abstractmethod
    def of(cls, architecture: Any, *, about: Inputs, classes: int) -> Self:
        """Fresh network of an architecture of its kind.

        Raises
        ------
        ConfigError
            If the network takes what the jets do not have.
        """

    @classmethod
    @abstractmethod
    def shaped(cls, architecture: Any, tensors: Mapping[str, Tensor], *, classes: int) -> Self:
        """Network whose tensors have the right shapes and no meaning: they wait to be loaded.

        Parameters
        ----------
        tensors : with the buffers of the network at least; only their shapes matter
        """

    @abstractmethod
    def arguments(self, jets: Jets) -> tuple[Tensor, ...]:
        """What `forward` takes of a batch of jets."""

    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """Nodes that can be switched off, from input to output; input features are in `INPUTS`."""

    def applied(self) -> Mapping[str, float]:
        """How often a weight acts on one jet, where that is not once (pixels, tracks).

        What is multiplied without weights is counted with the weights that follow it.
        """
        return {}

    def resized(self, nodes: Mapping[str, int]) -> Self:
        """A network of the same kind whose named layers have other numbers of nodes.

        Its tensors have the right shapes and no meaning: they wait to be loaded. The global
        generator stays as it was.
        """
        buffers = dict(self.named_buffers())
        for layer in self.layers():
            for axis in layer.made:
                if layer.name in nodes and axis.tensor in buffers:
                    size = axis.outer * nodes[layer.name] * axis.inner
                    shape = list(buffers[axis.tensor].shape)
                    shape[axis.dim] = size
                    buffers[axis.tensor] = buffers[axis.tensor].new_zeros(shape)
        with torch.random.fork_rng(devices=[]):
            return self.shaped(self.architecture.resized(nodes), buffers, classes=self.classes)

    def taking(self, before: Network, inputs: Sequence[int] | None) -> Self:
        """Take of a jet what `before` takes; of its inputs only those (None: all).

        `arguments` then picks the right ones of jets that still have all inputs.
        """
        columns = before.taken
        if inputs is not None:
            index = torch.tensor(inputs, dtype=torch.long, device=self.mean.device)
            columns = index if columns is None else columns[index]
        self.taken = columns
        return self

    def of_jets(self, jets: Jets) -> Tensor:
        """The jet inputs that it takes."""
        return jets.x if self.taken is None else jets.x.index_select(1, self.taken)

    def of_tracks(self, jets: Jets) -> tuple[Tensor, Tensor]:
        """The tracks, and which of them are there.

        Raises
        ------
        TrainingError
            If the jets have no tracks.
        """
        if jets.tracks is None or jets.valid is None:
            raise TrainingError(
                f"a network of kind '{self.architecture.kind}' sees the tracks of a jet, and these "
                "jets have none; prepare them with `constituents: true`"
            )
        return jets.tracks, jets.valid

    def counted(self) -> dict[str, nn.Parameter]:
        """Trainable tensors by their name, of all that makes the logits."""
        return {name: one for name, one in self.named_parameters() if one.requires_grad}

    def parameter_count(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.counted().values())

    def multiplications(self) -> int:
        """Multiply-accumulate operations a jet, in products with weights."""
        often = self.applied()
        return round(
            sum(
                parameter.numel() * often.get(name, 1)
                for name, parameter in self.counted().items()
                if parameter.dim() > 1
            )
        )
