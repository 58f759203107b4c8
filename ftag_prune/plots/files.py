"""A figure as PDF and PNG, and the numbers behind it as CSV, under one name."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ftag_prune.plots.palette import with_palette
from ftag_prune.record import atomic, write_csv

__all__ = ["Saved", "rows", "save"]


class Saved(NamedTuple):
    """The three files of a figure."""

    pdf: Path
    png: Path
    csv: Path


def save(fig: Figure, stem: Path, rows: Sequence[Mapping[str, Any]]) -> Saved:
    """Write `stem`.pdf, `stem`.png and `stem`.csv, each whole or not at all.

    Call it inside `atlas_style`, because part of a style acts when a figure is drawn; it also says
    how many dots per inch a PNG has.

    Parameters
    ----------
    stem : Path
        Path without suffix; dots in its name stay.
    rows : sequence of mappings
        The numbers behind the figure, as `rows` makes them from what a figure takes.
    """
    files = Saved(*(stem.with_name(stem.name + suffix) for suffix in (".pdf", ".png", ".csv")))
    with atomic(files.pdf) as temporary:
        # Without the date equal figures have equal bytes.
        fig.savefig(temporary, metadata={"CreationDate": None})
    with atomic(files.png) as temporary:
        _save_png(fig, temporary)
    write_csv(files.csv, rows)
    return files


def _save_png(fig: Figure, path: Path) -> None:
    """Write a PNG with a palette, which makes it a quarter as large."""
    with io.BytesIO() as drawn:
        fig.savefig(drawn, format="png")
        image = Image.open(drawn)
        few, dots = with_palette(image), image.info["dpi"]
    few.save(path, "PNG", optimize=True, dpi=dots)


def rows(records: Sequence[Any]) -> list[dict[str, Any]]:
    """Flat rows from what a figure takes: scalars are repeated beside each entry of the arrays.

    Parameters
    ----------
    records : sequence of NamedTuple
        Their sequence fields have one common length each; None becomes an empty cell. A record of
        scalars is one row.
    """
    flat = []
    for record in records:
        fields = record._asdict()
        columns = {k: np.ndarray.tolist(np.asarray(v)) for k, v in fields.items() if np.ndim(v)}
        flat += [
            fields | dict(zip(columns, entry, strict=True))
            for entry in (zip(*columns.values(), strict=True) if columns else [()])
        ]
    return flat
