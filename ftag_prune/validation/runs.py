"""Finished runs in their folders, and those that differ by their seed alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ftag_prune.config import Run
from ftag_prune.errors import FtagPruneError
from ftag_prune.figures.drawing import network_name, percent
from ftag_prune.record import checksum, read_csv, read_json
from ftag_prune.spec import validated
from ftag_prune.summary import groups_of, read_scored
from ftag_prune.validation.heldout import HeldOut

__all__ = ["Finished", "Group", "group_runs", "probability_of", "read_run", "titles"]

_RESULTS = {
    "train": ("spec.json", "run.json", "model.pt", "history.csv"),
    "evaluate": ("scores.h5", "metrics.json"),
}


class Finished(NamedTuple):
    """A run that was trained and evaluated: its folder, what was asked for, what it tells."""

    folder: Path
    run: Run
    told: Mapping[str, Any]
    validation_loss: float


class Group:
    """Runs that differ by their seed alone, in the order of their seeds."""

    def __init__(self, members: Sequence[Finished]) -> None:
        self.members = tuple(sorted(members, key=lambda one: one.run.seed))

    @property
    def run(self) -> Run:
        """What all have in common, and the first seed."""
        return self.members[0].run

    @cached_property
    def chosen(self) -> Finished:
        """The training that one would take: with the lowest loss on the validation jets."""
        return min(
            self.members,
            key=lambda one: math.inf if math.isnan(one.validation_loss) else one.validation_loss,
        )

    @property
    def validation_loss(self) -> float:
        """Mean over the trainings."""
        return float(np.mean([one.validation_loss for one in self.members]))

    def mean(self, key: str) -> float:
        """Mean over the trainings of a number that they tell."""
        return float(np.mean([one.told[key] for one in self.members]))

    @property
    def pruned(self) -> float:
        """Fraction of what the goal counts that is gone."""
        return 1 - self.mean("left") / self.mean("whole")


def read_run(folder: Path, jets: HeldOut) -> Finished:
    """A run's folder; FtagPruneError unless it is finished, unharmed, and of these jets."""
    for verb, names in _RESULTS.items():
        for name in names:
            if not (folder / name).is_file():
                raise FtagPruneError(
                    f"{folder}: wanted the folder of a finished run, found no {name}; "
                    f"ftag-prune {verb} writes it"
                )
    run = validated(Run, read_json(folder / "spec.json"), where=str(folder / "spec.json"))
    told = read_json(folder / "run.json")
    if told.get("model") != checksum(folder / "model.pt"):
        raise FtagPruneError(f"{folder}: model.pt is not the one that run.json tells of")
    _same_jets(folder, run, told, jets)
    return Finished(folder, run, told, _validation_loss(folder, run, told))


def _same_jets(folder: Path, run: Run, told: Mapping[str, Any], jets: HeldOut) -> None:
    """Refuse a run of another task, or trained on jets of another preparation."""
    if run.task != jets.task.name:
        raise FtagPruneError(
            f"{folder}: is a run of the task '{run.task}', {jets.path} holds jets of the task "
            f"'{jets.task.name}'"
        )
    if told["jets"] != jets.about.fingerprint:
        raise FtagPruneError(
            f"{folder}: was trained on jets of the preparation {told['jets'][:8]}, {jets.path} is "
            f"of {jets.about.fingerprint[:8]}: some of its jets may be training jets there"
        )


def _validation_loss(folder: Path, run: Run, told: Mapping[str, Any]) -> float:
    """Loss on the validation jets of the weights in the model: of the best epoch, or the last."""
    losses = told.get("val_loss")
    if losses is None:  # a run from before the best epoch was kept
        return float(read_csv(folder / "history.csv")[-1]["val_loss"])
    best = losses["best"] if run.training.keep == "best" else None
    return float(losses["last"] if best is None else best)


def group_runs(found: Sequence[Finished]) -> list[Group]:
    """Runs that differ by their seed alone, networks in the order given, dense first."""
    by_name = {one.run.name: one for one in found}
    twice = [name for name, times in Counter(one.run.name for one in found).items() if times > 1]
    if twice:
        folders = " and ".join(str(one.folder) for one in found if one.run.name == twice[0])
        raise FtagPruneError(f"run '{twice[0]}' is given twice: {folders}")
    groups = groups_of([one.run for one in found])
    return [Group([by_name[run.name] for run in group]) for group in groups]


def titles(groups: Sequence[Group]) -> dict[str, str]:
    """Short text of each group, by the name of its first run; no two are the same."""
    strategies = {group.run.strategy for group in groups if not group.run.dense}
    plain = [_title(group, named=len(strategies) > 1) for group in groups]
    return {
        group.run.name: title if plain.count(title) == 1 else group.run.name
        for group, title in zip(groups, plain, strict=True)
    }


def _title(group: Group, *, named: bool) -> str:
    run = group.run
    network = network_name(run.label)
    if run.dense:
        return f"{network}, dense"
    return f"{network}, {percent(run)} pruned" + (f" ({run.strategy})" if named else "")


def probability_of(one: Finished, jets: HeldOut) -> npt.NDArray[np.float64]:
    """Probabilities (jets, classes) of the test jets; FtagPruneError if it scored others."""
    path = one.folder / "scores.h5"
    scored = read_scored(path, one.run.name, jets.task)
    if not np.array_equal(scored.event, jets.event):
        raise FtagPruneError(f"{path}: holds other jets than {jets.path}; evaluate the run again")
    found: npt.NDArray[np.float64] = scored.probability[0].astype(np.float64)
    if missing := int((~np.isfinite(found)).any(axis=1).sum()):
        raise FtagPruneError(f"{path}: {missing} of {len(found)} jets have a score that is none")
    return found
