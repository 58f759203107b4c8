"""Figures of a validation: what they draw, and their looks."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from matplotlib.figure import Figure
from test_plots import LABEL, LINES, gaussian_curves

from ftag_prune import plots
from ftag_prune.plots import (
    Histogram,
    MassLine,
    ProfileLine,
    ReliabilityCurve,
    SizePoint,
)

PT = np.geomspace(20, 250, 13)
MASS = np.linspace(50, 250, 21)
NORMAL = NormalDist()
NETWORKS = ("w32", "w64", "w128", "w256", "gn2-e32-h2", "gn2-e64-h4", "dips-128", "vgg16")


def histograms(power: float = 2.0, jets: float = 3_000) -> list[Histogram]:
    """Classes that fall with powers of the momentum."""
    found = []
    for index, flavour in enumerate(("b", "c", "u", "tau")):
        density = (PT[:-1] + PT[1:]) ** -(power * (1 + 0.1 * index))
        density /= np.sum(density * np.diff(PT))
        number = jets / 4**index * density * np.diff(PT)
        found.append(Histogram(flavour, PT[:-1], PT[1:], density, density / np.sqrt(number)))
    return found


def profiles(taggers: int = 3) -> list[ProfileLine]:
    """Rejections that peak in the middle; in the last bin of light jets none passes."""
    low, high = PT[:-1], PT[1:]
    centre = np.log(low * high) / 2
    found = []
    for background, scale in (("c", 8.0), ("u", 400.0), ("tau", 30.0)):
        for index in range(taggers):
            value = scale * 0.8**index * np.exp(-((centre - 4.3) ** 2))
            error = 0.05 * value**1.2
            limit = np.full(len(low), np.nan)
            if background == "u" and index < 2:
                limit[-1], value[-1] = 0.6 * value[-1], np.inf
            name = ("GN2, dense", "90 % pruned", "95 % pruned", *NETWORKS)[index]
            line = ProfileLine(name, background, low, high, value, 0.8 * error, error, limit)
            found.append(line)
    return found


def size_points(networks: int = 4, strategies: int = 2) -> list[SizePoint]:
    """Rejection that saturates with the size of networks and their pruned children."""
    found: list[SizePoint] = []
    for index, group in enumerate(NETWORKS[:networks]):
        whole = 1_000 * 3.0**index
        for step, kept in enumerate((1, 0.25, 0.06, 0.02)):
            for number in range(1 if step == 0 else strategies):
                name = (
                    ("budget", "magnitude", "hard concrete", "one-shot")[number]
                    if step
                    else "dense"
                )
                size = whole * kept
                rejection = 12 / (1 + (60 / size) ** 0.6) * 0.97**number
                found.append(SizePoint(name, group, size, rejection, 0.03 * rejection))
    best = 0.0
    front = []
    for one in sorted(found, key=lambda one: (one.size, -one.rejection)):
        front.append(one._replace(on_front=one.rejection > best))
        best = max(best, one.rejection)
    return front


def reliabilities() -> list[ReliabilityCurve]:
    """One tagger that is calibrated, one that is too sure, with an empty bin."""
    predicted = np.linspace(0.05, 0.95, 10)
    found = []
    for name, sure in (("dense", 1.0), ("95 % pruned", 1.6)):
        odds = (predicted / (1 - predicted)) ** (1 / sure)
        observed = odds / (1 + odds)
        error = np.sqrt(observed * (1 - observed) / 300)
        found.append(
            ReliabilityCurve(name, predicted, observed, observed - error, observed + error)
        )
    lost = np.where(np.arange(10) == 4, np.nan, 1.0)
    one = found[1]
    found[1] = ReliabilityCurve(one.name, *(lost * values for values in one[1:]))
    return found


SHARES = np.array(
    [
        [0.813, 0.102, 0.07, 0.015],
        [0.12, 0.61, 0.214, 0.056],
        [0.009, 0.085, 0.888, 0.018],
        [0.03, 0.2, 0.16, 0.61],
    ]
)


def masses(taggers: int = 2) -> tuple[MassLine, list[MassLine]]:
    """A falling mass, and what taggers that like 125 GeV make of it."""
    low, high = MASS[:-1], MASS[1:]
    centre = (low + high) / 2
    before = np.exp(-centre / 60)
    before /= np.sum(before * np.diff(MASS))
    after = []
    for index in range(taggers):
        bump = before * (1 + (1 + index) * np.exp(-(((centre - 125) / 20) ** 2)))
        bump /= np.sum(bump * np.diff(MASS))
        error = bump / np.sqrt(400 * bump * np.diff(MASS))
        name = ("dense", "95 % pruned", *NETWORKS)[index]
        after.append(MassLine(name, low, high, bump, error, 0.03 * (1 + index), 0.004))
    error = before / np.sqrt(40_000 * before * np.diff(MASS))
    return MassLine("before the cut", low, high, before, error), after


def distributions_figure(
    shown: list[Histogram], *, log: bool = True
) -> tuple[Figure, plots.DistributionArtists]:
    fig, ax, ratio = plots.canvas_with_ratio()
    artists = plots.distributions(ax, ratio, shown, column="pt", unit="GeV", log=log)
    plots.atlas_label(ax, LABEL, lines=LINES[:2])
    return fig, artists


def profile_figure(shown: list[ProfileLine]) -> tuple[Figure, plots.ProfileArtists]:
    panels = len({line.background for line in shown})
    fig, axes = plots.canvas_with_legend(panels, lines=2)
    artists = plots.rejection_profile(
        axes, shown, variable="pt", unit="GeV", efficiency="70 % efficiency, one cut"
    )
    plots.atlas_label(axes[0], LABEL, lines=LINES[:2], above=True)
    return fig, artists


def pareto_figure(
    shown: list[SizePoint], quantity: str = "parameters", unit: str = ""
) -> tuple[Figure, plots.ParetoArtists]:
    fig, (ax,) = plots.canvas_with_legend()
    artists = plots.pareto(
        ax, shown, quantity=quantity, unit=unit, background="c", efficiency="70 % efficiency"
    )
    plots.atlas_label(ax, LABEL, lines=LINES[:2], above=True)
    return fig, artists


def reliability_figure(shown: list[ReliabilityCurve]) -> tuple[Figure, plots.ReliabilityArtists]:
    fig, ax, ratio = plots.canvas_with_legend_and_ratio()
    artists = plots.reliability(ax, ratio, shown, flavour="b")
    plots.atlas_label(ax, LABEL, lines=LINES[:2], above=True)
    return fig, artists


def confusion_figure(
    shares: np.ndarray, classes: tuple[str, ...] = ("b", "c", "u", "tau")
) -> tuple[Figure, plots.ConfusionArtists]:
    fig, ax = plots.canvas_of_cells(len(classes))
    artists = plots.confusion(ax, shares, classes=classes)
    plots.atlas_label(ax, LABEL, lines=LINES[:2], above=True)
    return fig, artists


def mass_figure(before: MassLine, after: list[MassLine]) -> tuple[Figure, plots.MassArtists]:
    fig, ax, ratio = plots.canvas_with_ratio()
    artists = plots.mass_sculpting(ax, ratio, before, after, background="qcd")
    plots.atlas_label(ax, LABEL, lines=LINES[:2])
    return fig, artists


def references_figure() -> tuple[Figure, plots.RocArtists]:
    ours = gaussian_curves(1.8, 30_000)
    others = [
        one[0]._replace(name=name, ratio_error=None)
        for name, one in (
            ("GN2", gaussian_curves(2.0, 30_000)),
            ("DL1d", gaussian_curves(1.6, 30_000)),
        )
    ]
    fig, ax, ratio = plots.canvas_with_ratio()
    artists = plots.roc(
        ax,
        ratio,
        ours,
        reference="dense",
        signal="b",
        background="c",
        working_point=0.7,
        references=others,
        working_points=(0.6, 0.77, 0.85),
    )
    plots.atlas_label(ax, LABEL, lines=LINES[:2])
    return fig, artists
