"""Nodes that stand side by side, and what every tagger tells of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ftag_prune.architecture import Architecture
from ftag_prune.tensors import Jets

__all__ = ["Axis", "Layer", "Network", "scoring"]


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
    """A tagger of ours: it knows its architecture, its layers, and what it takes of a jet."""

    architecture: Architecture
    mean: Tensor
    std: Tensor
    taken: Tensor | None = None

    def taking(self, before: Network, inputs: Sequence[int] | None) -> Network:
        """Take of a jet what `before` takes; of its inputs only those (None: all).

        `arguments` then picks the right ones of jets that still have all inputs.
        """
        columns = before.taken
        if inputs is not None:
            index = torch.tensor(inputs, dtype=torch.long)
            columns = index if columns is None else columns[index]
        self.taken = columns
        return self

    @abstractmethod
    def arguments(self, jets: Jets) -> tuple[Tensor, ...]:
        """What `forward` takes of a batch of jets."""

    @abstractmethod
    def layers(self) -> tuple[Layer, ...]:
        """Nodes that can be switched off, from input to output; input features are ``inputs``."""

    @abstractmethod
    def resized(self, nodes: Mapping[str, int]) -> Network:
        """A network of the same kind whose named layers have other numbers of nodes.

        Its tensors have the right shapes and no meaning: they wait to be loaded.
        """

    def applied(self) -> Mapping[str, int]:
        """How often a weight acts on one jet, where that is not once (pixels, tracks)."""
        return {}

    def parameter_count(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    def multiplications(self) -> int:
        """Multiply-accumulate operations a jet, in products with weights."""
        often = self.applied()
        return sum(
            parameter.numel() * often.get(name, 1)
            for name, parameter in self.named_parameters()
            if parameter.dim() > 1
        )
