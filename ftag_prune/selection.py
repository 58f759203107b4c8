"""Which nodes stay: the best ones, as many as a budget allows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ftag_prune.cost import Cost
from ftag_prune.errors import TrainingError

__all__ = ["Kept", "check_possible", "choose", "shares"]

Kept = tuple[tuple[int, ...], ...]

_Array = npt.NDArray[np.floating]
_EXACT = 1e-9  # of a cost, for sums of floats


def choose(scores: _Array, cost: Cost, *, budget: float, floor: int = 1) -> Kept:
    """Indices of the best nodes, layer by layer, at least `floor` in each layer.

    Nodes are taken from the best to the worst; one that does not fit into what is left of the
    budget is passed over, so that in the end no further node fits. If nodes are counted, exactly
    `budget` of them stay.

    Parameters
    ----------
    scores : (nodes,)
        Larger stays longer; of equal nodes the first one stays.
    cost : Cost
        Its sizes say how the scores are cut into layers.

    Raises
    ------
    TrainingError
        If the floor of every layer costs more than the budget, or the budget more than there is.
    """
    sizes = np.array(cost.sizes)
    counts = np.minimum(floor, sizes)
    check_possible(cost, budget=budget, floor=floor)
    layer = np.repeat(np.arange(len(sizes)), sizes)
    order = np.argsort(-scores, kind="stable")
    rank = _rank_in_layer(layer[order], len(sizes))
    taken = np.zeros(len(scores), bool)
    taken[order[rank < counts[layer[order]]]] = True
    rest = order[~taken[order]]
    taken[_fitting(rest, layer, counts, cost, budget)] = True
    bounds = pairwise(np.cumsum([0, *sizes]).tolist())
    return tuple(tuple(np.flatnonzero(taken[first:last]).tolist()) for first, last in bounds)


def check_possible(cost: Cost, *, budget: float, floor: int = 1) -> None:
    """Raise TrainingError if the floors cost more than a budget, or it is more than there is."""
    counts = [min(floor, size) for size in cost.sizes]
    least, most = cost.of(counts), cost.of(cost.sizes)
    if not least * (1 - _EXACT) <= budget <= most * (1 + _EXACT):
        each = ", ".join(map(str, counts))
        raise TrainingError(
            f"cannot keep {budget:g} of {most:g} {cost.unit}: the {len(counts)} layers "
            f"need at least {least:g} ({each} nodes)"
        )


def _rank_in_layer(layer: npt.NDArray[np.int64], layers: int) -> npt.NDArray[np.int64]:
    """Place (nodes,) of each node among those of its layer, in the order given."""
    rank = np.empty(len(layer), np.int64)
    for one in range(layers):
        mine = np.flatnonzero(layer == one)
        rank[mine] = np.arange(len(mine))
    return rank


def _fitting(
    rest: npt.NDArray[np.int64],
    layer: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    cost: Cost,
    budget: float,
) -> list[int]:
    """Nodes of `rest`, best first, that fit beside the counts that are taken already."""
    steps = layer[rest][:, None] == np.arange(len(counts))  # (rest, layers)
    after = counts + np.cumsum(steps, axis=0)
    allowed = budget * (1 + _EXACT)
    prefix = int(np.searchsorted(cost.of(list(after.T.astype(float))), allowed, side="right"))
    found: list[int] = rest[:prefix].tolist()
    counts = after[prefix - 1] if prefix else counts
    waiting = _by_layer(rest[prefix:], layer, len(counts))
    while True:
        more = [counts + (np.arange(len(counts)) == one) for one in range(len(counts))]
        fit = [one for one, queue in enumerate(waiting) if queue and cost.of(more[one]) <= allowed]
        if not fit:
            return found
        place, best = min((waiting[one][0], one) for one in fit)
        waiting[best].pop(0)
        counts = more[best]
        found.append(int(rest[prefix + place]))


def _by_layer(
    rest: npt.NDArray[np.int64], layer: npt.NDArray[np.int64], layers: int
) -> list[list[int]]:
    """Places in `rest` of the nodes of each layer."""
    return [np.flatnonzero(layer[rest] == one).tolist() for one in range(layers)]


def shares(sizes: Sequence[int], *, keep: int, floor: int) -> tuple[int, ...]:
    """Nodes of each layer when every layer keeps the same fraction, `keep` together.

    Fractions of a node go to the layers with the largest remainder, the first of equals.
    """
    whole = sum(sizes)
    exact = [max(floor, size * keep / whole) for size in sizes]
    counts = [min(size, int(one)) for one, size in zip(exact, sizes, strict=True)]
    order = sorted(range(len(sizes)), key=lambda one: counts[one] - exact[one])
    while sum(counts) != keep:
        if sum(counts) < keep:
            step, free = 1, [one for one in order if counts[one] < sizes[one]]
        else:
            step, free = -1, [one for one in reversed(order) if counts[one] > floor]
        if not free:
            raise TrainingError(
                f"cannot keep {keep} of {whole} nodes: every one of the {len(sizes)} layers "
                f"needs {floor}"
            )
        for one in free[: abs(keep - sum(counts))]:
            counts[one] += step
    return tuple(counts)
