"""Working points: the cuts that one would publish, and what they reject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ftag_prune.metrics import discriminant
from ftag_prune.record import provenance
from ftag_prune.report import Table
from ftag_prune.validation.heldout import HeldOut
from ftag_prune.validation.part import Easel, Part
from ftag_prune.validation.taggers import Tagger
from ftag_prune.validation.working_points import (
    Rejected,
    Tabulated,
    tabulated,
    write_tabulated,
)

__all__ = ["points"]


def points(taggers: Sequence[Tagger], jets: HeldOut, easel: Easel) -> Part:
    """A table and four files for each tagger, and each class that the task tags."""
    tables = list(_tables(taggers, jets))
    files: list[str] = []
    for stem, table in tables:
        written = write_tabulated(table, easel.out / stem)
        files += [path.name for path in written]
    return Part(
        title="Working points",
        text=(
            "Cuts for the efficiencies that the task asks for. A jet passes if its discriminant "
            "is at or above the cut. Of networks that were trained several times, this is the "
            "training with the lowest validation loss; cuts belong to that run alone.",
            "Discriminants: "
            + "; ".join(dict.fromkeys(table.discriminant for _, table in tables))
            + ".",
        ),
        tables=tuple(_shown(table) for _, table in tables),
        files=tuple(files),
        numbers={"working_points": [table.model_dump(mode="json") for _, table in tables]},
    )


def _tables(taggers: Sequence[Tagger], jets: HeldOut) -> Iterator[tuple[str, Tabulated]]:
    """Names of files without suffix, and tables."""
    versions = provenance()["versions"]
    for one in taggers:
        mine = jets.task.among(one.classes)
        columns = [jets.task.classes.index(name) for name in mine.classes]
        for chosen in mine.discriminants:
            value = discriminant(
                one.probability[:, columns],
                mine,
                signal=chosen.signal,
                fractions=chosen.fractions,
            )
            yield (
                f"cuts-{one.run}-{chosen.signal}",
                tabulated(
                    value, jets, tagger=one.name, run=one.run, chosen=chosen, versions=versions
                ),
            )


def _shown(table: Tabulated) -> Table:
    backgrounds = list(table.points[0].rejections)
    return Table(
        f"{table.tagger}, tagging {table.signal} ({table.run})",
        ["efficiency / %", "achieved / %", "cut", *(f"{name} rejection" for name in backgrounds)],
        [
            [
                f"{100 * point.asked:g}",
                f"{100 * point.efficiency:.2f} ± {100 * point.efficiency_error:.2f}",
                f"{point.cut:.4f}",
                *(_rejection(one) for one in point.rejections.values()),
            ]
            for point in table.points
        ],
    )


def _rejection(one: Rejected) -> str | None:
    if one.value is None or one.error is None:
        return None if one.limit is None else f"> {one.limit:.0f}"
    digits = 1 if one.value < 100 else 0
    return f"{one.value:.{digits}f} ± {one.error:.{digits}f}"
