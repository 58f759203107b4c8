"""What a network costs, by the layers that its tensors' dimensions belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from ftag_prune.cost import Cost, Term, of_nodes
from ftag_prune.networks.layer import Axis, Layer

__all__ = ["cost_of"]


def cost_of(
    layers: Sequence[Layer],
    parameters: Mapping[str, Tensor],
    *,
    unit: str = "nodes",
    applied: Mapping[str, float] | None = None,
) -> Cost:
    """Cost in nodes, parameters or multiply-accumulates a jet, as nodes of the layers.

    Parameters
    ----------
    layers : that may lose nodes; dimensions of all others have the size that they have
    parameters : trainable tensors by their name
    unit : nodes, parameters or multiplications; only tensors of two or more dimensions multiply
    applied : how often a tensor acts on one jet, where that is not once
    """
    sizes = tuple(layer.nodes for layer in layers)
    if unit == "nodes":
        return of_nodes(sizes)
    places = _places(layers)
    often = applied or {}
    terms = tuple(
        _term(tensor, places.get(name, []), often.get(name, 1) if unit != "parameters" else 1)
        for name, tensor in parameters.items()
        if unit == "parameters" or tensor.dim() > 1
    )
    cost = Cost(unit, sizes, terms, 0.0)
    return cost._replace(whole=float(cost.of(sizes)))


def _places(layers: Sequence[Layer]) -> dict[str, list[tuple[int, Axis]]]:
    """Layers along the dimensions of each tensor."""
    places: dict[str, list[tuple[int, Axis]]] = {}
    for index, layer in enumerate(layers):
        for axis in (*layer.made, *layer.used):
            places.setdefault(axis.tensor, []).append((index, axis))
    return places


def _term(tensor: Tensor, places: Sequence[tuple[int, Axis]], often: float) -> Term:
    """Numbers of a tensor: the product of its dimensions."""
    bound = {axis.dim: axis.outer * axis.inner for _, axis in places}
    factor = float(often)
    for dim, size in enumerate(tensor.shape):
        factor *= bound.get(dim, size)
    return Term(factor, tuple(index for index, _ in places))
