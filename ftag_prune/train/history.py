"""What an epoch leaves in the history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ftag_prune.config import Gated, Run
from ftag_prune.shadow import Gates, Shadow
from ftag_prune.tensors import Jets, Source, unshuffled
from ftag_prune.train.examine import Counts, examined
from ftag_prune.train.losses import class_loss_at_rest
from ftag_prune.train.state import State
from ftag_prune.train.steps import Step

__all__ = ["row"]


def row(
    run: Run,
    state: State,
    steps: list[Step],
    recent: Sequence[Jets],
    val: Source,
    *,
    progress: float,
) -> dict[str, Any]:
    """Row of the history; what is said of gates is as it stands at the end of the epoch.

    Parameters
    ----------
    recent : the last batches, on which gradients are measured
    progress : share of the gated epochs that is done then
    """
    weights = [step.jets for step in steps]
    shadow = state.shadow if state.phase(run) == "gated" else None
    gates = None if shadow is None else shadow(progress=progress)
    rates = run.how.rates.at(
        (state.epoch + 1) / run.training.epochs.total, pruned=state.most_pruned()
    )
    counts = Counts(state.left / state.whole, state.whole - state.left, 0, 0)
    if shadow is not None and gates is not None:
        counts = _count(state, shadow, gates)
    return {
        "epoch": state.epoch + 1,
        "phase": state.phase(run),
        "class_loss": float(np.average([step.class_loss for step in steps], weights=weights)),
        "val_loss": _validation(state, gates, val),
        "origin_loss": float(np.average([step.origin_loss for step in steps], weights=weights)),
        "pruning_loss": _pruning_loss(run, state, gates, steps),
        "pressure": state.memory.pressure if gates is not None else 0.0,
        "active": counts.active,
        "pruned": counts.off / state.whole,
        "off": counts.off,
        "regrown": counts.regrown,
        "weights_rate": rates.weights,
        "gates_rate": rates.gates if gates is not None else 0.0,
        **examined(run, state, gates, counts, recent, steps=steps, progress=progress)._asdict(),
    }


def _pruning_loss(run: Run, state: State, gates: Gates | None, steps: list[Step]) -> float:
    """Mean over the epoch; at its end for gates on which none acts."""
    how, shadow = run.how, state.shadow
    if gates is not None and shadow is not None and isinstance(how, Gated) and not how.pressed:
        return shadow.pruning_loss(gates, how.loss).item()
    losses, jets = zip(*((step.pruning_loss, step.jets) for step in steps), strict=True)
    return float(np.average(losses, weights=jets))


@torch.no_grad()
def _count(state: State, shadow: Shadow, gates: Gates) -> Counts:
    """Count the nodes, and for how many epochs each has been off."""
    off, before = gates.value < 0.5, shadow.off_for > 0
    shadow.off_for.copy_(torch.where(off, shadow.off_for + 1, 0))
    active = torch.stack(shadow.active(gates)).mean().item()
    return Counts(
        active,
        off=int(off.sum()) + state.whole - len(off),
        gone=int((off & ~before).sum()),
        regrown=int((before & ~off).sum()),
    )


@torch.no_grad()
def _validation(state: State, gates: Gates | None, val: Source) -> float:
    """Mean cross-entropy of the validation jets, weighted as the training's."""
    total = sum(
        class_loss_at_rest(state.network, state.shadow, gates, jets.to(state.device)).item()
        * jets.number
        for jets in unshuffled(val, 10_000)
    )
    return total / val.number
