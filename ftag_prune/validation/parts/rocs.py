"""ROC curves of our taggers beside those of others, on the same jets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from ftag_prune import plots
from ftag_prune.config import Validation
from ftag_prune.evaluate import EFFICIENCIES
from ftag_prune.flavours import FLAVOURS
from ftag_prune.metrics import Area, auc
from ftag_prune.report import Table
from ftag_prune.validation.heldout import HeldOut
from ftag_prune.validation.part import Easel, Part, Shown
from ftag_prune.validation.taggers import Tagger, curve, ratio

__all__ = ["rocs"]

_RATIO_STEP = 2  # every second efficiency gets a paired error
_BELOW = 0.1  # the loosest axis begins so far below the tightest working point


def rocs(
    taggers: Sequence[Tagger], base: Tagger, jets: HeldOut, easel: Easel, options: Validation
) -> Part:
    """A figure for each background with the ratio to `base`, and the areas under the curves."""
    return Part(
        title="ROC curves",
        figures=tuple(_figures(taggers, base, jets, easel, options)),
        tables=(_areas(taggers, jets),),
        text=_text(taggers),
    )


def _text(taggers: Sequence[Tagger]) -> tuple[str, ...]:
    lines = []
    for one in taggers:
        if one.kind == "reference":
            lines.append(f"{one.name} is a tagger of the sample's authors; its scores are theirs.")
        if one.kind == "trees":
            lines.append(
                "Boosted trees were trained on the same inputs, jets and weights as a reference "
                "that needs no choice of a network."
            )
    return tuple(lines)


def _figures(
    taggers: Sequence[Tagger], base: Tagger, jets: HeldOut, easel: Easel, options: Validation
) -> Iterator[Shown]:
    rng = np.random.default_rng([options.seed, 2])
    task = jets.task
    low = round(min(task.working_points) - _BELOW, 2)
    asked = [one for one in EFFICIENCIES if one >= low]
    for background in task.backgrounds:
        curves = {
            one.name: _curve(one, base, jets, background, asked, options, rng) for one in taggers
        }
        ours = [curves[one.name] for one in taggers if one.kind == "ours" or one.name == base.name]
        others = [c for name, c in curves.items() if name not in {one.name for one in ours}]
        fig, ax, below = plots.canvas_with_ratio()
        plots.roc(
            ax,
            below,
            ours,
            reference=base.name,
            signal=task.signal,
            background=background,
            working_point=task.working_point,
            efficiencies=(low, 1.0),
            references=others,
            working_points=[one for one in task.working_points if one != task.working_point],
            title="",
        )
        _name_ratio(below, base)
        easel.sign(ax)
        yield easel.save(
            fig, f"roc-{background}", plots.rows([*ours, *others]), _caption(jets, base, background)
        )


def _name_ratio(below: Axes, base: Tagger) -> None:
    """The full name of a network of ours would not fit beside the panel."""
    text = "Ratio to dense" if base.dense else f"Ratio to {base.name}"
    below.set_ylabel(text, loc="center", fontsize=matplotlib.rcParams["axes.labelsize"])


def _caption(jets: HeldOut, base: Tagger, background: str) -> str:
    return (
        f"Rejection of {FLAVOURS[background].label} against efficiency for "
        f"{FLAVOURS[jets.task.signal].label}; networks that were trained several times: mean, with "
        "the statistical error and the spread of the trainings as band. Dashed verticals: working "
        f"points. Below: ratio to {base.name} on the same jets, with the error of a paired "
        "bootstrap."
    )


def _curve(
    tagger: Tagger,
    base: Tagger,
    jets: HeldOut,
    background: str,
    asked: Sequence[float],
    options: Validation,
    rng: np.random.Generator,
) -> plots.ModelCurve:
    found = curve(tagger, jets, background, asked)
    grid = asked[::_RATIO_STEP]
    errors = None
    if tagger.name != base.name:
        paired = ratio(tagger, base, jets, background, grid, replicas=options.replicas, rng=rng)
        errors = np.interp(asked, grid, paired.error)
    return plots.ModelCurve(
        tagger.name, tagger.pruned, found.efficiency, found.rejection, found.error, errors
    )


def _areas(taggers: Sequence[Tagger], jets: HeldOut) -> Table:
    return Table(
        f"Areas under the ROC curves, {jets.task.signal} against each background",
        ["tagger", *jets.task.backgrounds],
        [[one.name, *_row(one, jets)] for one in taggers],
        note="Of networks that were trained several times: the training with the lowest "
        "validation loss. Errors by DeLong's method.",
    )


def _row(tagger: Tagger, jets: HeldOut) -> list[str]:
    classes = jets.task.classes
    signal = tagger.chosen[jets.label == classes.index(jets.task.signal)]
    found: list[Area] = [
        auc(signal, tagger.chosen[jets.label == classes.index(name)])
        for name in jets.task.backgrounds
    ]
    return [f"{one.value:.4f} ± {one.error:.4f}" for one in found]
