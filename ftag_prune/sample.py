"""What a sample is made of: where every jet went, and the shapes of the training's classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ftag_prune import plots
from ftag_prune.errors import SampleError
from ftag_prune.flavours import TASKS, Task
from ftag_prune.plots.style import Array
from ftag_prune.prepare.count import NO_CLASS
from ftag_prune.record import write_csv
from ftag_prune.tensors import description, told_by

__all__ = ["Flow", "Sample", "captions", "draw", "flow_rows", "read_sample"]

_KEYS = ("spectra", "units", "sources", "skipped", "card")
_WORDS = {"pt": "transverse momentum", "eta": r"$|\eta|$"}
_BEFORE = "before: generator's weights"
# How the training sees the classes: in the panel, and in the caption.
_AFTER = {
    "none": ("after: not balanced", "the training takes them as they are"),
    "weights": ("after: training weights", "with the weights of the training"),
    "resample": ("after: resampled", "resampled as the training sees them"),
}


class Flow(NamedTuple):
    """Where the jets of one class went; `read` is the sum of all others.

    Attributes
    ----------
    name : class, or "none" for jets of no class
    read : jets in the files
    rejected : by cut, in the order of the cuts; a jet is counted at the first that rejects it
    unlabelled : jets that pass all cuts and are of no class
    kept : by split
    """

    name: str
    read: int
    rejected: Mapping[str, int]
    unlabelled: int
    kept: Mapping[str, int]


class Sample(NamedTuple):
    """What a prepared file says of the sample that it was made of.

    Attributes
    ----------
    task : what the jets are for
    title : of the card, the text on figures
    cuts : formulas, by name
    flows : of each class, and of jets of no class
    how : "none", "weights" or "resample": how the training sees the classes
    spectra : of each class, by column
    units : by column; a pure number has none
    read_files, skipped : paths that were read; path and reason of each that could not be
    """

    task: Task
    title: str
    cuts: Mapping[str, str]
    flows: tuple[Flow, ...]
    how: str
    spectra: Mapping[str, tuple[plots.Spectrum, ...]]
    units: Mapping[str, str]
    read_files: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]


def read_sample(path: Path) -> Sample:
    """Sample behind a prepared file, whichever split it holds.

    SampleError if the file was prepared before it told its spectra, or if jets got lost in it.
    """
    about, told = description(path), told_by(path, *_KEYS)
    lost = [name for name in _KEYS if name not in told]
    if lost:
        raise SampleError(
            f"{path}: has no attribute '{lost[0]}', which tables and figures of the sample need; "
            f"prepare it again"
        )
    columns = told["spectra"]["columns"]
    return Sample(
        task=TASKS[about.task],
        title=told["card"]["title"],
        cuts=told["card"]["select"],
        flows=_flows(path, about.counts, about.classes),
        how=told["spectra"]["how"],
        spectra={name: _spectra(column, about.classes) for name, column in columns.items()},
        units=told["units"],
        read_files=tuple(source["path"] for source in told["sources"]),
        skipped=tuple(told["skipped"].items()),
    )


def _flows(path: Path, counts: Mapping[str, Any], classes: Sequence[str]) -> tuple[Flow, ...]:
    """Counts class by class; SampleError unless every jet that was read stands in one of them."""
    flows = []
    for name in (*classes, NO_CLASS):
        rejected = {cut: by.get(name, 0) for cut, by in counts["rejected"].items()}
        kept = {split: by.get(name, 0) for split, by in counts["kept"].items()}
        unlabelled = counts["unlabelled"] if name == NO_CLASS else 0
        read = sum(rejected.values()) + unlabelled + sum(kept.values())
        flows.append(Flow(name, read, rejected, unlabelled, kept))
    found = sum(flow.read for flow in flows)
    if found != counts["read"]:
        raise SampleError(
            f"{path}: {counts['read']} jets were read, but {found} were kept, rejected or of no "
            f"class; prepare it again"
        )
    return tuple(flows)


def _spectra(column: Mapping[str, Any], classes: Sequence[str]) -> tuple[plots.Spectrum, ...]:
    edges = np.array(column["edges"], dtype=np.float64)
    return tuple(
        plots.Spectrum(
            name,
            edges[:-1],
            edges[1:],
            *_unit_area(column["before"][name], edges),
            *_unit_area(column["after"][name], edges),
        )
        for name in classes
    )


def _unit_area(sums: Mapping[str, Sequence[float]], edges: Array) -> tuple[Array, Array]:
    """Density and its error from sums of weights and of their squares; nan without any weight.

    The error is that of the bin's own weights: the whole is taken as known.
    """
    total = np.array(sums["sum"], dtype=np.float64)
    whole = float(total.sum())
    scale = (1 / whole if whole > 0 else np.nan) / np.diff(edges)
    return total * scale, np.sqrt(np.array(sums["sum2"], dtype=np.float64)) * scale


def flow_rows(sample: Sample) -> list[dict[str, str | int]]:
    """Cut flow as a table: a row for each class, for jets of no class, and for all together."""
    rows = [_flow_row(flow) for flow in sample.flows]
    whole: dict[str, str | int] = {
        name: sum(int(row[name]) for row in rows) for name in rows[0] if name != "class"
    }
    return [*rows, {"class": "all", **whole}]


def _flow_row(flow: Flow) -> dict[str, str | int]:
    rejected = {f"rejected by {cut}": number for cut, number in flow.rejected.items()}
    return {
        "class": flow.name,
        "read": flow.read,
        **rejected,
        "of no class": flow.unlabelled,
        **flow.kept,
    }


def captions(sample: Sample) -> dict[str, str]:
    """What the reader of a figure has to know, by the figure's name."""
    _, after = _AFTER[sample.how]
    return {
        f"spectra-{column}": f"Training jets in {_WORDS.get(column, column)}, each class with unit "
        f"area. Above: with the generator's weights; below: {after}. Bands: statistical error from "
        "the squared weights."
        for column in sample.spectra
    }


def draw(
    sample: Sample,
    out: Path,
    *,
    label: str | None = None,
    lines: Sequence[str] = (),
    style: str = "notes",
) -> list[Path]:
    """Write the figures, as `captions` lists them, ``cutflow.csv`` and ``files.csv`` into `out`.

    Parameters
    ----------
    label : text at the top left; the title of the card if not given
    lines : further lines below it
    style : "notes", "slides" or "posters"
    """
    written = []
    after, _ = _AFTER[sample.how]
    texts = [*lines, f"{sample.task.title}, training jets"]
    for column, spectra in sample.spectra.items():
        with plots.atlas_style(style):
            fig, panels = plots.canvas_before_after(len(texts))
            plots.before_and_after(
                panels,
                spectra,
                column=column,
                unit=sample.units.get(column, ""),
                titles=(_BEFORE, after),
            )
            plots.atlas_label(panels[0], label or sample.title, lines=texts, above=True)
            saved = plots.save(fig, out / f"spectra-{column}", plots.rows(spectra))
        written.append(saved.pdf)
    write_csv(out / "cutflow.csv", flow_rows(sample))
    read = [{"path": path, "skipped because": ""} for path in sample.read_files]
    lost = [{"path": path, "skipped because": reason} for path, reason in sample.skipped]
    write_csv(out / "files.csv", [*read, *lost])
    return [*written, out / "cutflow.csv", out / "files.csv"]
