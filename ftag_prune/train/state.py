"""Everything that changes during a training, and how it starts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ftag_prune.config import Adam, Gated, Run
from ftag_prune.errors import TrainingError
from ftag_prune.networks import INPUTS, Layer, Network
from ftag_prune.pressure import Memory
from ftag_prune.selection import shares
from ftag_prune.shadow import Part, Shadow, cost_left, parts_of, prunable
from ftag_prune.tensors import Description
from ftag_prune.train.before import NOTHING, Before
from ftag_prune.train.device import device_of, fused, place, scaler_of
from ftag_prune.train.steps import Begun

__all__ = [
    "Best",
    "Frozen",
    "Node",
    "Phase",
    "State",
    "Trained",
    "moved",
    "optimiser_of",
    "recalled",
    "start",
]

Phase = Literal["dense", "gated", "tuned"]


class Frozen(NamedTuple):
    """What the freeze (or the last cut of a control) found and did.

    Attributes
    ----------
    reached : float or None
        Cost of the open nodes (gate at least one half) that the strategy had come to by itself, in
        the unit of its goal; None for a control without gates.
    cost : float
        Cost that is left, in the same unit.
    difference : float
        Largest |difference| of logits between the masked and the compacted network, of all cuts.
    """

    reached: float | None
    cost: float
    difference: float


class Best(NamedTuple):
    """Tensors of the network, on the CPU, after its epoch with the lowest validation loss."""

    epoch: int
    tensors: dict[str, Tensor]


class Node(NamedTuple):
    """A node at the freeze: its layer, its index in the network of the spec, theta and gate."""

    layer: str
    node: int
    theta: float
    gate: float


class Trained(NamedTuple):
    """A finished training.

    Attributes
    ----------
    network : the compacted one, with the weights that the training keeps
    last : the same with the weights of the last epoch, if they are others
    best_epoch : with the lowest validation loss; None if none came after the last cut
    early : whether the patience ended it before its last epoch
    frozen : None if nothing was cut
    kept : indices left in each layer that could be pruned, of those of the network in the spec
    history : a row per epoch
    nodes : those that had a gate until the freeze
    seconds : of training, over all interruptions
    device : kind of device that it was trained on; everything here is on the CPU
    steps : batches of an epoch
    parts : budgets, and what the network cost before anything was cut
    """

    network: Network
    last: Network | None
    best_epoch: int | None
    early: bool
    frozen: Frozen | None
    kept: dict[str, tuple[int, ...]]
    history: list[dict[str, Any]]
    nodes: list[Node]
    seconds: float
    device: str
    steps: int
    parts: tuple[Part, ...]


@dataclass
class State:
    """A training between two epochs, or between two batches of one that has `begun`.

    `shadow` is there until the freeze (never for runs without gates); `parts` are the budgets of
    the run; `kept` the indices left in each layer that may be pruned; `whole` the number of nodes
    that could be before anything was; `gap` the largest difference of logits that a cut has made;
    `best` the weights to go back to, once nothing is cut any more.
    """

    network: Network
    shadow: Shadow | None
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    memory: Memory
    parts: tuple[Part, ...]
    kept: dict[str, tuple[int, ...]]
    whole: int
    epoch: int = 0
    frozen: Frozen | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    seconds: float = 0.0
    gap: float = 0.0
    best: Best | None = None
    begun: Begun | None = None

    def phase(self, run: Run) -> Phase:
        """Where in the training the next epoch stands."""
        if self.frozen is not None:
            return "tuned"
        after_dense = self.epoch >= run.training.epochs.dense
        return "gated" if self.shadow is not None and after_dense else "dense"

    @property
    def device(self) -> torch.device:
        """Where network, gates and optimiser are."""
        return next(self.network.parameters()).device

    @property
    def left(self) -> int:
        """Nodes that are not cut out, of those that may be."""
        return sum(len(one) for one in self.kept.values())

    def most_pruned(self) -> float:
        """Largest fraction of nodes that was off at the end of an epoch, or is cut out by now."""
        cut_out = 1 - self.left / self.whole
        return max(cut_out, *(float(row["pruned"]) for row in self.history), 0.0)

    def layers(self, run: Run) -> tuple[Layer, ...]:
        """Layers whose nodes may be switched off, as they are now."""
        return prunable(self.network, run.how.goal)


def start(run: Run, about: Description, *, before: Before = NOTHING) -> State:
    """State before the first epoch; it depends on the run's seed and on what is there before."""
    given = before.build(about, run.network, seed=run.seed)
    goal = run.how.goal
    parts = parts_of(given, goal, target=run.target, keep=run.keep)
    network, frozen = given, None
    if run.how.kind == "scratch":
        network, frozen = _small(run, about, given, before, parts)
    layers = prunable(network, goal)
    shadow, memory = None, Memory(0.0)
    if isinstance(run.how, Gated) and not run.dense:
        shadow = Shadow(layers, run.how.gate, parts, floor=goal.floor)
        memory = run.how.pressure.start(_nodes(layers))
    kept = {layer.name: tuple(range(layer.nodes)) for layer in layers}
    whole = _nodes(prunable(given, goal))
    device = device_of(run.training)
    place(device, network, shadow)
    optimiser, scaler = optimiser_of(run, network, shadow), scaler_of(run.training, device)
    return State(network, shadow, optimiser, scaler, memory, parts, kept, whole, frozen=frozen)


