"""What a validation leaves in its folder, and how it becomes a page or a part of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ftag_prune.errors import FtagPruneError
from ftag_prune.record import read_json, write_json
from ftag_prune.report import Figure, Section, Table
from ftag_prune.report import page as whole_page
from ftag_prune.validation.part import Part

__all__ = ["FILE", "Findings", "headline", "leave", "page", "read_validation", "sections"]

FILE = "validation.json"


class Findings(NamedTuple):
    """Content of ``validation.json``.

    Attributes
    ----------
    task, title : name of the task, and its text
    answers : how small it can be, in sentences
    notes : what the reader must know of the comparison, such as scores that are missing
    numbers : everything that was measured
    provenance : versions, jets, runs, options
    parts : of the page, in their order
    """

    task: str
    title: str
    answers: tuple[str, ...]
    notes: tuple[str, ...]
    numbers: Mapping[str, Any]
    provenance: Mapping[str, Any]
    parts: tuple[Part, ...]


def leave(out: Path, findings: Findings) -> Path:
    """Write ``validation.json`` into the folder of the figures; it comes last."""
    path = out / FILE
    content = findings._asdict()
    content["numbers"] = {k: v for one in findings.parts for k, v in one.numbers.items()} | dict(
        findings.numbers
    )
    content["parts"] = [_plain(one) for one in findings.parts]
    write_json(path, content)
    return path


def _plain(part: Part) -> dict[str, Any]:
    """A part without its numbers, which stand with the others."""
    return {
        "title": part.title,
        "text": part.text,
        "figures": [one._asdict() for one in part.figures],
        "tables": [_plain_table(one) for one in part.tables],
        "files": part.files,
    }


def _plain_table(table: Table) -> dict[str, Any]:
    rows = [[None if _no_number(cell) else cell for cell in row] for row in table.rows]
    return {**table._asdict(), "rows": rows}


def _no_number(cell: object) -> bool:
    return isinstance(cell, float) and not math.isfinite(cell)


def read_validation(out: Path) -> dict[str, Any]:
    """Content of ``validation.json`` in a folder; FtagPruneError if it is none."""
    content: dict[str, Any] = read_json(out / FILE)
    lost = [key for key in Findings._fields if key not in content]
    if lost:
        raise FtagPruneError(f"{out / FILE}: not what a validation leaves, has no '{lost[0]}'")
    return content


def headline(out: Path) -> list[str]:
    """What a hurried reader must know: the answer of the task, and what limits the comparison."""
    found = read_validation(out)
    return [*found["answers"][:1], *found["notes"]]


def sections(out: Path, *, group: str = "") -> list[Section]:
    """Parts of a validation for a page, from its folder; the first has the answer of each network.

    Parameters
    ----------
    group : name that they stand under in the contents
    """
    found = read_validation(out)
    first, *rest = [_section(out, part, group) for part in found["parts"]]
    return [first._replace(text=[*found["answers"][1:], *first.text]), *rest]


def _section(out: Path, part: Mapping[str, Any], group: str) -> Section:
    return Section(
        title=part["title"],
        text=part["text"],
        figures=[_figure(out, **one) for one in part["figures"]],
        tables=[Table(**one) for one in part["tables"]],
        files=[out / name for name in part["files"]],
        group=group,
    )


def _figure(out: Path, *, name: str, caption: str) -> Figure:
    return Figure(out / f"{name}.png", caption, out / f"{name}.csv")


def page(out: Path) -> str:
    """HTML of a validation by itself, from its folder."""
    found = read_validation(out)
    return whole_page(
        f"Validation: {found['title']}",
        sections(out),
        summary=headline(out),
        provenance=found["provenance"],
        reading=_reading(),
    )


def _reading() -> Sequence[str]:
    return (
        "“Rejection” is one over the efficiency for a background, at the stated efficiency for the "
        "signal. All numbers are measured on the compacted networks with jets of events that no "
        "training has seen.",
        "“Kept” is the ratio of a rejection to that of another tagger on the same jets; how it is "
        "shown that a network keeps enough stands in the first section.",
    )
