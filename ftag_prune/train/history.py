"""What an epoch leaves in the history, and what its gates look like to a doctor."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ftag_prune.config import Gated, Run
from ftag_prune.shadow import Gates, Shadow
from ftag_prune.tensors import Jets, Source, unshuffled
from ftag_prune.train.losses import class_loss
from ftag_prune.train.state import State

__all__ = ["Step", "row"]


class Step(NamedTuple):
    """One batch."""

    jets: int
    class_loss: float
    pruning_loss: float


def row(
    run: Run, state: State, steps: list[Step], jets: Jets, val: Source, *, progress: float
) -> dict[str, Any]:
    """Row of the history; what is said of gates is as it stands at the end of the epoch.

    Parameters
    ----------
    jets : the last batch, on which gradients are measured
    progress : share of the gated epochs that is done then
    """
    table = np.array(steps)
    share = table[:, 0] / table[:, 0].sum()
    shadow = state.shadow if state.phase(run) == "gated" else None
    gates = None if shadow is None else shadow(progress=progress)
    rates = run.how.rates.at(
        (state.epoch + 1) / run.training.epochs.total, pruned=state.most_pruned()
    )
    counts = _Counts(state.left / state.whole, state.whole - state.left, 0)
    if shadow is not None and gates is not None:
        counts = _count(state, shadow, gates)
    return {
        "epoch": state.epoch + 1,
        "phase": state.phase(run),
        "class_loss": float(share @ table[:, 1]),
        "val_loss": _validation(state, gates, val),
        "pruning_loss": float(share @ table[:, 2]),
        "pressure": state.memory.pressure if gates is not None else 0.0,
        "active": counts.active,
        "pruned": counts.off / state.whole,
        "off": counts.off,
        "regrown": counts.regrown,
        "weights_rate": rates.weights,
        "gates_rate": rates.gates if gates is not None else 0.0,
        **_measured(run, state, gates, jets)._asdict(),
    }


class _Counts(NamedTuple):
    """Active fraction; nodes that are off or cut out; nodes that were off and are on again."""

    active: float
    off: int
    regrown: int


@torch.no_grad()
def _count(state: State, shadow: Shadow, gates: Gates) -> _Counts:
    """Count the nodes, and for how many epochs each has been off."""
    off = gates.value < 0.5
    regrown = int(((shadow.off_for > 0) & ~off).sum())
    shadow.off_for.copy_(torch.where(off, shadow.off_for + 1, 0))
    active = torch.stack(shadow.active(gates)).mean().item()
    return _Counts(active, int(off.sum()) + state.whole - len(off), regrown)


class _Measured(NamedTuple):
    """Gradients on the gates at the end of an epoch, see `ftag_prune.diagnose`."""

    class_gradient: float = 0.0
    pruning_gradient: float = 0.0
    zero_gradient: float = 0.0
    fractional: float = 0.0
    price: float = 0.0
    saliency_low: float = math.nan
    saliency_median: float = math.nan
    saliency_high: float = math.nan


def _measured(run: Run, state: State, gates: Gates | None, jets: Jets) -> _Measured:
    """What pulls at the gates: the class loss and the pruning loss, each by itself."""
    if gates is None or state.shadow is None or not isinstance(run.how, Gated):
        return _Measured()
    theta, value = state.shadow.theta, gates.value
    loss = _at_rest(state, gates, jets)
    class_theta, class_value = torch.autograd.grad(loss, (theta, value), retain_graph=True)
    pressed = state.memory.pressure * state.shadow.pruning_loss(gates, run.how.loss)
    pressed_theta, pressed_active = torch.autograd.grad(pressed, (theta, gates.active))
    half_open = ((value > 0.05) & (value < 0.95)).double().mean()
    return _Measured(
        class_gradient=float(class_theta.double().norm()),
        pruning_gradient=float(pressed_theta.double().norm()),
        zero_gradient=float((class_theta + pressed_theta == 0).double().mean()),
        fractional=float(half_open),
        price=float(pressed_active.double().mean()),
        **_saliency(-class_value[value >= 0.5]),
    )


def _saliency(values: Tensor) -> dict[str, float]:
    """Quantiles of what the open nodes are worth to the class loss; nan without any."""
    if not len(values):
        return {}
    low, median, high = values.double().quantile(values.new_tensor([0.1, 0.5, 0.9]).double())
    return {
        "saliency_low": float(low),
        "saliency_median": float(median),
        "saliency_high": float(high),
    }


@torch.no_grad()
def _validation(state: State, gates: Gates | None, val: Source) -> float:
    """Mean cross-entropy of the validation jets, weighted as the training's."""
    total = sum(
        _at_rest(state, gates, jets).item() * len(jets.y) for jets in unshuffled(val, 10_000)
    )
    return total / val.number


def _at_rest(state: State, gates: Gates | None, jets: Jets) -> Tensor:
    """Class loss of jets with the network as it scores: batch norms use what they remember."""
    training = state.network.training
    state.network.eval()
    loss = class_loss(state.network, state.shadow, gates, jets)
    state.network.train(training)
    return loss
