"""Score the test jets with a compacted network, and measure what it rejects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from ftag_prune.config import Run
from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import Discriminant, Task, score_name, task_of
from ftag_prune.metrics import auc, discriminant, roc
from ftag_prune.model import load_model
from ftag_prune.networks import Network
from ftag_prune.record import atomic, checksum, read_mapping, write_json
from ftag_prune.tensors import (
    Source,
    allowed_memory,
    description,
    load_within,
    one_thread,
    unshuffled,
)

__all__ = ["EFFICIENCIES", "evaluate_runs", "probabilities", "score"]

# Signal efficiencies of the ROC curves; the working points of both tasks are among them.
EFFICIENCIES = tuple(round(0.01 * percent, 2) for percent in range(30, 101))

_BATCH = 10_000

_SIZES = (
    *("unit", "whole", "asked", "reached", "left", "nodes", "nodes_left", "layers"),
    *("parameters", "multiplications", "regrown", "epochs"),
)

# What the FTAG tools want to know of a jet beside its scores.
_KEPT = ("event", "label", "pt", "eta", "mass")


@torch.no_grad()
def probabilities(network: Network, jets: Source) -> np.ndarray:
    """Class probabilities (jets, classes), float64."""
    parts = [
        network(*network.arguments(batch)).double().softmax(1).numpy()
        for batch in unshuffled(jets, _BATCH)
    ]
    return np.concatenate(parts)


def score(probability: np.ndarray, y: np.ndarray, task: Task) -> dict[str, Any]:
    """Everything that is measured of one tagger on jets of known class.

    Parameters
    ----------
    probability : (jets, classes)
    y : (jets,), index of the true class in ``task.classes``

    Returns
    -------
    dict
        JSON content: cross-entropy, areas under the ROC curves (each class against the rest), and
        rejections with their errors on the grid of efficiencies. An infinite rejection (no jet
        passes) is None there and has a lower limit at 95 % confidence.
    """
    true = probability[np.arange(len(y)), y]
    areas = [
        auc(probability[y == index, index], probability[y != index, index]).value
        for index in range(len(task.classes))
    ]
    return {
        "test_jets": {name: int((y == index).sum()) for index, name in enumerate(task.classes)},
        "cross_entropy": float(-np.log(np.maximum(true, 1e-38)).mean()),
        "area": dict(zip(task.classes, areas, strict=True)),
        "discriminants": {
            one.signal: _curves(probability, y, task, one) for one in task.discriminants
        },
    }


def _curves(
    probability: np.ndarray, y: np.ndarray, task: Task, chosen: Discriminant
) -> dict[str, Any]:
    value = discriminant(probability, task, signal=chosen.signal, fractions=chosen.fractions)
    signal = value[y == task.classes.index(chosen.signal)]
    return {
        "fractions": dict(chosen.fractions),
        "asked_efficiency": list(EFFICIENCIES),
        "backgrounds": {
            name: _curve(signal, value[y == task.classes.index(name)]) for name in chosen.fractions
        },
    }


def _curve(signal: np.ndarray, background: np.ndarray) -> dict[str, Any]:
    curve = roc(signal, background, efficiencies=EFFICIENCIES)
    return {
        "efficiency": curve.efficiency.tolist(),
        "threshold": _finite(curve.threshold),
        "rejection": _finite(curve.rejection),
        "error": _finite(curve.error),
        "limit": _finite(curve.limit),
        "passing": curve.passing.tolist(),
    }


def _finite(values: np.ndarray) -> list[float | None]:
    return [float(one) if np.isfinite(one) else None for one in values]


def evaluate_runs(runs: Iterable[Run], test: Path, folder: Path) -> dict[str, str]:
    """Write ``scores.h5`` and ``metrics.json`` of each run; returns the checksums of the latter."""

    @cache
    def loaded(share: float, inputs: tuple[str, ...]) -> tuple[Source, np.ndarray]:
        jets = load_within(test, share * allowed_memory(), inputs=inputs)
        return jets, np.concatenate([batch.y.numpy() for batch in unshuffled(jets, _BATCH)])

    with one_thread():
        return {run.name: _evaluated(run, test, folder / run.name, loaded) for run in runs}


def _evaluated(
    run: Run,
    test: Path,
    mine: Path,
    loaded: Callable[[float, tuple[str, ...]], tuple[Source, np.ndarray]],
) -> str:
    """Score and measure one run in its folder; the checksum of its metrics."""
    model, origin = load_model(mine / "model.pt"), _origin(mine / "model.pt", test)
    task = task_of(model.about.task).among(model.about.classes)
    jets, y = loaded(run.training.memory_share, model.about.inputs)
    found = probabilities(model.network, jets)
    _write_scores(mine / "scores.h5", test, run.name, task, found, origin=origin)
    told = read_mapping(mine / "run.json")
    measured = score(found, y, task)
    write_json(mine / "metrics.json", {**_facts(run), **origin, **_sizes(told), **measured})
    return checksum(mine / "metrics.json")


def _origin(model: Path, test: Path) -> dict[str, str]:
    """What tells the model and the jets from others."""
    return {"model": checksum(model), "jets": description(test).fingerprint}


def _facts(run: Run) -> dict[str, Any]:
    return {
        "run": run.name,
        "task": run.task,
        "network": run.label,
        "strategy": run.strategy,
        "seed": run.seed,
    }


def _sizes(told: dict[str, Any]) -> dict[str, Any]:
    """Sizes as counted on the compacted network."""
    return {"pruned": 1 - told["left"] / told["whole"], **{key: told[key] for key in _SIZES}}


def _write_scores(
    path: Path,
    test: Path,
    model: str,
    task: Task,
    found: np.ndarray,
    *,
    origin: Mapping[str, str],
) -> None:
    """Scores in the naming of the FTAG tools, beside what they need to know of each jet."""
    with h5py.File(test) as source:
        jets = source["jets"]
        wanted = [name for name in _KEPT if name in jets.dtype.names]
        known = jets.fields(wanted)[:]
        classes = source.attrs["classes"]
    if len(known) != len(found):
        raise FtagPruneError(f"{test}: holds {len(known)} jets, {len(found)} were scored")
    names = [score_name(model, flavour) for flavour in task.classes]
    table = np.empty(len(found), dtype=[*known.dtype.descr, *((name, "f4") for name in names)])
    for name in wanted:
        table[name] = known[name]
    for index, name in enumerate(names):
        table[name] = found[:, index]
    with atomic(path, size=table.nbytes) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("jets", data=table, compression="gzip", shuffle=True)
        file.attrs["classes"] = classes
        file.attrs["task"] = task.name
        for name, text in origin.items():
            file.attrs[name] = text
