"""Whether a network without some nodes gives what it gives with them at zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ftag_prune.graph.cutting import REFUSED, Kept, cut, gone_of
from ftag_prune.graph.tracing import tensors_in
from ftag_prune.networks.layer import Layer

__all__ = ["believed", "in_double", "precise"]


def in_double(module: nn.Module) -> nn.Module:
    """Copy in double precision, in which no weight is zero: a silent branch would hide a fault."""
    copy = deepcopy(module).to("cpu", torch.float64).eval()
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for one in copy.parameters():
            zero = one == 0
            one[zero] = 0.1 * torch.randn(int(zero.sum()), generator=rng, dtype=one.dtype)
    return copy


def precise(one: Tensor) -> Tensor:
    """An argument in double precision; whole numbers stay."""
    return one.to("cpu", torch.float64) if one.is_floating_point() else one.cpu()


def believed(
    trial: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer]
) -> tuple[Layer, ...]:
    """The layers that stand the trial together; one by one if all of them do not."""
    if _proven(trial, example, layers):
        return tuple(layers)
    good: tuple[Layer, ...] = ()
    for layer in layers:
        good = (*good, layer) if _proven(trial, example, (*good, layer)) else good
    return good


def _proven(trial: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer]) -> bool:
    """Whether a network without some nodes gives what it gives with them at zero.

    Each node has a random number, and three of its bits decide: kept are all nodes in which a bit
    is set, and then all others. That tells any two of up to eight nodes apart, and of more nodes
    seven pairs in eight. What the example does not show (the largest node is always the same one,
    say) is not seen.
    """
    rng = torch.Generator().manual_seed(0)
    numbers = [torch.randperm(one.nodes, generator=rng) for one in layers]
    return all(
        _equal(trial, example, layers, [_with(one, bit, value) for one in numbers])
        for bit in range(3)
        for value in range(2)
    )


def _with(numbers: Tensor, bit: int, value: int) -> list[int]:
    """Nodes in whose number a bit has a value; one node alone is always there."""
    nodes = len(numbers)
    bits = (nodes - 1).bit_length()
    if not bits:
        return [0]
    found: list[int] = ((numbers >> bit % bits) % 2 == value).nonzero().flatten().tolist()
    return found


@torch.no_grad()
def _equal(
    trial: nn.Module, example: tuple[Tensor, ...], layers: Sequence[Layer], kept: Kept
) -> bool:
    masked = functional_call(trial, _closed(trial, layers, kept), example)
    try:
        small = cut(trial, example, layers, kept)(*example)
    except REFUSED:
        return False
    return all(map(_same, tensors_in(masked), tensors_in(small)))


def _same(one: Tensor, two: Tensor) -> bool:
    """Whether two outputs differ by no more than the rounding of double precision."""
    if one.shape != two.shape:
        return False
    largest = float(one.double().abs().nan_to_num().max()) if one.numel() else 0.0
    return torch.allclose(one, two, rtol=0, atol=1e-11 * largest, equal_nan=True)


def _closed(network: nn.Module, layers: Sequence[Layer], kept: Kept) -> dict[str, Tensor]:
    """Tensors that use nodes, with zero for those that are not kept."""
    tensors: Mapping[str, Tensor] = network.state_dict()
    closed: dict[str, Tensor] = {}
    for layer, one in zip(layers, kept, strict=True):
        for axis in layer.used:
            where = axis.entries(layer.nodes, gone_of(layer, one))
            tensor = closed.get(axis.tensor, tensors[axis.tensor])
            closed[axis.tensor] = tensor.index_fill(axis.dim, where, 0.0)
    return closed
