"""Everything that changes during a training: how it starts, freezes, rests on disk and returns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ftag_prune.compact import Kept, choose, compact, cut, difference
from ftag_prune.config import Adam, Run
from ftag_prune.errors import FtagPruneError, TrainingError
from ftag_prune.model import load_tensors, save_tensors
from ftag_prune.networks import Network, build
from ftag_prune.pressure import Memory
from ftag_prune.shadow import Shadow, open_nodes
from ftag_prune.tensors import Description

__all__ = ["TOLERANCE", "Frozen", "State", "Trained", "freeze", "resume", "save", "start"]

_log = logging.getLogger(__name__)

# Compaction is exact but for the order of float32 sums.
TOLERANCE = 1e-5

Phase = Literal["dense", "gated", "tuned"]


class Frozen(NamedTuple):
    """What the freeze found and did.

    ``reached`` is the number of open nodes (gate at least one half) that the strategy had come to
    by itself; ``kept`` the indices left in each layer; ``difference`` the largest |difference| of
    logits between the gated and the compacted network.
    """

    reached: int
    kept: Kept
    difference: float


class Trained(NamedTuple):
    """A finished training: the (compacted) network, how it was frozen, and a row per epoch."""

    network: Network
    frozen: Frozen | None
    history: list[dict[str, Any]]


@dataclass
class State:
    """A training between two epochs; `shadow` is there until the freeze (never for dense runs)."""

    network: Network
    shadow: Shadow | None
    optimiser: torch.optim.Optimizer
    memory: Memory
    epoch: int = 0
    frozen: Frozen | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    def phase(self, run: Run) -> Phase:
        """Where in the training the next epoch stands."""
        epochs = run.training.epochs
        if run.keep is None or self.epoch < epochs.dense:
            return "dense"
        return "gated" if self.epoch < epochs.dense + epochs.gated else "tuned"

    def most_pruned(self, run: Run) -> float:
        """Largest fraction of nodes that was off at the end of an epoch, or is cut out by now."""
        cut_out = 1 - sum(self.network.architecture.nodes) / sum(run.network.nodes)
        return max(cut_out, *(float(row["pruned"]) for row in self.history), 0.0)

    def gates(self, run: Run, *, progress: float) -> Tensor | None:
        """Gates (nodes,) after a share of the gated epochs; None while there are none."""
        if self.shadow is None or self.phase(run) != "gated":
            return None
        gates: Tensor = self.shadow(progress=progress, target=run.target)
        return gates


def start(run: Run, description: Description) -> State:
    """State before the first epoch; it depends on the run's seed alone."""
    network = build(
        run.network,
        mean=description.mean,
        std=description.std,
        classes=len(description.classes),
        seed=run.seed,
    )
    shadow = None if run.keep is None else Shadow(network.layers(), run.gate)
    memory = run.pressure.start(sum(run.network.nodes))
    return State(network, shadow, _optimiser(run, network, shadow), memory)


def _optimiser(run: Run, network: Network, shadow: Shadow | None) -> torch.optim.Optimizer:
    """Weights in the first group, gates (if any) in the second, which never decays."""
    groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
    if shadow is not None:
        groups.append({"params": list(shadow.parameters()), "weight_decay": 0.0})
    chosen = run.training.optimiser
    if isinstance(chosen, Adam):
        return torch.optim.AdamW(groups, weight_decay=chosen.weight_decay, fused=True)
    return torch.optim.SGD(
        groups, momentum=chosen.momentum, weight_decay=chosen.weight_decay, fused=True
    )


def freeze(run: Run, state: State, x: Tensor) -> State:
    """Keep exactly `run.keep` nodes, cut the others out, and go on with the smaller network.

    What the optimiser remembers of the kept weights goes with them; the memory of what was cut
    cannot bring it back. `x` are jets on which both networks must agree.

    Raises
    ------
    TrainingError
        If the compacted network differs from the gated one by more than 1e-5 in a logit.
    """
    if state.shadow is None or run.keep is None:
        raise TrainingError(f"{run.name}: a dense training has nothing to freeze")
    layers = state.network.layers()
    gates = state.shadow(progress=1.0, target=run.target).detach()
    scores = state.shadow.theta.detach().numpy()
    kept = choose(scores, [layer.nodes for layer in layers], keep=run.keep)
    small = compact(state.network, gates, kept)
    gap = difference(state.network, gates, kept, small, x)
    if not gap <= TOLERANCE:
        raise TrainingError(
            f"{run.name}: the compacted network differs from the gated one by {gap:.2g} in a logit "
            f"(at most {TOLERANCE:g} is rounding)"
        )
    optimiser = _optimiser(run, small, None)
    _follow(state, optimiser, small, lambda moments: cut(moments, layers, kept))
    frozen = Frozen(open_nodes(gates), kept, gap)
    return State(small, None, optimiser, state.memory, state.epoch, frozen, state.history)


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


# -- checkpoints ---------------------------------------------------------------------------------


def save(path: Path, state: State, *, identity: str) -> None:
    """Write the state between two epochs, whole or not at all."""
    tensors = {"network": state.network.state_dict(), "optimiser": state.optimiser.state_dict()}
    if state.shadow is not None:
        tensors["shadow"] = state.shadow.state_dict()
    save_tensors(
        path,
        tensors,
        identity=identity,
        epoch=state.epoch,
        memory=state.memory,
        frozen=state.frozen,
        history=state.history,
    )


def resume(path: Path, run: Run, description: Description, *, identity: str) -> State:
    """State of a checkpoint, or a fresh one if there is none of this very run and these jets."""
    fresh = start(run, description)
    if not path.exists():
        return fresh
    try:
        tensors, about = load_tensors(path)
    except FtagPruneError as broken:
        _log.warning("%s; the training starts anew", broken)
        return fresh
    if about["identity"] != identity:
        _log.warning("%s: of another spec or other jets; the training starts anew", path)
        return fresh
    return _restored(fresh, run, tensors, about)


def _restored(fresh: State, run: Run, tensors: dict[str, Any], about: dict[str, Any]) -> State:
    network, shadow, frozen = fresh.network, fresh.shadow, None
    if about["frozen"] is not None:
        reached, kept, gap = about["frozen"]
        frozen = Frozen(reached, tuple(tuple(one) for one in kept), gap)
        network = network.resized(tuple(len(one) for one in kept))
        shadow = None
    optimiser = _optimiser(run, network, shadow)
    network.load_state_dict(tensors["network"])
    if shadow is not None:
        shadow.load_state_dict(tensors["shadow"])
    optimiser.load_state_dict(tensors["optimiser"])
    pressure, *kept = about["memory"]
    memory = Memory(pressure, *map(tuple, kept))
    return State(network, shadow, optimiser, memory, about["epoch"], frozen, about["history"])
