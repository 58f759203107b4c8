"""Jets by class and cut, and labels that no class takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ftag_prune.check.finding import Finding, doubtful, note, percent, serious
from ftag_prune.expression import Array
from ftag_prune.prepare.count import NO_CLASS, Counts

__all__ = ["population", "projected", "rows", "untaken"]

_SMALL = 1_000  # jets for training that a class should have
_SURE = 1_000  # jets read, from which on a class without any is surely missing
_SHOWN = 8
_MOSTLY = 0.5


def rows(counts: Counts, classes: Sequence[str]) -> list[tuple[str, ...]]:
    """Cut flow as text: a row for each class, one for jets of none, and one for all."""
    table = []
    for name in (*classes, NO_CLASS):
        cuts = [by.get(name, 0) for by in counts.rejected.values()]
        kept = sum(by.get(name, 0) for by in counts.kept.values())
        none = counts.unlabelled if name == NO_CLASS else 0
        table.append([sum(cuts) + none + kept, *cuts, none, kept])
    total = [sum(column) for column in zip(*table, strict=True)]
    names = (*classes, NO_CLASS, "all")
    return [(name, *map(str, row)) for name, row in zip(names, [*table, total], strict=True)]


def projected(kept: int, *, read: int, whole: int) -> int:
    """Jets that the whole sample would keep, from those that were kept of a part of it."""
    return round(kept * whole / read) if read else 0


def population(counts: Counts, classes: Sequence[str], *, share: float) -> Iterator[Finding]:
    """Classes with too few jets.

    Parameters
    ----------
    share : part of the sample that was read, 1 if all of it
    """
    kept = {name: sum(by[name] for by in counts.kept.values()) for name in classes}
    if not any(kept.values()):
        yield serious("labels", f"none of {counts.read} jets passes all cuts and has a class")
        return
    for name, number in kept.items():
        key = f"labels.{name}"
        lost = {cut: by.get(name, 0) for cut, by in counts.rejected.items() if by.get(name, 0)}
        if number == 0:
            why = "; cuts reject " + _named(lost) if lost else ""
            sure = share >= 1 or counts.read >= _SURE
            yield (serious if sure else doubtful)(
                key, f"no jet among {counts.read} that were read is kept for this class{why}"
            )
        elif number / share < _SMALL:
            yield doubtful(
                key, f"about {number / share:.0f} jets in all files; too few for a training"
            )
    if counts.unlabelled > _MOSTLY * counts.read:
        yield doubtful(
            "labels",
            f"{percent(counts.unlabelled / counts.read)} of the jets pass the cuts and are of no "
            f"class",
        )


def _named(lost: Mapping[str, int]) -> str:
    return ", ".join(f"{number} by select.{cut}" for cut, number in lost.items())


def untaken(columns: Mapping[str, Array]) -> Iterator[Finding]:
    """Label values of the jets that pass all cuts and are of no class.

    Parameters
    ----------
    columns : of those jets alone, what the labels are made of
    """
    whole = {
        name: values
        for name, values in columns.items()
        if values.dtype.kind in "biu" or (np.isfinite(values).all() and (values % 1 == 0).all())
    }
    if not whole or not len(next(iter(whole.values()))):
        return
    table = np.stack([np.asarray(values, np.float64) for values in whole.values()], axis=1)
    found, counts = np.unique(table, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    texts = [f"{_tuple(found[place])} ({counts[place]})" for place in order]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    yield note(
        "labels",
        f"no class takes {len(table)} jets that pass all cuts, where {', '.join(whole)} is "
        f"{', '.join(texts)}{more}",
    )


def _tuple(values: Array) -> str:
    texts = [f"{value:.0f}" for value in values]
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
