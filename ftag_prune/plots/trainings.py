"""What a training did: its history, and the shape that pruning left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from ftag_prune.errors import FtagPruneError
from ftag_prune.plots.labels import beside, make_room
from ftag_prune.plots.scales import epoch_axis, log_axis, tick_labels
from ftag_prune.plots.style import Array, bold, colours

__all__ = ["History", "HistoryArtists", "LayerArtists", "PrunedShape", "history", "layers"]

_PANELS = (
    ("class_loss", r"Class loss $L_{\mathrm{cla}}$"),
    ("pruning_loss", r"Pruning loss $L_{\mathrm{pru}}$"),
    ("active", "Active fraction of nodes"),
    ("pressure", r"Pressure $\mu\lambda$"),
)
_NEGLIGIBLE = 1e-6  # of the largest pruning loss; what is smaller only pushes the axis down
_BEYOND = 0.15  # of a panel: how far a legend above it may reach to the left
_ROOM_FOR_COUNT = 0.06
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue (ITU-R BT.709)


class History(NamedTuple):
    """One training, epoch by epoch; entries that are not finite leave a gap.

    Attributes
    ----------
    name : str
        Text in the legend.
    epoch, class_loss, validation_loss, pruning_loss, active, pressure : (epochs,)
        Losses on training and validation jets, L_pru, active fraction of nodes, factor of L_pru.
    freeze : float or None
        Epoch of the freeze.
    target : float or None
        Wanted pruned fraction.
    """

    name: str
    epoch: Array
    class_loss: Array
    validation_loss: Array
    pruning_loss: Array
    active: Array
    pressure: Array
    freeze: float | None = None
    target: float | None = None


class PrunedShape(NamedTuple):
    """Nodes that one network keeps, layer by layer.

    Attributes
    ----------
    pruned : float in [0, 1)
        Pruned fraction of all nodes.
    layer : (layers,) of str
        Names, from the input to the output; the same for all shapes in a figure.
    kept : (layers,) of int
        Active nodes.
    """

    pruned: float
    layer: Sequence[str]
    kept: Sequence[int]


class HistoryArtists(NamedTuple):
    """What `history` has drawn, lines by panel."""

    lines: list[list[Line2D]]
    validation: list[Line2D]
    legend: Legend


class LayerArtists(NamedTuple):
    """What `layers` has drawn, one group of bars for each layer."""

    bars: list[BarContainer]
    legend: Legend


def history(axes: Sequence[Axes], runs: Sequence[History]) -> HistoryArtists:
    """Draw trainings against epochs in four panels, as `canvas_of_four` makes them.

    Class loss (solid: validation, dashed: training), pruning loss, active fraction of nodes with
    the wanted one, and pressure. Vertical dotted lines mark the freeze. The legend stands above.
    """
    if len(axes) != len(_PANELS):
        raise FtagPruneError(f"a history needs {len(_PANELS)} axes, found {len(axes)}")
    lines: list[list[Line2D]] = [[] for _ in _PANELS]
    validation: list[Line2D] = []
    freezes = {run.freeze for run in runs if run.freeze is not None}
    for run, colour in zip(runs, colours(len(runs)), strict=True):
        for ax, drawn, (field, _) in zip(axes, lines, _PANELS, strict=True):
            style = "--" if field == "class_loss" else "-"
            steps = "steps-mid" if field == "pressure" else "default"
            drawn += ax.plot(run.epoch, getattr(run, field), style, color=colour, drawstyle=steps)
            if run.freeze is not None:
                mark = colour if len(freezes) > 1 else "0.3"
                ax.axvline(run.freeze, color=mark, linestyle=":", linewidth=bold(1.5), zorder=0.5)
        validation += axes[0].plot(run.epoch, run.validation_loss, color=colour, label=run.name)
        if run.target is not None:
            axes[2].axhline(
                1 - run.target, color="0.5", linestyle="-.", linewidth=bold(1), zorder=0.5
            )
    for ax, (_, label) in zip(axes, _PANELS, strict=True):
        ax.set_ylabel(label)
        ax.margins(y=0.06)
    for ax in axes[2:]:
        epoch_axis(ax)
    _scales(axes, runs)
    return HistoryArtists(lines, validation, _history_legend(axes[1], validation))


def layers(ax: Axes, shapes: Sequence[PrunedShape]) -> LayerArtists:
    """Draw how the kept nodes are shared by the layers, a stack for each pruned fraction.

    Numbers in the stacks count the nodes; the whole is written below each stack.
    """
    names = list(shapes[0].layer)
    for shape in shapes:
        if list(shape.layer) != names or len(shape.kept) != len(names):
            raise FtagPruneError(
                f"shapes of one figure need the same layers, found {list(shape.layer)} "
                f"with {len(shape.kept)} counts beside {names}"
            )
    kept = np.array([shape.kept for shape in shapes])  # (shapes, layers)
    shares = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)
    floor = np.cumsum(shares, axis=1) - shares
    shades = matplotlib.colormaps["cividis"](np.linspace(0.1, 0.95, len(names)))
    bars = []
    inks = np.where(shades[:, :3] @ _LUMINANCE < 0.5, "white", "black")
    for i, (name, colour) in enumerate(zip(names, shades, strict=True)):
        group = ax.bar(
            np.arange(len(shapes)), shares[:, i], 0.7, floor[:, i], color=colour, label=name
        )
        counts = [
            str(n) if share > _ROOM_FOR_COUNT else ""
            for n, share in zip(kept[:, i], shares[:, i], strict=True)
        ]
        ax.bar_label(group, counts, label_type="center", color=str(inks[i]), fontsize="small")
        bars.append(group)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="x", length=0, labelsize="medium")
    ax.set_xlim(-0.6, len(shapes) - 0.4)
    below = [f"{100 * one.pruned:.3g} %\n{sum(one.kept)} nodes" for one in shapes]
    tick_labels(ax, below)
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("Pruned nodes")
    ax.set_ylabel("Share of kept nodes")
    legend = ax.legend(loc="upper right", ncols=1 if len(names) <= 3 else 2)
    make_room(ax)
    return LayerArtists(bars, legend)


def _scales(axes: Sequence[Axes], runs: Sequence[History]) -> None:
    """Logarithmic losses and pressures; a pressure that lets go needs zero on its axis."""
    loss = np.concatenate([run.pruning_loss for run in runs])
    loss = loss[np.isfinite(loss)]
    log_axis(axes[1], loss[loss > _NEGLIGIBLE * loss.max(initial=0.0)])
    axes[2].set_ylim(0, 1.05)
    pressure = np.concatenate([run.pressure for run in runs])
    pressure = pressure[np.isfinite(pressure)]
    if not len(pressure):
        axes[3].annotate(
            "no pruning loss acts", (0.5, 0.5), xycoords="axes fraction", ha="center", color="0.4"
        )
        axes[3].set_yticks([])
        return
    positive = pressure[pressure > 0]
    if len(positive) < len(pressure):
        axes[3].set_yscale("symlog", linthresh=float(positive.min(initial=1.0)))
        axes[3].set_ylim(bottom=-0.2 * float(positive.min(initial=1.0)))
    else:
        log_axis(axes[3], pressure)


def _history_legend(ax: Axes, runs: Sequence[Line2D]) -> Legend:
    """Runs by colour and meanings by line style, over the upper right panel.

    If it has no room there, it stands to the right of the panel.
    """
    grey = [
        Line2D([], [], color="0.3", linestyle="-", label="validation"),
        Line2D([], [], color="0.3", linestyle="--", label="training"),
        Line2D([], [], color="0.3", linestyle=":", label="freeze"),
    ]
    legend = ax.legend(
        handles=[*runs, *grey],
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=3 if len(runs) > 4 else 2,
    )
    box = legend.get_window_extent()
    fits = box.x0 > ax.bbox.x0 - _BEYOND * ax.bbox.width and box.y1 <= ax.figure.bbox.y1
    return legend if fits else beside(ax, [*runs, *grey])
