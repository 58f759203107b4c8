"""What a cut does to the mass of the multijet background: a peak there would look like a signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ftag_prune import plots
from ftag_prune.config import Validation
from ftag_prune.flavours import FLAVOURS
from ftag_prune.metrics import Sculpting, sculpting, working_points
from ftag_prune.report import Table
from ftag_prune.validation.heldout import HeldOut
from ftag_prune.validation.part import Easel, Part, Shown, at_efficiency, finite
from ftag_prune.validation.taggers import Tagger

__all__ = ["masses", "matters"]

_BACKGROUND = "qcd"
_BINS = 15


class _Sculpted(NamedTuple):
    """What the cut of a tagger at a working point does to the mass."""

    tagger: str
    working_point: float
    found: Sculpting


def matters(jets: HeldOut) -> bool:
    """Whether the task searches for a peak in a mass that the sample has."""
    return _BACKGROUND in jets.task.backgrounds and "mass" in jets.columns


def masses(taggers: Sequence[Tagger], jets: HeldOut, easel: Easel, options: Validation) -> Part:
    """A figure for each working point, and the divergences in a table."""
    rng = np.random.default_rng([options.seed, 3])
    background = jets.label == jets.task.classes.index(_BACKGROUND)
    mass = jets.columns["mass"][background]
    edges = np.linspace(float(mass.min()), float(mass.max()), _BINS + 1)
    found = [
        _Sculpted(
            one.name,
            point,
            sculpting(mass, passed[background], edges=edges, replicas=options.replicas, rng=rng),
        )
        for one in taggers
        for point, passed in _passed(one, jets)
    ]
    return Part(
        title="Mass sculpting",
        text=(
            f"Mass of the jets of {FLAVOURS[_BACKGROUND].label} before the cut, and of those that "
            "pass it. The Jensen-Shannon divergence is 0 bits for the same shape and 1 bit for no "
            "common bin; few passing jets alone make it differ from 0, by as much as the table "
            "says in “by chance”.",
        ),
        figures=tuple(
            _figure([one for one in found if one.working_point == point], jets, easel, point)
            for point in jets.task.working_points
        ),
        tables=(_table(found),),
        numbers={
            "mass_sculpting": [
                {
                    "tagger": one.tagger,
                    "working_point": one.working_point,
                    **{
                        key: finite(getattr(one.found, key))
                        for key in ("divergence", "error", "unsculpted")
                    },
                }
                for one in found
            ]
        },
    )


def _passed(tagger: Tagger, jets: HeldOut) -> list[tuple[float, npt.NDArray[np.bool_]]]:
    """Which jets (jets,) pass at each working point."""
    task = jets.task
    points = working_points(
        tagger.chosen,
        jets.label,
        signal=task.classes.index(task.signal),
        backgrounds=[],
        efficiencies=task.working_points,
    )
    return [(one.asked, tagger.chosen >= one.cut) for one in points]


def _figure(found: Sequence[_Sculpted], jets: HeldOut, easel: Easel, point: float) -> Shown:
    before = _line("before the cut", found[0].found, after=False)
    after = [_line(one.tagger, one.found, after=True) for one in found]
    fig, ax, ratio = plots.canvas_with_ratio()
    plots.mass_sculpting(
        ax, ratio, before, after, background=_BACKGROUND, unit=jets.units.get("mass", "GeV")
    )
    easel.sign(ax, at_efficiency(jets.task, point))
    return easel.save(
        fig,
        f"mass-{100 * point:g}",
        plots.rows([before, *after]),
        f"Mass of {FLAVOURS[_BACKGROUND].label} jets before the cut and after it, "
        f"{at_efficiency(jets.task, point)}, with unit area; below: ratio to before. In the "
        "legend: Jensen-Shannon divergence from before. Bands: bootstrap.",
    )


def _line(name: str, found: Sculpting, *, after: bool) -> plots.MassLine:
    shares = found.after if after else found.before
    errors = found.after_error if after else found.before_error
    widths = np.diff(found.edges)
    return plots.MassLine(
        name,
        found.edges[:-1],
        found.edges[1:],
        shares / widths,
        errors / widths,
        found.divergence if after else None,
        found.error if after else None,
    )


def _table(found: Sequence[_Sculpted]) -> Table:
    return Table(
        "Jensen-Shannon divergence of the mass after the cut from that before",
        ["tagger", "efficiency / %", "divergence / bits", "by chance / bits"],
        [
            [
                one.tagger,
                f"{100 * one.working_point:g}",
                f"{one.found.divergence:.4f} ± {one.found.error:.4f}",
                f"{one.found.unsculpted:.4f}",
            ]
            for one in found
        ],
    )
