"""Which weights a training leaves behind, and when it need not go on."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

from ftag_prune.config import Run
from ftag_prune.networks import Network
from ftag_prune.train.state import Best, State

__all__ = ["best_of", "chosen_network", "out_of_patience", "remembered"]


def out_of_patience(run: Run, state: State) -> bool:
    """Whether so many epochs were no gain that the training need not go on.

    The epochs are those in which the network has its final shape: the budget of gated epochs falls
    as planned, and every cut comes. A loss is a gain if it lies by more than `least_gain` below the
    last one that was.
    """
    lowest, since = math.inf, 0
    for row in _final(run, state):
        gain = row["val_loss"] < lowest - run.training.least_gain
        lowest, since = (row["val_loss"], 0) if gain else (lowest, since + 1)
    return run.training.patience is not None and since >= run.training.patience


def best_of(run: Run, state: State) -> int | None:
    """Epoch (from 1) with the lowest validation loss; the first of equals, None if there is none.

    Only epochs in which the network has its final shape are compared.
    """
    rows = _final(run, state)
    return min(rows, key=lambda row: row["val_loss"])["epoch"] if rows else None


def remembered(run: Run, state: State) -> Best | None:
    """The weights to go back to after an epoch: those of this one, if it is the best so far."""
    if run.training.keep == "last" or best_of(run, state) != state.epoch:
        return state.best
    tensors = state.network.state_dict()
    return Best(state.epoch, {name: one.to("cpu", copy=True) for name, one in tensors.items()})


def chosen_network(state: State) -> Network:
    """The network with the weights that the training keeps; its own if these are the last."""
    if state.best is None or state.best.epoch == state.epoch:
        return state.network
    network = deepcopy(state.network)
    network.load_state_dict(state.best.tensors)
    return network


def _final(run: Run, state: State) -> list[dict[str, Any]]:
    """Epochs after the last cut; all of a network that loses nothing."""
    return [row for row in state.history if run.dense or row["phase"] == "tuned"]
