"""Where every jet went: rejected by a cut, of no class, or kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array, condition
from ftag_prune.read import Columns
from ftag_prune.schema import Plan

__all__ = ["NO_CLASS", "SPLITS", "Counts", "Passed", "Tally", "check", "choose", "finite", "whole"]

NO_CLASS = "none"  # what a jet without a class is counted as
SPLITS = ("train", "val", "test")


class Passed(NamedTuple):
    """What the cuts and labels say of a batch.

    Attributes
    ----------
    keep : (jets,), whether a jet passes all cuts and has a class
    label : (kept jets,), int8, index of its class
    rejected : (cuts, classes + 1), jets that each cut is the first to reject; of no class last
    unlabelled : jets that pass all cuts and are of no class
    """

    keep: Array
    label: Array
    rejected: Array
    unlabelled: int


class Counts(NamedTuple):
    """Jets of a sample; `read` is the sum of all others.

    Attributes
    ----------
    read : jets in the files
    rejected : by cut (in their order) and class; a jet is counted at the first that rejects it
    unlabelled : jets that pass all cuts and are of no class
    kept : by split and class
    """

    read: int
    rejected: Mapping[str, Mapping[str, int]]
    unlabelled: int
    kept: Mapping[str, Mapping[str, int]]


def choose(plan: Plan, columns: Columns, *, where: str) -> Passed:
    """Apply cuts and labels; SampleError if a jet that passes the cuts is of two classes."""
    label = np.full(len(columns), -1, np.int8)
    twice = np.zeros(len(columns), np.int8)
    for index, entry in enumerate(plan.labels.values()):
        mine = condition(columns.per_jet(entry))
        twice[mine & (label >= 0)] = index
        label[mine & (label < 0)] = index
    keep = np.ones(len(columns), np.bool_)
    rejected = np.zeros((len(plan.select), len(plan.labels) + 1), np.int64)
    for cut, entry in enumerate(plan.select.values()):
        passed = condition(columns.per_jet(entry))
        # -1, of no class, is the last column.
        rejected[cut] = np.bincount(
            label[keep & ~passed] % rejected.shape[1], minlength=rejected.shape[1]
        )
        keep &= passed
    _refuse_twice(plan, label, np.where(keep, twice, 0), where=where)
    unlabelled = int(np.count_nonzero(keep & (label < 0)))
    keep &= label >= 0
    return Passed(keep, label[keep], rejected, unlabelled)


def _refuse_twice(plan: Plan, label: Array, twice: Array, *, where: str) -> None:
    bad = np.flatnonzero(twice)
    if len(bad):
        names = list(plan.labels)
        raise SampleError(
            f"{where}: {len(bad)} jets are both of labels.{names[label[bad[0]]]} and "
            f"labels.{names[twice[bad[0]]]}; a jet has one class"
        )


class Tally:
    """Adds the counts of batches."""

    def __init__(self, plan: Plan) -> None:
        self._cuts, self._classes = list(plan.select), list(plan.labels)
        self._read = self._unlabelled = 0
        self._rejected = np.zeros((len(plan.select), len(plan.labels) + 1), np.int64)
        self._kept = np.zeros((len(SPLITS), len(plan.labels)), np.int64)

    @property
    def read(self) -> int:
        """Jets seen so far."""
        return self._read

    def add(self, passed: Passed, split: Array) -> None:
        """Count a batch; `split` (kept jets,) is the index of each jet's split."""
        self._read += len(passed.keep)
        self._rejected += passed.rejected
        self._unlabelled += passed.unlabelled
        place = split * len(self._classes) + passed.label
        self._kept += np.bincount(place, minlength=self._kept.size).reshape(self._kept.shape)

    def include(self, other: Tally) -> None:
        """Add what another one has counted."""
        self._read += other._read
        self._unlabelled += other._unlabelled
        self._rejected += other._rejected
        self._kept += other._kept

    def counts(self) -> Counts:
        """Counts by name."""
        classes = [*self._classes, NO_CLASS]
        return Counts(
            self._read,
            _named(self._cuts, classes, self._rejected),
            self._unlabelled,
            _named(SPLITS, self._classes, self._kept),
        )


def _named(rows: Sequence[str], names: Sequence[str], table: Array) -> dict[str, dict[str, int]]:
    return {
        row: dict(zip(names, values.tolist(), strict=True))
        for row, values in zip(rows, table, strict=True)
    }


def check(counts: Counts, plan: Plan, *, where: str) -> None:
    """SampleError in one sentence if a split has no jets, or a class none for training."""
    for split, kept in counts.kept.items():
        if not any(kept.values()):
            lost = {cut: sum(by.values()) for cut, by in counts.rejected.items()}
            lost["labels"] = counts.unlabelled
            raise SampleError(
                f"{where}: no jet for the split '{split}' {_why(counts.read, lost, counts, None)}"
            )
    for name, number in counts.kept["train"].items():
        if number == 0:
            lost = {cut: by[name] for cut, by in counts.rejected.items()}
            read = sum(lost.values()) + sum(kept[name] for kept in counts.kept.values())
            if read == 0:
                said = plan.labels[name].expression
                raise SampleError(f"{where}: no jet of class '{name}'; labels.{name} says '{said}'")
            raise SampleError(
                f"{where}: no jet of class '{name}' for training {_why(read, lost, counts, name)}"
            )


def _why(read: int, lost: Mapping[str, int], counts: Counts, name: str | None) -> str:
    cut = max(lost, key=lambda one: lost[one], default="")
    if lost.get(cut, 0):
        key = cut if cut == "labels" else f"select.{cut}"
        most = f"{key} rejects most, {lost[cut]}"
    else:
        most = "no cut rejects any"
    kept = sum(
        number
        for by in counts.kept.values()
        for one, number in by.items()
        if name is None or one == name
    )
    return f"among {read}: {most}; {kept} are kept, in other splits"


def whole(values: Array, *, key: str, where: str) -> Array:
    """Identifiers as int64 or uint64; SampleError if they are not whole numbers."""
    if values.dtype.kind not in "iu":
        raise SampleError(
            f"{where}: {key}: gives {values.dtype}, where whole numbers are wanted; identifiers "
            f"lose digits as fractions"
        )
    return values.astype(np.uint64 if values.dtype.kind == "u" else np.int64, copy=False)


def finite(values: Array, *, key: str, where: str) -> Array:
    """Values as they are; SampleError if one of them is missing or infinite."""
    bad = int(np.count_nonzero(~np.isfinite(values)))
    if bad:
        raise SampleError(f"{where}: {key}: is missing or infinite for {bad} of {len(values)} jets")
    return values
