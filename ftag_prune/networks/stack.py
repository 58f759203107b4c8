"""Fully connected layers one after another, whose hidden neurons can be cut out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ftag_prune.architecture import Layered
from ftag_prune.networks.layer import Axis, Layer
from ftag_prune.networks.norms import NORMS, SharedNorm

__all__ = ["ACTIVATIONS", "Stack"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "tanh": torch.tanh,
    "silu": nn.functional.silu,
}


class Stack(nn.Module):
    """Hidden layers of linear, norm, activation and dropout, and a linear layer at the end.

    Parameters
    ----------
    hidden : neurons of each hidden layer
    outputs : of the linear layer at the end; None if there is none
    how : activation, norm and dropout
    skips : hidden layers, counted from 0, whose input is added to their output
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int | None,
        *,
        how: Layered,
        skips: Sequence[int] = (),
    ) -> None:
        super().__init__()
        widths = [inputs, *hidden, *([] if outputs is None else [outputs])]
        self.linear = nn.ModuleList(nn.Linear(first, second) for first, second in pairwise(widths))
        self.norm = nn.ModuleList(NORMS[how.norm](nodes) for nodes in hidden)
        self.hidden, self.skips = tuple(hidden), frozenset(skips)
        self._activation, self._dropout = ACTIVATIONS[how.activation], how.dropout

    def passed(self, x: Tensor, beside: Tensor | None = None) -> Tensor:
        """Outputs (rows, outputs) of x (rows, inputs).

        Parameters
        ----------
        beside : (rows, nodes of the first layer), optional
            Added to what the first linear layer makes: the share of inputs that come another way.
        """
        for index, (linear, norm) in enumerate(zip(self.linear, self.norm, strict=False)):
            made = linear(x) if beside is None or index else linear(x) + beside
            made = self._activation(norm(made))
            if self._dropout:
                made = nn.functional.dropout(made, self._dropout, self.training)
            x = x + made if index in self.skips else made
        if len(self.linear) == len(self.hidden):
            return x
        last: Tensor = self.linear[-1](x)
        return last if beside is None or self.hidden else last + beside

    def nodes(
        self,
        names: Iterable[str],
        *,
        within: str = "",
        made: Sequence[Axis] = (),
        used: Sequence[Axis] = (),
    ) -> tuple[Layer, ...]:
        """The hidden layers, in a network that has it as module `within`; linked ones are one.

        Parameters
        ----------
        names : of the layers
        made : what makes the nodes of the first hidden layer from elsewhere
        used : what uses those of the last one elsewhere
        """
        start = f"{within}." if within else ""
        found: list[tuple[int, list[Axis], list[Axis]]] = []
        for index, nodes in enumerate(self.hidden):
            if index not in self.skips:
                found.append((nodes, [], []))
            found[-1][1].extend(self._made(start, index))
            found[-1][2].extend(self._used(start, index))
        if found:
            found[0][1].extend(made)
            found[-1][2].extend(used)
        return tuple(
            Layer(name, nodes, tuple(making), tuple(using))
            for name, (nodes, making, using) in zip(names, found, strict=True)
        )

    def _made(self, start: str, index: int) -> list[Axis]:
        tensors = [f"linear.{index}.weight", f"linear.{index}.bias"]
        own = {
            **dict(self.norm[index].named_parameters()),
            **dict(self.norm[index].named_buffers()),
        }
        tensors += [
            f"norm.{index}.{name}" for name, one in own.items() if one.dim() and name != "share"
        ]
        return [Axis(f"{start}{tensor}", 0) for tensor in tensors]

    def _used(self, start: str, index: int) -> list[Axis]:
        used = []
        if isinstance(self.norm[index], SharedNorm):
            used.append(Axis(f"{start}norm.{index}.share", 0))
        if index + 1 < len(self.linear):
            used.append(Axis(f"{start}linear.{index + 1}.weight", 1))
        return used
