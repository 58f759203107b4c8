"""Rejection against pt and |eta|: with one cut for all jets, and with a cut in each bin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ftag_prune import plots
from ftag_prune.metrics import Profile, profile
from ftag_prune.validation.heldout import Array, HeldOut
from ftag_prune.validation.part import Easel, Part, Shown, at_efficiency, stacked
from ftag_prune.validation.taggers import Tagger

__all__ = ["bins_of", "profiles"]

_BINS = 8
_TAILS = (0.002, 0.998)  # of the signal jets; those beyond are in no bin
_WORDS = {"pt": "transverse momentum", "eta": "pseudorapidity"}


def profiles(taggers: Sequence[Tagger], jets: HeldOut, easel: Easel) -> Part:
    """Two figures for each of pt and |eta|, as far as the sample has them."""
    variables = {
        name: np.abs(jets.columns[name]) if name == "eta" else jets.columns[name]
        for name in _WORDS
        if name in jets.columns
    }
    return Part(
        title="Rejection against transverse momentum and pseudorapidity",
        text=(
            "One cut: that of the working point for all jets together, so that the efficiency "
            "varies from bin to bin. Flat efficiency: a cut in each bin, with the same efficiency "
            "in all. Of networks that were trained several "
            "times, the training with the lowest validation loss.",
        ),
        figures=tuple(
            _figure(taggers, jets, easel, name, values, flat=flat)
            for name, values in variables.items()
            for flat in (False, True)
        ),
    )


def bins_of(name: str, values: Array, number: int = _BINS) -> Array:
    """(bins + 1,): edges between the ends of nearly all values; pt in equal factors."""
    low, high = (float(one) for one in np.quantile(values, _TAILS))
    if high <= low:
        return np.array([low, low + 1.0])
    if name == "pt" and low > 0:
        return np.geomspace(low, high, number + 1)
    return np.linspace(low, high, number + 1)


def _figure(
    taggers: Sequence[Tagger],
    jets: HeldOut,
    easel: Easel,
    name: str,
    values: Array,
    flat: bool,  # noqa: FBT001
) -> Shown:
    task = jets.task
    edges = bins_of(name, values[jets.label == task.classes.index(task.signal)])
    lines = list(_lines(taggers, jets, values, edges, flat=flat))
    fig, axes = plots.canvas_with_legend(len(task.backgrounds), lines=len(easel.texts()))
    how = "in each bin" if flat else "with one cut"
    plots.rejection_profile(
        axes,
        lines,
        variable=name,
        unit=jets.units.get(name, ""),
        efficiency=f"{at_efficiency(task)},\n{how}",
    )
    easel.sign(axes[0], above=True)
    return easel.save(
        fig,
        f"profile-{name}-{'flat' if flat else 'cut'}",
        plots.rows(lines),
        f"Rejection against {_WORDS[name]}, {at_efficiency(task)} {how}. Bars: 68 % intervals "
        "from the numbers of jets; arrows: lower limits at 95 % confidence where no jet passes.",
    )


def _lines(
    taggers: Sequence[Tagger], jets: HeldOut, values: Array, edges: Array, *, flat: bool
) -> Iterator[plots.ProfileLine]:
    task = jets.task
    for background in task.backgrounds:
        for one in taggers:
            found = profile(
                values,
                one.chosen,
                jets.label,
                signal=task.classes.index(task.signal),
                background=task.classes.index(background),
                edges=edges,
                efficiency=task.working_point,
                flat=flat,
            )
            yield _line(stacked(one.name), background, found)


def _line(name: str, background: str, found: Profile) -> plots.ProfileLine:
    with np.errstate(invalid="ignore"):  # no passing jet has an infinite rejection
        below = found.rejection - found.rejection_low
        above = found.rejection_high - found.rejection
    return plots.ProfileLine(
        name, background, found.low, found.high, found.rejection, below, above, found.limit
    )
