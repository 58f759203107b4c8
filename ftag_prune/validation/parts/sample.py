"""What the jets are: how many of each class, and what each of them looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ftag_prune import plots
from ftag_prune.flavours import FLAVOURS, Task
from ftag_prune.report import Table
from ftag_prune.tensors import load
from ftag_prune.tensors.meaning import prepared_file
from ftag_prune.validation.heldout import Array, HeldOut
from ftag_prune.validation.part import Easel, Part, Shown

__all__ = ["Content", "binned", "content", "edges_of", "sample"]

_SPLITS = ("train", "val", "test")
_BINS = 40
_TAILS = (0.001, 0.999)  # of the finite values; what lies beyond is in the outer bins
_STEEP = 50.0  # largest over middle filled bin from which on y is logarithmic
_COLUMNS, _ROWS = 3, 2  # of panels on a page of inputs


class Content(NamedTuple):
    """Jets of one class in one split: their number, and what weighted ones are worth.

    Effective jets, (sum w)^2 / sum w^2, are as many unweighted ones as would have the same errors.
    """

    flavour: str
    split: str
    jets: int
    effective: float
    effective_training: float


def sample(jets: HeldOut, easel: Easel) -> Part:
    """Tables of the classes and of missing inputs; pt, eta, mass and every input by class."""
    contents = content(jets)
    inputs = load(jets.path).x.numpy()
    missing = _missing(inputs, jets)
    figures = [
        *(
            _single(easel, jets, name, np.abs(values) if name == "eta" else values)
            for name, values in jets.columns.items()
        ),
        *_pages(easel, jets, inputs),
    ]
    return Part(
        title="Sample and inputs",
        text=_text(jets, missing),
        figures=tuple(figures),
        tables=(_table(contents), *_missing_table(jets.task, missing)),
        numbers={
            "content": [one._asdict() for one in contents],
            "missing": {name: shares.tolist() for name, shares in missing.items()},
        },
    )


def content(jets: HeldOut) -> list[Content]:
    """Jets of each class in each split."""
    return [one for split in _SPLITS for one in _of_split(jets, split)]


def _of_split(jets: HeldOut, split: str) -> Iterator[Content]:
    with prepared_file(jets.folder / f"{split}.h5") as file:
        table = file["jets"].fields(["label", "weight", "mc_weight"])[:]
    for index, name in enumerate(jets.task.classes):
        mine = table[table["label"] == index]
        yield Content(
            name, split, len(mine), _effective(mine["mc_weight"]), _effective(mine["weight"])
        )


def _effective(weight: Array) -> float:
    """Unweighted jets with the same power."""
    w = weight.astype(np.float64)
    squares = float((w**2).sum())
    return float(w.sum() ** 2 / squares) if squares > 0 else 0.0


def _missing(inputs: Array, jets: HeldOut) -> dict[str, Array]:
    """Share of each class (classes,) whose input is missing, of inputs with any."""
    lost = ~np.isfinite(inputs)
    shares = np.array(
        [lost[jets.label == index].mean(axis=0) for index in range(len(jets.task.classes))]
    )  # (classes, inputs)
    return {
        name: shares[:, index]
        for index, name in enumerate(jets.about.inputs)
        if shares[:, index].any()
    }


def _text(jets: HeldOut, missing: Mapping[str, Array]) -> tuple[str, ...]:
    gaps = (
        f"{len(missing)} of {len(jets.about.inputs)} inputs are missing in some jets, see the "
        "table; a network takes their mean there."
        if missing
        else "No input is missing in any test jet."
    )
    return (
        f"{jets.title}. All that follows is measured on {len(jets.label):,} test jets, of events "
        "that no training has seen; each counts once, whatever its weight.",
        gaps,
    )


def _table(contents: Sequence[Content]) -> Table:
    return Table(
        "Jets by class and split",
        ["class", "split", "jets", "effective jets", "effective with training weights"],
        [
            [one.flavour, one.split, one.jets, round(one.effective), round(one.effective_training)]
            for one in contents
        ],
        note="Effective jets: as many unweighted ones would have the same statistical error, with "
        "the generator's weights and with those of the training.",
    )


def _missing_table(task: Task, missing: Mapping[str, Array]) -> list[Table]:
    if not missing:
        return []
    rows = [[name, *(f"{100 * one:.3g}" for one in shares)] for name, shares in missing.items()]
    return [Table("Missing inputs, per cent of the test jets", ["input", *task.classes], rows)]


# -- distributions -------------------------------------------------------------------------------


def edges_of(name: str, values: Array) -> Array:
    """(bins + 1,): edges for a column; around whole numbers if it has no others."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.array([0.0, 1.0])
    low, high = (float(one) for one in np.quantile(finite, _TAILS))
    if (finite == np.round(finite)).all():
        step = max(1, -(-int(high - low + 1) // _BINS))  # else numbers would be shared unevenly
        return np.arange(np.floor(low), np.ceil(high) + step + 1, step) - 0.5
    if low == high:
        return np.array([low - 0.5, high + 0.5])
    if name == "pt" and low > 0:
        return np.geomspace(low, high, _BINS + 1)
    return np.linspace(low, high, _BINS + 1)


def binned(values: Array, jets: HeldOut, edges: Array) -> list[plots.Histogram]:
    """Each class in the bins, the signal first, with unit area; missing values count to the area.

    What lies beyond the edges stands in the outer bins.
    """
    task = jets.task
    names = [task.signal, *(name for name in task.classes if name != task.signal)]
    return [
        _histogram(name, values[jets.label == task.classes.index(name)], edges) for name in names
    ]


def _histogram(name: str, values: Array, edges: Array) -> plots.Histogram:
    inside = np.clip(values[np.isfinite(values)], edges[0], edges[-1])
    counts, _ = np.histogram(inside, edges)
    scale = 1 / (len(values) * np.diff(edges))
    return plots.Histogram(name, edges[:-1], edges[1:], counts * scale, np.sqrt(counts) * scale)


def _steep(histograms: Sequence[plots.Histogram]) -> bool:
    """Whether most bins would be flat on the ground of a linear axis."""
    density = np.concatenate([one.density for one in histograms])
    filled = density[density > 0]
    return bool(len(filled) and filled.max() > _STEEP * np.median(filled))


def _single(easel: Easel, jets: HeldOut, name: str, values: Array) -> Shown:
    histograms = binned(values, jets, edges_of(name, values))
    fig, ax, ratio = plots.canvas_with_ratio()
    _draw(ax, ratio, jets, name, histograms)
    easel.sign(ax, "test jets")
    return easel.save(
        fig,
        f"distribution-{name}",
        plots.rows(histograms),
        f"Test jets in {name}, each class with unit area; below: ratio to "
        f"{FLAVOURS[jets.task.signal].label}. Bands: statistical error. The outer bins hold what "
        "lies beyond.",
    )


def _draw(
    ax: Axes, ratio: Axes, jets: HeldOut, name: str, histograms: list[plots.Histogram]
) -> plots.DistributionArtists:
    return plots.distributions(
        ax,
        ratio,
        histograms,
        column=name,
        unit=jets.units.get(name, ""),
        log=_steep(histograms),
    )


def _pages(easel: Easel, jets: HeldOut, inputs: Array) -> Iterator[Shown]:
    """All inputs in their order, six on a page."""
    names, size = jets.about.inputs, _COLUMNS * _ROWS
    for number, begin in enumerate(range(0, len(names), size), start=1):
        some = names[begin : begin + size]
        yield _page(easel, jets, {name: inputs[:, names.index(name)] for name in some}, number)


def _page(easel: Easel, jets: HeldOut, values: Mapping[str, Array], number: int) -> Shown:
    fig, panels = _canvas(len(values))
    rows: list[dict[str, Any]] = []
    for (name, column), (ax, ratio) in zip(values.items(), panels, strict=True):
        column = column.astype(np.float64)
        histograms = binned(column, jets, edges_of(name, column))
        artists = _draw(ax, ratio, jets, name, histograms)
        _plainly(ax, ratio, jets.units.get(name, ""))
        if ax is not panels[0][0]:
            artists.legend.remove()
        rows += [{"column": name, **row} for row in plots.rows(histograms)]
    easel.sign(panels[0][0], "inputs of the test jets", above=True)
    return easel.save(
        fig,
        f"inputs-{number}",
        rows,
        f"Inputs of the networks: {', '.join(values)}. Test jets, each class with unit area (jets "
        "without the input count to it); lower panels: ratio to "
        f"{FLAVOURS[jets.task.signal].label}. The outer bins hold what lies beyond.",
    )


def _plainly(ax: Axes, ratio: Axes, unit: str) -> None:
    """A short label, for the column stands below, and no minor ticks, which cost much time."""
    ax.set_ylabel(f"Fraction of jets / {unit or 'unit'}")
    for panel in (ax, ratio):
        panel.minorticks_off()


def _canvas(number: int) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """Pairs of panels, a large one over its ratio."""
    rows = -(-number // _COLUMNS)
    fig = Figure(figsize=(6.4 * _COLUMNS, 6.0 * rows + 1.6))
    top = 1 - 1.5 / (6.0 * rows + 1.6)
    outer = fig.add_gridspec(
        rows,
        _COLUMNS,
        left=0.06,
        right=0.99,
        bottom=0.9 / (6.0 * rows + 1.6),
        top=top,
        hspace=0.28,
        wspace=0.26,
    )
    panels = []
    for index in range(number):
        inner = outer[divmod(index, _COLUMNS)].subgridspec(2, 1, height_ratios=(3, 1), hspace=0.08)
        ax = fig.add_subplot(inner[0])
        ratio = fig.add_subplot(inner[1], sharex=ax)
        ax.tick_params(axis="x", which="both", labelbottom=False)
        panels.append((ax, ratio))
    return fig, panels
