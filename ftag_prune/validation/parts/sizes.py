"""Rejection against the size of the network and its time a jet, with the networks none beats."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from ftag_prune import plots
from ftag_prune.figures.drawing import network_name
from ftag_prune.flavours import FLAVOURS, Task
from ftag_prune.plots.sizes import Quantity
from ftag_prune.report import Table, with_error
from ftag_prune.validation.answer import Kept
from ftag_prune.validation.front import front
from ftag_prune.validation.latency import BATCHES
from ftag_prune.validation.networks import Measured
from ftag_prune.validation.part import Easel, Part, Shown, at_efficiency, finite

__all__ = ["sizes"]

_WORDS = {
    "parameters": "parameters (weights and biases) of the compacted network",
    "multiplications": "multiplications that a jet costs",
    "latency": "time a jet, measured with ONNX Runtime on one thread, {batch} at once",
}


def sizes(
    found: Sequence[Measured], task: Task, easel: Easel, *, backgrounds: Sequence[str]
) -> Part:
    """Figures for each quantity and background that matters, and a table of all networks."""
    return Part(
        title="Size and time",
        text=_text(found, task),
        figures=tuple(_figures(found, task, easel, backgrounds)),
        tables=(_table(found, task),),
        numbers={"networks": [_numbers(one, task) for one in found]},
    )


def _text(found: Sequence[Measured], task: Task) -> tuple[str, ...]:
    timed = (
        "Times are medians over repeats; they depend on the machine, and that of one jet at once "
        "is for small networks the time of the call. "
        if any(one.latency for one in found)
        else ""
    )
    return (
        f"{len(found)} networks, each at {at_efficiency(task)}: mean over its trainings; sizes "
        f"are those of the compacted networks. {timed}A network is on the front if none is smaller "
        "and rejects as much, by the values: within their errors others may be as good.",
    )


def _figures(
    found: Sequence[Measured], task: Task, easel: Easel, backgrounds: Sequence[str]
) -> Iterator[Shown]:
    for name in backgrounds:
        yield _pruned(found, task, easel, name)
    for quantity in ("parameters", "multiplications"):
        for name in backgrounds:
            values = [float(getattr(one, quantity)) for one in found]
            yield _pareto(found, task, easel, name, quantity, quantity, values)
    if all(one.latency for one in found):
        for place, batch in enumerate(BATCHES):
            for name in backgrounds:
                values = [one.latency[place].median for one in found]
                yield _pareto(found, task, easel, name, "latency", f"latency-{batch}", values)


def _pareto(
    found: Sequence[Measured],
    task: Task,
    easel: Easel,
    background: str,
    quantity: Quantity,
    stem: str,
    values: Sequence[float],
) -> Shown:
    place = task.backgrounds.index(background)
    rejections = [one.rejections[place] for one in found]
    ahead = front(values, [one.mean for one in rejections])
    points = [
        plots.SizePoint(
            one.strategy, network_name(one.network), size, value.mean, value.total, bool(good)
        )
        for one, size, value, good in zip(found, values, rejections, ahead, strict=True)
    ]
    fig, (ax,) = plots.canvas_with_legend(lines=len(easel.texts()))
    plots.pareto(
        ax,
        points,
        quantity=quantity,
        unit="µs" if quantity == "latency" else "",
        background=background,
        efficiency=at_efficiency(task),
    )
    easel.sign(ax, above=True)
    batch = stem.partition("-")[2]
    words = _WORDS[quantity].format(batch="1 jet" if batch == "1" else f"{batch} jets")
    rows = [{"network": one.name, **p._asdict()} for one, p in zip(found, points, strict=True)]
    return easel.save(
        fig,
        f"size-{stem}-{background}",
        rows,
        f"Rejection of {FLAVOURS[background].label} at {at_efficiency(task)} against the {words}. "
        "Bars: error from the number of test jets and from the spread of the trainings. Line: the "
        "networks that no smaller one equals, by value.",
    )


def _pruned(found: Sequence[Measured], task: Task, easel: Easel, background: str) -> Shown:
    """Rejection against the pruned fraction, a line for each network and strategy."""
    lines = list(_lines(found, task, background))
    fig, ax, ratio = plots.canvas_with_ratio()
    plots.rejection_versus_pruned(
        ax,
        ratio,
        lines,
        signal=task.signal,
        background=background,
        working_point=task.working_point,
    )
    easel.sign(ax)
    return easel.save(
        fig,
        f"size-pruned-{background}",
        plots.rows(lines),
        f"Rejection of {FLAVOURS[background].label} at {at_efficiency(task)} against the fraction "
        "that was pruned; below: ratio to the dense tagger of the same network on the same jets.",
    )


def _lines(found: Sequence[Measured], task: Task, background: str) -> Iterator[plots.PrunedLine]:
    place = task.backgrounds.index(background)
    strategies = {one.strategy for one in found if not one.dense}
    for network, group in groupby(found, key=lambda one: one.network):
        mine = list(group)
        dense = [one for one in mine if one.dense]
        for strategy in dict.fromkeys(one.strategy for one in mine if not one.dense) or ("",):
            line = [*dense, *(one for one in mine if one.strategy == strategy)]
            line.sort(key=lambda one: one.pruned)
            more = f", {strategy}" if len(strategies) > 1 and strategy else ""
            kept = [_of(one.of_own, background) for one in line]
            yield plots.PrunedLine(
                f"{network_name(network)}{more}",
                pruned=np.array([one.pruned for one in line]),
                rejection=np.array([one.rejections[place].mean for one in line]),
                error=np.array([one.rejections[place].total for one in line]),
                ratio=np.array([math.nan if one is None else one.ratio for one in kept]),
                ratio_error=np.array([math.nan if one is None else one.error for one in kept]),
            )


def _of(kept: Sequence[Kept], background: str) -> Kept | None:
    return next((one for one in kept if one.background == background), None)


# -- the table -----------------------------------------------------------------------------------


def _table(found: Sequence[Measured], task: Task) -> Table:
    timed = any(one.latency for one in found)
    kept = [one.background for one in found[0].of_best]
    return Table(
        f"All networks at {at_efficiency(task)}",
        [
            *("network", "strategy", "pruned / %", "nodes", "parameters", "multiplications"),
            *(f"µs a jet, {batch} at once" for batch in BATCHES if timed),
            "validation loss",
            *(f"{name} rejection" for name in task.backgrounds),
            *(f"{name}: of the best dense" for name in kept),
            *(f"{name}: of its own dense" for name in kept),
        ],
        [_row(one, kept, timed=timed) for one in found],
        note="Rejection: mean over trainings ± error from the test jets and spread of the "
        "trainings in quadrature. “Of the best dense”, “of its own dense”: ratio of the rejections "
        "on the same jets, error from a paired bootstrap of the jets and from the spread over "
        "trainings. Times: median (half of the repeats lie in the interval).",
    )


def _row(one: Measured, kept: Sequence[str], *, timed: bool) -> list[str | float | None]:
    return [
        one.network,
        one.strategy,
        f"{100 * one.pruned:.1f}",
        round(one.nodes_left),
        round(one.parameters),
        round(one.multiplications),
        *(_times(one) if timed else ()),
        round(one.validation_loss, 4),
        *(with_error(value.mean, value.total) for value in one.rejections),
        *(_kept(_of(one.of_best, name)) for name in kept),
        *(_kept(_of(one.of_own, name)) for name in kept),
    ]


def _times(one: Measured) -> list[str | None]:
    if not one.latency:
        return [None for _ in BATCHES]
    return [f"{time.median:.3g} ({time.low:.3g} to {time.high:.3g})" for time in one.latency]


def _kept(one: Kept | None) -> str | None:
    if one is None or not math.isfinite(one.ratio):
        return None
    if one.ratio == 1 and one.error == 0:
        return "1"
    error = f"{one.error:.3f}" if math.isfinite(one.error) else "?"
    return f"{one.ratio:.3f} ± {error}"


def _numbers(one: Measured, task: Task) -> dict[str, Any]:
    """Everything that was measured of a network, for JSON."""
    plain = {
        key: finite(value)
        for key, value in one._asdict().items()
        if isinstance(value, str | int | float)
    }
    return {
        **plain,
        "latency": [time._asdict() for time in one.latency],
        "rejections": {
            name: {key: finite(value) for key, value in combined._asdict().items()}
            for name, combined in zip(task.backgrounds, one.rejections, strict=True)
        },
        "of_best": [_finite(kept) for kept in one.of_best],
        "of_own": [_finite(kept) for kept in one.of_own],
    }


def _finite(kept: Kept) -> dict[str, Any]:
    return {key: finite(value) for key, value in kept._asdict().items()}
