"""What a comparison of two releases says: sentences, tables, a page, a CSV."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from ftag_prune.comparison.moves import Comparison, Move, Resized
from ftag_prune.comparison.release import Measured, Release
from ftag_prune.errors import FtagPruneError
from ftag_prune.record import write_csv
from ftag_prune.report import Section, Table, page, with_error
from ftag_prune.report import write as write_page

__all__ = ["rows", "sections", "sentences", "write"]

_NAMED = 5  # moves that are told one by one


def write(path: Path, comparison: Comparison) -> None:
    """Write the comparison as a page (.html) or as a table of all numbers (.csv)."""
    if path.suffix == ".csv":
        write_csv(path, rows(comparison))
    elif path.suffix == ".html":
        write_page(path, _page(comparison))
    else:
        raise FtagPruneError(f"{path}: a comparison is written as .html or .csv")


def rows(comparison: Comparison) -> list[dict[str, Any]]:
    """Every number of both releases: what it is of, how it moved, and the size it belongs to."""
    return [_row(move) for move in comparison.moves]


def _row(move: Move) -> dict[str, Any]:
    old, new = move.old, move.new
    names = ("task", "network", "strategy", "unit", "asked", "signal", "background")
    sizes = ("left", "parameters", "multiplications", "epochs", "seconds", "seeds")
    return {
        **{name: getattr(old, name) for name in (*names, "working_point")},
        "old_rejection": old.rejection,
        "old_error": _error(old),
        "new_rejection": new.rejection,
        "new_error": _error(new),
        **{name: getattr(move, name) for name in Move._fields[2:]},
        **{
            f"{age}_{name}": getattr(one, name)
            for name in sizes
            for age, one in (("old", old), ("new", new))
        },
    }


def _error(number: Measured) -> float:
    return math.hypot(number.statistical, 0.0 if math.isnan(number.spread) else number.spread)


def _with_error(number: Measured) -> str:
    return with_error(number.rejection, _error(number))


def sentences(comparison: Comparison) -> list[str]:
    """The comparison in sentences, what matters first."""
    return [
        _verdict(comparison),
        *_named(comparison),
        *_unmatched(comparison),
        _sizes(comparison.points),
        *_times(comparison.points),
        _shared(comparison),
        *_single(comparison),
        *_versions(comparison.old, comparison.new),
    ]


def _verdict(comparison: Comparison) -> str:
    known = [move for move in comparison.moves if move.moved != "unknown"]
    better, worse = len(comparison.of("better")), len(comparison.of("worse"))
    apart = sum(move.p_value < comparison.level for move in known)
    chance = comparison.level * len(known)
    level = f"{100 * (1 - comparison.level):g} %"
    return (
        f"{better + worse} of {len(known)} numbers moved beyond their error ({better} better, "
        f"{worse} worse) at {level} confidence after the correction for {len(known)} comparisons. "
        f"Without it {apart} differ at {level}, where {chance:.3g} would by chance."
    )


def _named(comparison: Comparison) -> list[str]:
    """The surest moves, one by one, the worse first."""
    moved = [*comparison.of("worse"), *comparison.of("better")]
    told = [
        f"{move.moved.capitalize()}: {_what(move.old)}, {_with_error(move.old)} → "
        f"{_with_error(move.new)} ({move.pull:+.1f} standard errors)."
        for move in moved[:_NAMED]
    ]
    more = len(moved) - _NAMED
    return [*told, f"{more} more moved, see the table."] if more > 0 else told


def _what(number: Measured) -> str:
    return (
        f"{_point(number)}, rejection of {number.background} at {100 * number.working_point:g} % "
        f"efficiency for {number.signal}"
    )


def _point(number: Measured) -> str:
    asked = "" if math.isnan(number.asked) else f" to {number.asked:g} {number.unit}"
    return f"{number.task} {number.network} {number.strategy}{asked}"


def _unmatched(comparison: Comparison) -> list[str]:
    """Numbers that cannot be compared."""
    told = []
    if unknown := len(comparison.of("unknown")):
        told.append(f"Not compared: {unknown} numbers for which no jet passes in one of the two.")
    ends = ((comparison.old, comparison.only_old), (comparison.new, comparison.only_new))
    for release, numbers in ends:
        if numbers:
            points = list(dict.fromkeys(map(_point, numbers)))
            more = f" and {len(points) - 3} others" if len(points) > 3 else ""
            told.append(
                f"Only in {release.name}: {len(numbers)} numbers, of {'; '.join(points[:3])}{more}."
            )
    return told


def _sizes(points: Sequence[Resized]) -> str:
    changed = sum(point.changed for point in points)
    if not changed:
        return f"Nodes, parameters and epochs are the same at all {len(points)} points."
    return f"Nodes, parameters or epochs changed at {changed} of {len(points)} points."


def _times(points: Sequence[Resized]) -> list[str]:
    ratios = [point.time for point in points if not math.isnan(point.time)]
    if not ratios:
        return []
    return [
        f"A training takes {median(ratios):.2f} times as long as before (median of {len(ratios)} "
        f"points, from {min(ratios):.2f} to {max(ratios):.2f})."
    ]


def _shared(comparison: Comparison) -> str:
    """Whether the errors are independent, as they are taken."""
    old, new = comparison.old, comparison.new
    if not (old.jets and new.jets):
        return "One has no runs, so it is not known whether they have jets or seeds in common."
    tasks = sorted(old.jets.keys() & new.jets.keys())
    jets = [task for task in tasks if old.jets[task] == new.jets[task]]
    seeds = [task for task in tasks if old.seeds[task] == new.seeds[task]]
    if not jets:
        return "The two have other jets, so their errors are independent."
    same = "jets and seeds" if jets == seeds else "jets"
    return (
        f"The {same} of {' and '.join(jets)} are the same in both, so these numbers fluctuate "
        "together, and the errors, which are taken as independent, are too large rather than too "
        "small."
    )


def _single(comparison: Comparison) -> list[str]:
    single = sum(min(move.old.seeds, move.new.seeds) < 2 for move in comparison.moves)
    if not single:
        return []
    return [
        f"{single} numbers are of one training in one of the two, whose spread is not known, and "
        "seem surer than they are."
    ]


def _versions(old: Release, new: Release) -> list[str]:
    changed = [
        f"{name} {old.versions[name]} → {new.versions[name]}"
        for name in old.versions
        if new.versions.get(name, old.versions[name]) != old.versions[name]
    ]
    return [f"Versions: {', '.join(changed)}."] if changed else []


def sections(comparison: Comparison) -> list[Section]:
    """What moved, sizes and times, what only one has, and every number."""
    moved = [*comparison.of("worse"), *comparison.of("better")]
    return [
        _section("What moved", "Nothing moved.", _moves_table("Moved beyond its error", moved)),
        _section("Sizes and times", "", _sizes_table(comparison.points)),
        _section("Only in one", "Both have the same numbers.", *_only(comparison)),
        _section("Every number", "", _moves_table("All numbers of both", comparison.moves)),
    ]


def _section(title: str, otherwise: str, *tables: Table) -> Section:
    """Tables that have rows, or a sentence that there are none."""
    filled = [table for table in tables if table.rows]
    return Section(title, [] if filled else [otherwise], tables=filled)


_IDENTITY: dict[str, Callable[[Measured], Any]] = {
    "task": lambda one: one.task,
    "network": lambda one: one.network,
    "strategy": lambda one: one.strategy,
    "asked": lambda one: one.asked,
}
_PLACE: dict[str, Callable[[Measured], Any]] = {
    **_IDENTITY,
    "signal": lambda one: one.signal,
    "background": lambda one: one.background,
    "efficiency": lambda one: one.working_point,
}


def _moves_table(caption: str, moves: Iterable[Move]) -> Table:
    numbers = ["old rejection", "new rejection", "difference", "pull", "p", "corrected p", "moved"]
    return Table(
        caption=caption,
        columns=[*_PLACE, *numbers],
        rows=[
            [
                *(value(move.old) for value in _PLACE.values()),
                _with_error(move.old),
                _with_error(move.new),
                move.difference,
                move.pull,
                move.p_value,
                move.adjusted,
                move.moved,
            ]
            for move in moves
        ],
        note="Errors are statistical and spread over trainings in quadrature, those of the two "
        "releases taken as independent. p: from Student's t; corrected for all comparisons after "
        "Holm.",
    )


def _sizes_table(points: Sequence[Resized]) -> Table:
    sizes = ["left", "parameters", "epochs"]
    return Table(
        caption="Sizes and times, old → new",
        columns=[*_IDENTITY, *sizes, "seconds", "time new / old"],
        rows=[
            [
                *(value(point.old) for value in _IDENTITY.values()),
                *(_both(point, name) for name in sizes),
                f"{point.old.seconds:.3g} → {point.new.seconds:.3g}",
                point.time,
            ]
            for point in points
        ],
        note="Means over the trainings; “seconds” are those of one training.",
    )


def _both(point: Resized, name: str) -> str:
    old, new = getattr(point.old, name), getattr(point.new, name)
    return f"{old:,.6g}" if old == new else f"{old:,.6g} → {new:,.6g}"


def _only(comparison: Comparison) -> list[Table]:
    return [
        Table(
            caption=f"Only in {release.name}",
            columns=[*_PLACE, "rejection"],
            rows=[
                [*(value(one) for value in _PLACE.values()), _with_error(one)] for one in numbers
            ],
        )
        for release, numbers in (
            (comparison.old, comparison.only_old),
            (comparison.new, comparison.only_new),
        )
    ]


def _page(comparison: Comparison) -> str:
    old, new = comparison.old, comparison.new
    return page(
        f"What moved from {old.name} to {new.name}",
        sections(comparison),
        summary=sentences(comparison),
        provenance={"old": _about(old), "new": _about(new)},
    )


def _about(release: Release) -> dict[str, str]:
    return {
        "folder": release.name,
        "versions": ", ".join(f"{name} {found}" for name, found in release.versions.items()),
        **{f"jets of {task}": ", ".join(sorted(found)) for task, found in release.jets.items()},
        **{
            f"seeds of {task}": ", ".join(map(str, sorted(found)))
            for task, found in release.seeds.items()
        },
    }
