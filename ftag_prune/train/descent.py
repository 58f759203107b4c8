"""Several targets from one training: a falling budget passes each of them on its way down."""

from __future__ import annotations

from pathlib import Path

from ftag_prune.config import Gated, Run
from ftag_prune.errors import TrainingError
from ftag_prune.shadow import Shadow
from ftag_prune.tensors import Description, Source
from ftag_prune.train.before import Before
from ftag_prune.train.checkpoints import identity_of, resume, save
from ftag_prune.train.keeper import Habits, Keeper, forget
from ftag_prune.train.loop import fit
from ftag_prune.train.state import State, start

__all__ = ["left_behind", "stops"]


def left_behind(
    run: Run,
    about: Description,
    train: Source,
    val: Source,
    *,
    before: Before,
    out: Path,
    habits: Habits,
) -> State:
    """State that the common training leaves behind for one of its runs, ready for the freeze.

    The common training goes as far as its last stop, once; its states lie in `out`/trunk.
    """
    trunk = run.model_copy(update={"name": run.trunk, "target": max(run.stops), "keep": None})
    folder = out / trunk.name
    identity = identity_of(trunk, about, before=before)
    path = folder / f"stop-{run.target:g}.pt"
    mine = resume(path, run, about, identity=identity, before=before)
    if mine.epoch == 0:
        with habits.hold(folder) as claim:
            mine = resume(path, run, about, identity=identity, before=before)
            if mine.epoch == 0:  # nobody did it while we waited
                keeper = Keeper(folder / "checkpoint.pt", identity, habits, claim)
                _descend(trunk, about, train, val, before=before, keeper=keeper)
                mine = resume(path, run, about, identity=identity, before=before)
    mine.epoch = run.training.epochs.dense + run.training.epochs.gated
    return mine


def stops(run: Run, shadow: Shadow) -> dict[float, int]:
    """Epoch after which the budget is nearest to each target of the common training."""
    if not isinstance(run.how, Gated):
        raise TrainingError(f"{run.name}: only a gate has a budget that falls")
    epochs, found = run.training.epochs, {}
    for target in run.stops:
        gaps = {}
        for epoch in range(1, epochs.gated + 1):
            aims = shadow.aims(epoch / epochs.gated)
            left = sum(shadow.gate.least(aim) for aim in aims)
            whole = sum(aim.cost.whole for aim in aims)
            gaps[epochs.dense + epoch] = abs(left / whole - (1 - target))
        found[target] = min(gaps, key=lambda epoch: (round(gaps[epoch], 9), epoch))
    return found


def _descend(
    trunk: Run,
    about: Description,
    train: Source,
    val: Source,
    *,
    before: Before,
    keeper: Keeper,
) -> None:
    """Train as far as the last stop, and leave a state at each."""
    fresh = start(trunk, about, before=before)
    if fresh.shadow is None:
        raise TrainingError(f"{trunk.name}: has no gates")
    places = stops(trunk, fresh.shadow)

    def after_epoch(state: State) -> None:
        for target, epoch in places.items():
            if epoch == state.epoch:
                save(keeper.path.with_name(f"stop-{target:g}.pt"), state, identity=keeper.identity)
        keeper(state)

    state = resume(keeper.path, trunk, about, identity=keeper.identity, before=before)
    with keeper.named_if_it_fails():
        last = max(places.values())
        fit(trunk, state, train, val, after_epoch=after_epoch, after_batch=keeper, until=last)
    forget(keeper.path)
