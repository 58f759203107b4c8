"""The training loop: batches, losses, steps, pressure, history, and the cuts between epochs."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ftag_prune.config import Gated, Iterative, OneShot, Run
from ftag_prune.errors import TrainingError
from ftag_prune.networks import Network
from ftag_prune.pressure import Seen
from ftag_prune.rates import Pair
from ftag_prune.shadow import Gates
from ftag_prune.tensors import Jets, Source, batches, unshuffled
from ftag_prune.train.best import best_of, chosen_network, out_of_patience, remembered
from ftag_prune.train.chance import drawing, gate_noise, judging_order, order
from ftag_prune.train.criteria import scores
from ftag_prune.train.device import CPU, mixed
from ftag_prune.train.history import row
from ftag_prune.train.losing import cut_by, freeze, ratchet
from ftag_prune.train.losses import losses
from ftag_prune.train.state import State, Trained, moved
from ftag_prune.train.steps import Begun, Step

__all__ = ["fit"]

# Jets on which the gated and the compacted network are compared.
_PROOF = 10_000
# Batches that a criterion takes its gradients from.
_JUDGED = 20
# Batches at the end of an epoch on which the gates are examined.
_EXAMINED = 4


def fit(
    run: Run,
    state: State,
    train: Source,
    val: Source,
    *,
    after_epoch: Callable[[State], None] = lambda _state: None,
    after_batch: Callable[[State], None] = lambda _state: None,
    until: int | None = None,
) -> Trained:
    """Train a run from a state (a fresh one, or one from a checkpoint) to its end.

    The same run and jets give the same numbers, interrupted or not. L_tot = class_loss +
    pressure * pruning_loss while there are gates, class_loss otherwise; a network
    that tells the origins of tracks has the loss of these beside the class loss. Rates follow the
    planned epochs, also of a training that its patience ends early.

    Parameters
    ----------
    after_epoch, after_batch : are told the state, which may be kept and gone on from; `state.begun`
        says what is done of the epoch, between two batches
    until : stop after so many epochs; default after all

    Raises
    ------
    TrainingError
        If a loss is not a number, or the compacted network differs from the gated one.
    """
    size = run.training.batch_size
    steps = math.ceil(train.number / size)
    last = run.training.epochs.total if until is None else until
    while state.epoch < last and not out_of_patience(run, state):
        state = _begun(run, state, train, val)
        clock = _Clock.of(run, state, steps)
        recent = _epoch(run, state, train, clock, after_batch=after_batch)
        started = time.monotonic()
        state.history.append(
            row(run, state, clock.begun.steps, recent, val, progress=clock.progress(1.0))
        )
        _check(run, state.history[-1]["val_loss"], state.epoch, "on the validation jets")
        state.begun = None
        state.epoch += 1
        state.best = remembered(run, state)
        state.seconds += time.monotonic() - started
        after_epoch(state)
    if until is None:
        state = _with_cuts(run, state, train, val)
    device, state = state.device.type, moved(run, state, CPU)
    network = chosen_network(state)
    return Trained(
        network,
        None if network is state.network else state.network,
        best_of(run, state),
        state.epoch < run.training.epochs.total,
        state.frozen,
        state.kept,
        state.history,
        state.nodes,
        state.seconds,
        device,
        steps,
        state.parts,
    )


def _begun(run: Run, state: State, train: Source, val: Source) -> State:
    """The state before the next batch: before the first of an epoch the cuts are made."""
    if state.begun is not None:
        return state
    started = time.monotonic()
    state = _with_cuts(run, _with_ratchet(run, state, val), train, val)
    state.seconds += time.monotonic() - started
    state.begun = Begun([], gate_noise(run, state.epoch))
    return state


def _epoch(
    run: Run,
    state: State,
    train: Source,
    clock: _Clock,
    *,
    after_batch: Callable[[State], None],
) -> Sequence[Jets]:
    """The batches of an epoch that are not done yet; returns the last ones."""
    recent, steps = deque[Jets](maxlen=_EXAMINED), clock.begun.steps
    shuffled = batches(train, run.training.batch_size, rng=order(run, state.epoch))
    started = time.monotonic()
    with drawing(run, state.epoch, state.device, drawn=clock.begun.drawn):
        for index, jets in enumerate(shuffled):
            recent.append(jets.to(state.device))
            if index < len(steps):
                continue  # done before an interruption
            steps.append(_step(run, state, recent[-1], clock, index=index))
            now = time.monotonic()
            state.seconds, started = state.seconds + now - started, now
            after_batch(state)
    return recent


# -- a step ----------------------------------------------------------------------------------------


class _Clock(NamedTuple):
    """Where an epoch stands in the training, and what is drawn in it.

    Attributes
    ----------
    steps : batches of an epoch
    most : largest fraction of nodes that was off at the end of an epoch before
    begun : batches that are done, and the generator of drawn gates
    """

    run: Run
    epoch: int
    steps: int
    most: float
    begun: Begun

    @classmethod
    def of(cls, run: Run, state: State, steps: int) -> _Clock:
        begun = state.begun or Begun([], gate_noise(run, state.epoch))
        return cls(run, state.epoch, steps, state.most_pruned(), begun)

    def progress(self, share: float) -> float:
        """Share of the gated epochs that is done, `share` being that of this epoch."""
        epochs = self.run.training.epochs
        return (self.epoch - epochs.dense + share) / epochs.gated

    def rates(self, share: float) -> Pair:
        """Learning rates of this moment."""
        epochs = self.run.training.epochs
        return self.run.how.rates.at((self.epoch + share) / epochs.total, pruned=self.most)


def _step(run: Run, state: State, jets: Jets, clock: _Clock, *, index: int) -> Step:
    """One batch: losses, step of weights and gates, step of the pressure."""
    share, how, shadow = index / clock.steps, run.how, state.shadow
    gates = _gates(run, state, clock, share)
    with mixed(run.training, state.device):
        found = losses(state.network, shadow, gates, jets)
    loss, measured = found.total, found.classes.item()
    origin = 0.0 if found.origins is None else found.origins.item()
    _check(run, measured + origin, state.epoch, f"batch {index + 1} of {clock.steps}")
    # Gates that meet their budget by themselves need neither pruning loss nor pressure.
    if gates is None or shadow is None or not isinstance(how, Gated) or not how.pressed:
        _descend(state, loss, clock.rates(share))
        return Step(len(jets.y), measured, origin)
    pruning = shadow.pruning_loss(gates, how.loss)
    slope = _slope(pruning, shadow.theta) if how.pressure.needs_gradient else 0.0
    _descend(state, loss + state.memory.pressure * pruning, clock.rates(share))
    seen = Seen(
        epoch=state.epoch - run.training.epochs.dense,
        progress=clock.progress(share),
        nodes=state.whole,
        pruned=1 - shadow.open_share(gates.value),
        target=1 - shadow.wanted,
        class_loss=measured,
        pruning_loss=pruning.item(),
        pruning_gradient=slope,
    )
    state.memory = how.pressure.step(state.memory, seen)
    return Step(len(jets.y), measured, origin, seen.pruning_loss, seen)


def _descend(state: State, loss: Tensor, rates: Pair) -> None:
    """Step of weights and gates down a loss."""
    state.optimiser.zero_grad()
    state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    for group, rate in zip(state.optimiser.param_groups, rates, strict=False):
        group["lr"] = rate
    state.scaler.step(state.optimiser)
    state.scaler.update()


def _check(run: Run, loss: float, epoch: int, place: str) -> None:
    """Stop at a loss that is not a number, before anything is written that comes from it."""
    if not math.isfinite(loss):
        raise TrainingError(
            f"{run.name}: the loss is {loss} in epoch {epoch + 1}, {place}; a lower learning rate "
            "may help"
        )


def _gates(run: Run, state: State, clock: _Clock, share: float) -> Gates | None:
    """Gates (nodes,) of a step; None while there are none."""
    if state.shadow is None or state.phase(run) != "gated":
        return None
    noise = None
    if state.shadow.gate.noisy:
        noise = torch.rand(len(state.shadow.theta), generator=clock.begun.noise).to(state.device)
    gates: Gates = state.shadow(progress=clock.progress(share), noise=noise)
    return gates


def _slope(pruning: Tensor, theta: Tensor) -> float:
    """2-norm of the pruning loss's gradient on theta; the graph stays for the step itself."""
    (gradient,) = torch.autograd.grad(pruning, theta, retain_graph=True)
    # Squares of what is left of a closed gate's slope do not fit into a float32.
    return float(gradient.cpu().double().norm())


