"""The gates at the end of an epoch as a doctor sees them: what pulls at them, and how hard."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ftag_prune.config import Gated, Run, Sgd
from ftag_prune.diagnose import Symptoms, onset_epoch, verdict, warning
from ftag_prune.pressure import Seen
from ftag_prune.shadow import Gates, Shadow
from ftag_prune.tensors import Jets
from ftag_prune.train.losses import total_at_rest
from ftag_prune.train.state import State
from ftag_prune.train.steps import Step

__all__ = ["Counts", "Examined", "examined"]

_log = logging.getLogger(__name__)


class Counts(NamedTuple):
    """Nodes at the end of an epoch.

    Attributes
    ----------
    active : fraction that the pruning loss counts
    off : nodes with a gate below one half, or cut out
    gone, regrown : nodes that went off in this epoch, and those that came back
    """

    active: float
    off: int
    gone: int
    regrown: int


class Examined(NamedTuple):
    """Columns of the history that say why gates move or do not.

    Attributes
    ----------
    class_gradient, pruning_gradient : 2-norms of dL_cla/dtheta and of pressure dL_pru/dtheta
    zero_gradient : share of the nodes whose gradient is exactly zero
    fractional : share of the gates between 0.05 and 0.95
    price : pressure dL_pru/dz, what the pruning loss pays for closing a node
    saliency_low, saliency_median, saliency_high : 10, 50 and 90 % quantiles of -dL_cla/dz over the
        nodes that are on
    onset : epoch at which the typical gate is predicted to go off; inf if never
    verdict : one word, see `ftag_prune.diagnose`
    """

    class_gradient: float = 0.0
    pruning_gradient: float = 0.0
    zero_gradient: float = 0.0
    fractional: float = 0.0
    price: float = 0.0
    saliency_low: float = math.nan
    saliency_median: float = math.nan
    saliency_high: float = math.nan
    onset: float = math.nan
    verdict: str = ""


class _Pull(NamedTuple):
    """Gradients of one batch, or their means over several.

    Attributes
    ----------
    theta : (nodes,) dL_cla/dtheta
    value : (nodes,) dL_cla/dz
    square : mean over batches of the squared norm of `theta`
    """

    theta: Tensor
    value: Tensor
    square: float


def examined(
    run: Run,
    state: State,
    gates: Gates | None,
    counts: Counts,
    batches: Sequence[Jets],
    *,
    steps: Sequence[Step],
    progress: float,
) -> Examined:
    """Examine the gates; a changed verdict that somebody should know of is a warning in the log."""
    how, shadow = run.how, state.shadow
    if gates is None or shadow is None or not isinstance(how, Gated):
        return Examined()
    # Without a pruning loss nothing is weighed against these gradients: one batch will do.
    pull = _pull(state, gates, batches if how.pressed else list(batches)[-1:])
    loss = shadow.pruning_loss(gates, how.loss)
    wanted = torch.autograd.grad(loss, (shadow.theta, gates.active), retain_graph=True)
    pressed, unit_price = (_precise(one) for one in wanted)
    (slope,) = torch.autograd.grad(gates.value.sum(), shadow.theta)
    on = (gates.value >= 0.5).cpu()
    still = pull.theta + state.memory.pressure * pressed == 0
    salient = -pull.value[on]
    now = Symptoms(
        epoch=state.epoch + 1 - run.training.epochs.dense,
        epochs=run.training.epochs.gated,
        steps=len(steps),
        nodes=len(on),
        wanted=shadow.wanted,
        active=counts.active,
        target=1 - shadow.wanted,
        pruned=1 - shadow.open_share(gates.value),
        gone=counts.gone,
        regrown=counts.regrown,
        fractional=_share((gates.value > 0.05) & (gates.value < 0.95)),
        pressed=how.pressed,
        pressure=state.memory.pressure,
        unit_price=float(unit_price.mean()),
        rate=state.optimiser.param_groups[1]["lr"],
        adaptive=not isinstance(run.training.optimiser, Sgd),
        distance=float(shadow.theta.detach().cpu()[on].median()) if on.any() else 0.0,
        slope_squared=float(_precise(slope).square().mean()),
        zero_open=_share(still[on]) if on.any() else 0.0,
        class_gradient=math.sqrt(pull.square),
        saliency_median=_quantile(salient, 0.5),
        momentum=getattr(run.training.optimiser, "momentum", 0.0),
        steepness=how.gate.steepness_at(progress),
        limit=getattr(how.gate, "limit", math.inf),
    )
    onset = onset_epoch(now, _coming(how, state, now, steps[-1].seen))
    word = verdict(now, onset)
    _warn(run, state, word, warning(now, onset))
    return Examined(
        class_gradient=now.class_gradient,
        pruning_gradient=state.memory.pressure * float(pressed.norm()),
        zero_gradient=_share(still),
        fractional=now.fractional,
        price=now.price,
        saliency_low=_quantile(salient, 0.1),
        saliency_median=now.saliency_median,
        saliency_high=_quantile(salient, 0.9),
        onset=run.training.epochs.dense + onset if how.pressed else math.nan,
        verdict=word,
    )


def _pull(state: State, gates: Gates, batches: Sequence[Jets]) -> _Pull:
    """What the class loss does to the gates, over some batches."""
    theta, value, square = torch.zeros(1), torch.zeros(1), 0.0
    for jets in batches:
        loss = total_at_rest(state.network, state.shadow, gates, jets)
        found = _gradients(loss, state.shadow, gates)
        theta, value = theta + found[0], value + found[1]
        square += float(found[0].square().sum())
    number = len(batches)
    return _Pull(theta / number, value / number, square / number)


def _gradients(loss: Tensor, shadow: Shadow | None, gates: Gates) -> tuple[Tensor, Tensor]:
    theta = () if shadow is None else (shadow.theta,)
    first, second = torch.autograd.grad(loss, (*theta, gates.value), retain_graph=True)
    return _precise(first), _precise(second)


def _precise(gradient: Tensor) -> Tensor:
    """On the CPU in float64: squares of a closed gate's slope do not fit into a float32."""
    return gradient.cpu().double()


def _coming(how: Gated, state: State, now: Symptoms, last: Seen | None) -> list[float]:
    """Pressure of each gated epoch to come, if everything else stayed as it is now."""
    memory, coming = state.memory, list[float]()
    if last is None:
        return coming
    for epoch in range(now.epoch, now.epochs):
        for step in range(now.steps):
            progress = (epoch + step / now.steps) / now.epochs
            memory = how.pressure.step(memory, last._replace(epoch=epoch, progress=progress))
        coming.append(memory.pressure)
    return coming


def _warn(run: Run, state: State, word: str, sentence: str | None) -> None:
    """Say it when the verdict changes, not every epoch."""
    before = state.history[-1]["verdict"] if state.history else ""
    if sentence is not None and word != before:
        _log.warning("%s: %s", run.name, sentence)


def _share(chosen: Tensor) -> float:
    return float(chosen.cpu().double().mean())


def _quantile(values: Tensor, share: float) -> float:
    return float(values.double().quantile(share)) if len(values) else math.nan
