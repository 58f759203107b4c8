"""How a training loses nodes: the freeze, the ratchet, and the cuts of controls; each is proven."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from ftag_prune.compact import compact, cut, difference, rounding
from ftag_prune.config import Run
from ftag_prune.errors import TrainingError
from ftag_prune.networks import Network
from ftag_prune.selection import Kept
from ftag_prune.shadow import Part, Shadow, by_layer, chosen, cost_left, prunable, resized
from ftag_prune.tensors import Jets
from ftag_prune.train.state import Frozen, Node, State, optimiser_of

__all__ = ["TOLERANCE", "cut_by", "freeze", "ratchet"]

# Compaction is exact but for the order of float32 sums.
TOLERANCE = 1e-5
# Both networks round, in an order of their own: so many times what float32 itself is off.
_ROUNDINGS = 3.0


def freeze(run: Run, state: State, jets: Jets) -> State:
    """Keep exactly what was asked for, cut the rest out, and go on with the smaller network.

    What the optimiser remembers of the kept weights goes with them; the memory of what was cut
    cannot bring it back. `jets` are those on which both networks must agree.

    Raises
    ------
    TrainingError
        If the compacted network differs from the gated one by more than 1e-5 in a logit.
    """
    shadow = state.shadow
    if shadow is None:
        raise TrainingError(f"{run.name}: a training without gates has nothing to freeze")
    with torch.no_grad():
        gates = shadow(progress=1.0).value
        budgets = [_within(part, part.budget) for part in shadow.parts]
        kept = chosen(shadow.theta, shadow.parts, floor=shadow.floor, budgets=budgets)
        reached = shadow.open_cost(gates)
    small = _cut(run, state, gates, kept, jets, gone=True)
    return _closed_off(replace(small, nodes=_nodes(state, shadow, gates)), reached)


def cut_by(
    run: Run, state: State, scores: Callable[[Network], Tensor], jets: Jets, *, share: float
) -> State:
    """Cut by scores (nodes,) of the network instead of gates, to a share of the way to the target.

    Each step of the way keeps the same fraction of what is left.
    """
    layers = state.layers(run)
    parts = resized(state.parts, layers)
    budgets = [_within(part, _on_the_way(part, share)) for part in parts]
    kept = chosen(scores(state.network), parts, floor=run.how.goal.floor, budgets=budgets)
    ones = torch.ones(sum(layer.nodes for layer in layers))
    small = _cut(run, state, ones, kept, jets, gone=True)
    return _closed_off(small, None) if share >= 1 else small


def ratchet(run: Run, state: State, jets: Jets, *, epochs: int, progress: float) -> State:
    """Cut out the nodes that have been off for so many epochs, and train on with the others.

    Nodes that the budget of the moment needs stay, whatever their gates.
    """
    shadow = state.shadow
    if shadow is None:
        return state
    least = [shadow.gate.least(aim) for aim in shadow.aims(progress)]
    budgets = [_within(part, one) for part, one in zip(shadow.parts, least, strict=True)]
    needed = chosen(shadow.theta, shadow.parts, floor=shadow.floor, budgets=budgets)
    long_off = by_layer(shadow.off_for >= epochs, shadow.layers)
    kept = tuple(
        tuple(sorted({*one, *torch.nonzero(~off).flatten().tolist()}))
        for one, off in zip(needed, long_off, strict=True)
    )
    if sum(map(len, kept)) == len(shadow.theta):
        return state
    return _cut(run, state, torch.ones_like(shadow.theta), kept, jets, gone=False)


def _within(part: Part, budget: float) -> float:
    """A budget in whole nodes; of other costs not more than what is there.

    Nodes that a ratchet has cut out do not come back to fill the last gap.
    """
    if part.cost.unit == "nodes":
        return float(math.ceil(budget - 1e-9))
    return min(float(part.cost.of(part.cost.sizes)), budget)


def _on_the_way(part: Part, share: float) -> float:
    """Budget after a share of the way, on which each step keeps the same fraction."""
    if share >= 1:
        return part.budget
    wanted = float(part.cost.whole * (part.budget / part.cost.whole) ** share)
    return max(part.budget, round(wanted) if part.cost.unit == "nodes" else wanted)


def _nodes(state: State, shadow: Shadow, gates: Tensor) -> list[Node]:
    """Every node that had a gate until the freeze."""
    thetas, values = (by_layer(one, shadow.layers) for one in (shadow.theta.detach(), gates))
    return [
        Node(layer.name, *one)
        for layer, theta, value in zip(shadow.layers, thetas, values, strict=True)
        for one in zip(state.kept[layer.name], theta.tolist(), value.tolist(), strict=True)
    ]


def _closed_off(state: State, reached: float | None) -> State:
    """The last cut is done: its result stays."""
    cost = cost_left(state.parts, [len(one) for one in state.kept.values()])
    return replace(state, frozen=Frozen(reached, cost, state.gap))


def _cut(run: Run, state: State, gates: Tensor, kept: Kept, jets: Jets, *, gone: bool) -> State:
    """The state with fewer nodes; with `gone` the shadow is, and its gates live in the weights."""
    layers = state.layers(run)
    small = compact(state.network, layers, gates, kept)
    gap = difference(state.network, layers, gates, kept, small, jets)
    allowed = TOLERANCE
    if not gap <= allowed:
        allowed = max(allowed, _ROUNDINGS * rounding(state.network, layers, gates, kept, jets))
    if not gap <= allowed:
        raise TrainingError(
            f"{run.name}: the compacted network differs from the gated one by {gap:.2g} in a logit "
            f"(at most {allowed:.2g} is rounding)"
        )
    shadow = None if gone or state.shadow is None else _smaller(run, state.shadow, small, kept)
    optimiser = optimiser_of(run, small, shadow)
    _follow(state, optimiser, small, lambda moments: cut(moments, layers, kept))
    if shadow is not None and state.shadow is not None:
        _follow_gates(state, optimiser, shadow, _places(state.shadow, kept))
    left = {
        layer.name: tuple(state.kept[layer.name][index] for index in one)
        for layer, one in zip(layers, kept, strict=True)
    }
    return replace(
        state,
        network=small,
        shadow=shadow,
        optimiser=optimiser,
        kept=left,
        gap=max(gap, state.gap),
    )


def _smaller(run: Run, shadow: Shadow, network: Network, kept: Kept) -> Shadow:
    small = shadow.resized(prunable(network, run.how.goal))
    index = _places(shadow, kept)
    small.load_state_dict({name: one[index] for name, one in shadow.state_dict().items()})
    return small


def _places(shadow: Shadow, kept: Kept) -> Tensor:
    """Places of the kept nodes in the vector of all gates."""
    first, places = 0, []
    for layer, one in zip(shadow.layers, kept, strict=True):
        places += [first + index for index in one]
        first += layer.nodes
    return torch.tensor(places, dtype=torch.long)


def _follow_gates(
    state: State, optimiser: torch.optim.Optimizer, shadow: Shadow, index: Tensor
) -> None:
    """Give the new optimiser what the old one remembers of the gates that are left."""
    before = {} if state.shadow is None else state.optimiser.state.get(state.shadow.theta, {})
    for key, value in before.items():
        optimiser.state[shadow.theta][key] = value[index] if value.dim() else value.clone()


def _follow(
    state: State,
    optimiser: torch.optim.Optimizer,
    small: Network,
    taken: Callable[[dict[str, Tensor]], dict[str, Tensor]],
) -> None:
    """Give the new optimiser what the old one remembers of the weights that are left."""
    names = [name for name, _ in state.network.named_parameters()]
    memories = (state.optimiser.state.get(one, {}) for one in state.network.parameters())
    old = dict(zip(names, memories, strict=True))
    for key in {key for memory in old.values() for key in memory}:
        values = {name: memory[key] for name, memory in old.items() if key in memory}
        arrays = {name: one for name, one in values.items() if one.dim() > 0}
        for name, value in {**values, **taken(arrays)}.items():
            optimiser.state[small.get_parameter(name)][key] = value.clone()
