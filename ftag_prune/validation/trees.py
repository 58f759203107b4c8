"""Boosted trees on the same inputs and weights: a reference that every sample has.

They need no choice of a network, so that a network that is worse has something to gain: from more
epochs, other rates or a normalisation of its inputs.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from ftag_prune import __version__
from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import score_name
from ftag_prune.record import atomic, digest
from ftag_prune.tensors import load
from ftag_prune.validation.heldout import Array, HeldOut

__all__ = ["NAME", "SETTINGS", "Trees", "trees"]

NAME = "trees"

# Chosen on the validation jets of the two embedded samples, so that the time stays short.
SETTINGS: dict[str, Any] = {
    "max_iter": 100,
    "learning_rate": 0.1,
    "max_leaf_nodes": 16,
    "min_samples_leaf": 50,
    "l2_regularization": 1.0,
    "early_stopping": False,
}

_MOST = 100_000  # training jets: more cost time, and gain little


class Trees(NamedTuple):
    """What the trees say of the test jets.

    Attributes
    ----------
    probability : (jets, classes)
    jets : they were trained on
    seconds : of the training; of one that was done before
    """

    probability: Array
    jets: int
    seconds: float


def trees(jets: HeldOut, path: Path, *, seed: int) -> Trees:
    """Train on ``train.h5`` and score the test jets, or read what was done before from `path`.

    Parameters
    ----------
    path : scores in the layout of ``scores.h5``; made again if jets, code, seed or settings changed
    seed : of the split of the histograms' sample; the same seed gives the same trees
    """
    identity = digest([jets.about.fingerprint, __version__, seed, SETTINGS, _MOST])
    found = _before(jets, path, identity)
    if found is None:
        found = _trained(jets, seed)
        _write(jets, path, identity, found)
    return found


def _trained(jets: HeldOut, seed: int) -> Trees:
    train, test = load(jets.folder / "train.h5"), load(jets.path)
    x, y, w = (one.numpy()[:: _step(train.number)] for one in (train.x, train.y, train.w))
    absent = sorted(set(range(len(jets.task.classes))) - set(np.unique(y).tolist()))
    if absent:
        raise FtagPruneError(
            f"{jets.folder / 'train.h5'}: has no jet of the class "
            f"'{jets.task.classes[absent[0]]}' to train trees on"
        )
    started = time.monotonic()
    with threadpool_limits(1):  # sums of several threads round in another order
        grown = HistGradientBoostingClassifier(random_state=seed, **SETTINGS)
        grown.fit(x, y, sample_weight=w)
        seconds = time.monotonic() - started
        probability = grown.predict_proba(test.x.numpy())
    return Trees(np.asarray(probability, dtype=np.float64), len(y), seconds)


def _step(jets: int) -> int:
    """Every so-manieth training jet is taken."""
    return -(-jets // _MOST)


def _before(jets: HeldOut, path: Path, identity: str) -> Trees | None:
    """What an earlier validation left, if it is of the same jets and settings."""
    if not path.is_file():
        return None
    with h5py.File(path) as file:
        if file.attrs.get("identity") != identity:
            return None
        table = file["jets"][:]
        told = {name: file.attrs[name].item() for name in ("trained_on", "seconds")}
    columns = [table[score_name(NAME, name)] for name in jets.task.classes]
    probability = np.stack(columns, axis=1).astype(np.float64)
    return Trees(probability, told["trained_on"], told["seconds"])


def _write(jets: HeldOut, path: Path, identity: str, found: Trees) -> None:
    names = [score_name(NAME, name) for name in jets.task.classes]
    kind = [("event", jets.event.dtype), ("label", "i1"), *((name, "f8") for name in names)]
    table = np.empty(len(jets.label), dtype=kind)
    table["event"], table["label"] = jets.event, jets.label
    for index, name in enumerate(names):
        table[name] = found.probability[:, index]
    with atomic(path, size=table.nbytes) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("jets", data=table, compression="gzip", shuffle=True)
        file.attrs["identity"] = identity
        file.attrs["trained_on"], file.attrs["seconds"] = found.jets, found.seconds
