"""The working points of one tagger as a table that other programs and papers take."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import Discriminant, Task
from ftag_prune.metrics import Rejection, WorkingPoint, working_points
from ftag_prune.record import atomic, parse_json, read_json, write_json
from ftag_prune.spec import Spec, load_yaml, validated
from ftag_prune.validation.heldout import Array, HeldOut

__all__ = [
    "Cut",
    "Rejected",
    "Tabulated",
    "Written",
    "formula",
    "latex",
    "read_tabulated",
    "tabulated",
    "write_tabulated",
]

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "_": r"\_",
        "%": r"\%",
        "&": r"\&",
        "#": r"\#",
        "$": r"\$",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


class Rejected(Spec):
    """Rejection of one background; without a passing jet no value, but a limit at 95 %."""

    value: float | None
    error: float | None
    limit: float | None
    passing: int


class Cut(Spec):
    """One working point: a jet passes if its discriminant is at or above the cut."""

    asked: float
    efficiency: float
    efficiency_error: float
    cut: float
    rejections: dict[str, Rejected]


class Tabulated(Spec):
    """Working points of a tagger for one signal, and what one needs to know to use them.

    Attributes
    ----------
    jets : test jets of each class
    prepared : fingerprint of the prepared jets
    """

    tagger: str
    run: str
    task: str
    signal: str
    discriminant: str
    fractions: dict[str, float]
    sample: str
    prepared: str
    jets: dict[str, int]
    versions: dict[str, str]
    points: tuple[Cut, ...]


class Written(NamedTuple):
    """The four files of a table."""

    yaml: Path
    json: Path
    csv: Path
    tex: Path


def formula(chosen: Discriminant) -> str:
    """A discriminant as text."""
    below = " + ".join(f"{share:g} p({name})" for name, share in chosen.fractions.items())
    return f"ln[ p({chosen.signal}) / ({below}) ]"


def tabulated(
    value: Array,
    jets: HeldOut,
    *,
    tagger: str,
    run: str,
    chosen: Discriminant,
    versions: dict[str, str],
) -> Tabulated:
    """Working points of the task for a discriminant.

    Parameters
    ----------
    value : (jets,), the discriminant
    """
    task: Task = jets.task
    backgrounds = [name for name in task.classes if name != chosen.signal]
    points = working_points(
        value,
        jets.label,
        signal=task.classes.index(chosen.signal),
        backgrounds=[task.classes.index(name) for name in backgrounds],
        efficiencies=task.working_points,
    )
    signals = jets.counts[chosen.signal]
    return Tabulated(
        tagger=tagger,
        run=run,
        task=task.name,
        signal=chosen.signal,
        discriminant=formula(chosen),
        fractions=dict(chosen.fractions),
        sample=jets.title,
        prepared=jets.about.fingerprint,
        jets=jets.counts,
        versions=versions,
        points=tuple(_cut(one, backgrounds, signals) for one in points),
    )


def _cut(point: WorkingPoint, backgrounds: Sequence[str], signals: int) -> Cut:
    efficiency = point.efficiency
    return Cut(
        asked=point.asked,
        efficiency=efficiency,
        efficiency_error=math.sqrt(efficiency * (1 - efficiency) / signals),
        cut=point.cut,
        rejections={
            name: _rejected(one) for name, one in zip(backgrounds, point.rejections, strict=True)
        },
    )


def _rejected(one: Rejection) -> Rejected:
    value, error, limit = (
        x if math.isfinite(x) else None for x in (one.value, one.error, one.limit)
    )
    return Rejected(value=value, error=error, limit=limit, passing=one.passing)


# -- files ---------------------------------------------------------------------------------------


def write_tabulated(table: Tabulated, stem: Path) -> Written:
    """Write `stem`.yaml, .json, .csv and .tex, each whole or not at all; all say the same."""
    files = Written(*(stem.with_name(stem.name + f".{kind}") for kind in Written._fields))
    content = table.model_dump(mode="json")
    write_json(files.json, content)
    for path, text in (
        (files.yaml, yaml.safe_dump(content, sort_keys=False, allow_unicode=True)),
        (files.csv, _csv(table)),
        (files.tex, latex(table)),
    ):
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return files


def read_tabulated(path: Path) -> Tabulated:
    """The table in a .yaml, .json or .csv file that `write_tabulated` wrote."""
    readers = {".json": read_json, ".yaml": load_yaml, ".csv": _read_csv}
    if path.suffix not in readers:
        raise FtagPruneError(f"{path}: wanted a table of working points as .json, .yaml or .csv")
    return validated(Tabulated, readers[path.suffix](path), where=str(path))


def _csv(table: Tabulated) -> str:
    """A line for each working point and background; above, as comments, what all share."""
    shared = table.model_dump(mode="json", exclude={"points"})
    stream = StringIO()
    for name, value in shared.items():
        stream.write(f"# {name}: {json.dumps(value, ensure_ascii=False)}\n")
    writer = csv.writer(stream, lineterminator="\n")
    plain = [name for name in Cut.model_fields if name != "rejections"]
    writer.writerow([*plain, "background", *Rejected.model_fields])
    for point in table.points:
        start = [repr(getattr(point, name)) for name in plain]
        for name, one in point.rejections.items():
            writer.writerow([*start, name, *("" if v is None else v for _, v in one)])
    return stream.getvalue()


def _read_csv(path: Path) -> dict[str, Any]:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line[2:].partition(": ") for line in lines if line.startswith("# ")]
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    points: dict[str, dict[str, Any]] = {}
    for row in rows:
        point = points.setdefault(
            row["asked"],
            {key: row[key] for key in Cut.model_fields if key != "rejections"} | {"rejections": {}},
        )
        point["rejections"][row["background"]] = {
            key: row[key] or None for key in Rejected.model_fields
        }
    shared = {name: parse_json(value) for name, _, value in comments}
    return {**shared, "points": list(points.values())}


def latex(table: Tabulated) -> str:
    """A plain tabular, which needs no package; what all points share stands above as comments."""
    backgrounds = list(table.points[0].rejections) if table.points else []
    shared = [
        ("tagger", table.tagger),
        ("run", table.run),
        ("discriminant", table.discriminant),
        ("sample", table.sample),
        ("prepared jets", table.prepared),
    ]
    heads = ["efficiency", "achieved", "cut", *(f"{name} rejection" for name in backgrounds)]
    return "\n".join(
        [
            *(f"% {name}: {' '.join(text.split())}" for name, text in shared),
            rf"\begin{{tabular}}{{{'r' * len(heads)}}}",
            r"\hline",
            " & ".join(head.translate(_LATEX) for head in heads) + r" \\",
            r"\hline",
            *(_latex_row(point) for point in table.points),
            r"\hline",
            r"\end{tabular}",
            "",
        ]
    )


def _latex_row(point: Cut) -> str:
    cells = [
        rf"{100 * point.asked:g}\,\%",
        rf"${100 * point.efficiency:.2f} \pm {100 * point.efficiency_error:.2f}$\,\%",
        f"${point.cut:.4f}$",
        *(_latex_rejection(one) for one in point.rejections.values()),
    ]
    return " & ".join(cells) + r" \\"


def _latex_rejection(one: Rejected) -> str:
    if one.value is None or one.error is None:
        return f"$> {one.limit:.0f}$" if one.limit is not None else "--"
    digits = 1 if one.value < 100 else 0
    return rf"${one.value:.{digits}f} \pm {one.error:.{digits}f}$"