# -- between epochs --------------------------------------------------------------------------------


def _with_cuts(run: Run, state: State, train: Source, val: Source) -> State:
    """The state after the cut that is due before its next epoch, if any.

    Every cut is made on the CPU, and proven there.
    """
    share = run.how.cuts(run.training.epochs).get(state.epoch)
    if share is None or state.frozen is not None or run.dense:
        return state
    device, state = state.device, moved(run, state, CPU)
    how, proof = run.how, next(unshuffled(val, _PROOF))
    if not isinstance(how, OneShot | Iterative):
        return moved(run, freeze(run, state, proof), device)
    layers = state.layers(run)
    rng = torch.Generator().manual_seed(run.seed)

    def judged(network: Network) -> Tensor:
        mixed = judging_order(run, state.epoch)
        some = batches(train, run.training.batch_size, rng=mixed)
        few = (jets for jets, _ in zip(some, range(_JUDGED), strict=False))
        return scores(network, layers, how.criterion, few, rng=rng)

    return moved(run, cut_by(run, state, judged, proof, share=share), device)


def _with_ratchet(run: Run, state: State, val: Source) -> State:
    """The state before its next gated epoch without the nodes that have been off for long enough.

    Not sooner: what a common training leaves behind for a target after an epoch has to be enough.
    """
    ratcheted = run.how.ratchet if isinstance(run.how, Gated) else None
    epochs = run.training.epochs
    done = state.epoch - epochs.dense
    if ratcheted is None or state.phase(run) != "gated" or not 0 < done < epochs.gated:
        return state
    device, state = state.device, moved(run, state, CPU)
    proof = next(unshuffled(val, _PROOF))
    fewer = ratchet(run, state, proof, epochs=ratcheted, progress=done / epochs.gated)
    return moved(run, fewer, device)