def moved(run: Run, state: State, device: torch.device) -> State:
    """The state on another device: the network and the gates are moved, not copied."""
    if state.device == device:
        return state
    place(device, state.network, state.shadow)
    told = state.optimiser.state_dict()
    return replace(state, optimiser=recalled(run, state.network, state.shadow, told))


def _nodes(layers: tuple[Layer, ...]) -> int:
    return sum(layer.nodes for layer in layers)


def _small(
    run: Run, about: Description, given: Network, before: Before, parts: tuple[Part, ...]
) -> tuple[Network, Frozen]:
    """A network that is small from the start: of a given shape, or the same share of each layer."""
    layers, like = prunable(given, run.how.goal), before.like
    if like is None:
        if run.keep is None:
            raise TrainingError(f"{run.name}: scratch without `like` counts nodes of hidden layers")
        counts = shares([one.nodes for one in layers], keep=run.keep, floor=run.how.goal.floor)
        like = dict(zip((layer.name for layer in layers), counts, strict=True))
    if any(name in like for name in INPUTS):
        raise TrainingError(f"{run.name}: scratch has all inputs; `like` names a run without some")
    network = before.build(about, run.network.resized(like), seed=run.seed)
    left = [layer.nodes for layer in prunable(network, run.how.goal)]
    return network, Frozen(None, cost_left(parts, left), 0.0)


def optimiser_of(run: Run, network: Network, shadow: Shadow | None) -> torch.optim.Optimizer:
    """Weights in the first group, gates (if any) in the second, which never decays."""
    groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
    if shadow is not None:
        groups.append({"params": list(shadow.parameters()), "weight_decay": 0.0})
    chosen, at_once = run.training.optimiser, fused(next(network.parameters()).device)
    if isinstance(chosen, Adam):
        return torch.optim.AdamW(groups, weight_decay=chosen.weight_decay, fused=at_once)
    return torch.optim.SGD(
        groups, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=at_once
    )


def recalled(
    run: Run, network: Network, shadow: Shadow | None, told: dict[str, Any]
) -> torch.optim.Optimizer:
    """Optimiser that knows what another one knew, which may have been on another device."""
    optimiser = optimiser_of(run, network, shadow)
    pairs = zip(told["param_groups"], optimiser.param_groups, strict=True)
    groups = [{**its, "fused": mine["fused"]} for its, mine in pairs]
    optimiser.load_state_dict({**told, "param_groups": groups})
    return optimiser
