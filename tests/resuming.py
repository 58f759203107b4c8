"""A training that is interrupted after an epoch, beside the one that is not."""

from __future__ import annotations

from pathlib import Path

from test_train import described, equal, jets, same

from ftag_prune.config import Run
from ftag_prune.tensors import Description, Source
from ftag_prune.train import Trained, fit
from ftag_prune.train.checkpoints import resume, save
from ftag_prune.train.state import State, start

__all__ = ["resumed"]


def resumed(
    run: Run,
    folder: Path,
    *,
    stop: int,
    about: Description | None = None,
    train: Source | None = None,
    val: Source | None = None,
) -> tuple[Trained, Trained]:
    """The whole training, and the one that goes on after `stop` epochs: the same, to the bit."""
    about, path = about or described(), folder / "checkpoint.pt"
    train, val = train or jets(), val or jets(300, seed=1)

    def after_epoch(state: State) -> None:
        if state.epoch == stop:
            save(path, state, identity="mine")

    whole = fit(run, start(run, about), train, val, after_epoch=after_epoch)
    state = resume(path, run, about, identity="mine")
    assert state.epoch == stop
    again = fit(run, state, train, val)
    assert same(whole.network, again.network)
    assert equal(whole.history, again.history)
    assert (whole.frozen, whole.kept, whole.nodes) == (again.frozen, again.kept, again.nodes)
    return whole, again
