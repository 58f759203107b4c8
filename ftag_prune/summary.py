"""Runs to results: means over seeds, errors, and ratios to the dense tagger on the same jets."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import h5py
import numpy as np

from ftag_prune.config import Run
from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import Discriminant, Task, score_name, task_of
from ftag_prune.metrics import PairedRatio, combine, discriminant, paired_ratio, ratio_spread
from ftag_prune.record import read_json, write_csv

__all__ = [
    "Cell",
    "Scored",
    "Scores",
    "dense_of",
    "groups_of",
    "metrics_of",
    "ratio_to_dense",
    "read_cells",
    "read_scored",
    "scored_by",
    "scores_of",
    "summarise",
    "task_in",
    "write_cells",
]

# Replicas of the paired bootstrap: the error on its error is 1/sqrt(2 * 200) = 5 %.
_REPLICAS = 200


class Cell(NamedTuple):
    """One number of the study: the rejection of one background at one working point.

    ``rejection`` is the mean over ``seeds`` trainings; ``statistical`` its error from the number of
    test jets, ``spread`` the standard error of the mean over trainings (nan for one). ``ratio`` is
    taken to the dense tagger of the same network on the same jets, with the error and 68 %
    interval of a paired bootstrap of the jets (nan without a dense tagger); ``ratio_spread`` is its
    standard error from the spread over trainings, pair by pair of one seed if none is missing.
    ``whole`` (before pruning), ``asked``, ``left`` and ``reached`` (what the strategy had left open
    by itself before the freeze, nan for controls without gates) are in the ``unit`` of the
    strategy's goal, and ``pruned`` is the fraction of it that is gone. ``regrown`` nodes had been
    off and came back. Numbers of runs are means over seeds; rejections may be inf.
    """

    task: str
    network: str
    strategy: str
    signal: str
    background: str
    working_point: float
    unit: str
    whole: float
    asked: float
    left: float
    pruned: float
    reached: float
    parameters: float
    multiplications: float
    regrown: float
    epochs: float
    seconds: float
    seeds: int
    efficiency: float
    rejection: float
    statistical: float
    spread: float
    ratio: float
    ratio_low: float
    ratio_high: float
    ratio_error: float
    ratio_spread: float

    @property
    def error(self) -> float:
        """Total error of the rejection."""
        return _together(self.statistical, self.spread)

    @property
    def ratio_total(self) -> float:
        """Total error of the ratio."""
        return _together(self.ratio_error, self.ratio_spread)


def _together(statistical: float, spread: float) -> float:
    """Both errors in quadrature; a single training does not know its spread."""
    return statistical if math.isnan(spread) else math.hypot(statistical, spread)


def task_in(cells: Iterable[Cell], task: str) -> Task:
    """The task with the classes that the cells are about."""
    found = {name for cell in cells for name in (cell.signal, cell.background)}
    return task_of(task).among(found)


def metrics_of(runs: Iterable[Run], folder: Path) -> dict[str, dict[str, Any]]:
    """Content of each run's ``metrics.json``, by the run's name."""
    return {run.name: read_json(folder / run.name / "metrics.json") for run in runs}


def summarise(runs: Sequence[Run], folder: Path, *, seed: int = 0) -> list[Cell]:
    """Cells of the runs of one task, networks in the study's order, dense first.

    Raises
    ------
    FtagPruneError
        If a run has not been evaluated, or two runs scored different jets.
    """
    metrics = metrics_of(runs, folder)
    groups = groups_of(runs)
    task = task_of(runs[0].task).among(metrics[runs[0].name]["test_jets"])

    @lru_cache(maxsize=1)
    def scored(group: tuple[Run, ...]) -> Scored:
        return scored_by(group, folder, task)

    @lru_cache(maxsize=4)  # every point of a network is compared to the same dense scores
    def scores(group: tuple[Run, ...], signal: str) -> Scores | None:
        return scored(group).scores(task, task.discriminant(signal)) if group else None

    cells: list[Cell] = []
    for group in groups:
        dense = dense_of(group, groups)
        mine, theirs = ([metrics[run.name] for run in runs] for runs in (group, dense))
        told = _Told(
            mine,
            theirs,
            float(np.mean([_seconds(folder / run.name) for run in group])),
        )
        for chosen in task.discriminants:
            pruned, whole = (scores(tuple(runs), chosen.signal) for runs in (group, dense))
            rng = np.random.default_rng([seed, len(cells)])
            cells += _cells(told, task, chosen, pruned, whole, rng)
    return cells


def _seconds(folder: Path) -> float:
    """Time of a training: not among the metrics, which are the same whenever they are made."""
    return float(read_json(folder / "run.json")["seconds"])


class Scores(NamedTuple):
    """Discriminant (seeds, jets) and class (jets,) of the test jets."""

    value: np.ndarray
    label: np.ndarray
    event: np.ndarray


class Scored(NamedTuple):
    """Probabilities (seeds, jets, classes) and class (jets,) of the test jets."""

    probability: np.ndarray
    label: np.ndarray
    event: np.ndarray

    def scores(self, task: Task, chosen: Discriminant) -> Scores:
        """The same jets with one of the task's discriminants."""
        signal, fractions = chosen.signal, chosen.fractions
        value = [
            discriminant(one, task, signal=signal, fractions=fractions) for one in self.probability
        ]
        return Scores(np.stack(value), self.label, self.event)


def groups_of(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that differ by their seed alone."""

    def point(run: Run) -> tuple[str, str, float]:
        return run.label, run.strategy, run.target

    order = {run.label: index for index, run in reversed(list(enumerate(runs)))}
    ordered = sorted(
        runs,
        key=lambda run: (order[run.label], not run.dense, run.strategy, run.target),
    )
    return [list(group) for _, group in groupby(ordered, key=point)]


def dense_of(group: list[Run], groups: list[list[Run]]) -> list[Run]:
    """Dense runs of the same network with the same seeds; empty if there are none."""
    seeds = {run.seed for run in group}
    for other in groups:
        if other[0].dense and other[0].label == group[0].label:
            return [run for run in other if run.seed in seeds]
    return []


def scores_of(group: Sequence[Run], folder: Path, task: Task, chosen: Discriminant) -> Scores:
    """Discriminants of runs that differ by their seed; at least one."""
    return scored_by(group, folder, task).scores(task, chosen)


def scored_by(group: Sequence[Run], folder: Path, task: Task) -> Scored:
    """Probabilities by runs that differ by their seed; FtagPruneError if not of the same jets."""
    parts = [read_scored(folder / run.name / "scores.h5", run.name, task) for run in group]
    first = parts[0]
    for run, part in zip(group, parts, strict=True):
        if not np.array_equal(part.event, first.event):
            raise FtagPruneError(
                f"{folder / run.name / 'scores.h5'}: holds other jets than {group[0].name}"
            )
    return first._replace(probability=np.concatenate([part.probability for part in parts]))


def read_scored(path: Path, model: str, task: Task) -> Scored:
    """Probabilities (1, jets, classes) of a file of scores; FtagPruneError if it is none."""
    try:
        with h5py.File(path) as file:
            table = file["jets"][:]
    except (OSError, KeyError) as broken:
        raise FtagPruneError(f"{path}: no scores of a run ({broken})") from None
    names = [score_name(model, name) for name in task.classes]
    for name in ("event", "label", *names):
        if name not in table.dtype.names:
            raise FtagPruneError(f"{path}: has no scores '{name}'; evaluate the run again")
    probability = np.stack([table[name] for name in names], axis=1)
    return Scored(probability[None], table["label"], table["event"])


class _Told(NamedTuple):
    """Metrics of the runs of a point, of their dense references, and mean time of training."""

    mine: list[dict[str, Any]]
    dense: list[dict[str, Any]]
    seconds: float


def _cells(
    told: _Told,
    task: Task,
    chosen: Discriminant,
    mine: Scores | None,
    dense: Scores | None,
    rng: np.random.Generator,
) -> list[Cell]:
    cells: list[Cell] = []
    for background in chosen.fractions:
        ratio = ratio_to_dense(
            task, chosen, background, mine, dense, efficiencies=task.working_points, rng=rng
        )
        for index, point in enumerate(task.working_points):
            place = (chosen.signal, background, point)
            cells.append(_cell(told, place, PairedRatio(*(part[index] for part in ratio))))
    return cells


def ratio_to_dense(
    task: Task,
    chosen: Discriminant,
    background: str,
    mine: Scores | None,
    dense: Scores | None,
    *,
    efficiencies: Sequence[float],
    rng: np.random.Generator,
) -> PairedRatio:
    """Ratios of rejections to the dense tagger's on the same jets, by a paired bootstrap.

    One without error for the dense tagger itself (`mine` is `dense`), nan where one is missing.
    """
    points = np.array(efficiencies)
    if mine is None or dense is None:
        return PairedRatio(*(np.full_like(points, math.nan) for _ in range(4)))
    if mine is dense:
        one = np.ones_like(points)
        return PairedRatio(one, one, one, np.zeros_like(points))
    if not np.array_equal(mine.event, dense.event):
        raise FtagPruneError(f"task '{task.name}': pruned and dense taggers scored different jets")
    is_signal = mine.label == task.classes.index(chosen.signal)
    is_background = mine.label == task.classes.index(background)
    return paired_ratio(
        mine.value[:, is_signal],
        mine.value[:, is_background],
        dense.value[:, is_signal],
        dense.value[:, is_background],
        efficiency=points,
        replicas=_REPLICAS,
        rng=rng,
    )


def _cell(told: _Told, place: tuple[str, str, float], ratio: PairedRatio) -> Cell:
    mine = [_Point.of(one, *place) for one in told.mine]
    dense = [_Point.of(one, *place) for one in told.dense]
    both = combine([one.rejection for one in mine], [one.error for one in mine])
    first = told.mine[0]
    reached = [math.nan if one["reached"] is None else one["reached"] for one in told.mine]
    return Cell(
        task=first["task"],
        network=first["network"],
        strategy=first["strategy"],
        signal=place[0],
        background=place[1],
        working_point=place[2],
        unit=first["unit"],
        whole=first["whole"],
        asked=math.nan if first["asked"] is None else first["asked"],
        left=float(np.mean([one["left"] for one in told.mine])),
        pruned=float(np.mean([one["pruned"] for one in told.mine])),
        reached=float(np.mean(reached)),
        parameters=float(np.mean([one["parameters"] for one in told.mine])),
        multiplications=float(np.mean([one["multiplications"] for one in told.mine])),
        regrown=float(np.mean([one["regrown"] for one in told.mine])),
        epochs=float(np.mean([one["epochs"] for one in told.mine])),
        seconds=told.seconds,
        seeds=both.seeds,
        efficiency=float(np.mean([one.efficiency for one in mine])),
        rejection=both.mean,
        statistical=both.statistical,
        spread=both.spread,
        ratio=float(ratio.ratio),
        ratio_low=float(ratio.low),
        ratio_high=float(ratio.high),
        ratio_error=float(ratio.error),
        ratio_spread=ratio_spread(
            [one.rejection for one in mine], [one.rejection for one in dense]
        ),
    )


class _Point(NamedTuple):
    """One run against one background at one working point; inf where no jet passes."""

    efficiency: float
    rejection: float
    error: float

    @classmethod
    def of(cls, told: dict[str, Any], signal: str, background: str, point: float) -> _Point:
        curves = told["discriminants"][signal]
        index = curves["asked_efficiency"].index(point)
        curve = curves["backgrounds"][background]
        found = [curve[key][index] for key in ("efficiency", "rejection", "error")]
        return cls(*(math.inf if one is None else one for one in found))


def write_cells(path: Path, cells: Sequence[Cell]) -> None:
    """Write the cells as CSV, one a line."""
    write_csv(path, [cell._asdict() for cell in cells])


def read_cells(path: Path) -> list[Cell]:
    """Cells of a CSV that `write_cells` wrote."""
    kinds = get_type_hints(Cell)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    try:
        return [Cell(**{name: kind(row[name]) for name, kind in kinds.items()}) for row in rows]
    except (KeyError, ValueError) as broken:
        raise FtagPruneError(f"{path}: not a table of results ({broken})") from None
