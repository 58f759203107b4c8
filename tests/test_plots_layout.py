"""Every figure in every style: nothing overlaps, is cut off, covers data or wastes decades."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import test_plots as main
import test_plots_stall as stall
import test_plots_validation as validation
from boxes import faults
from matplotlib.figure import Figure

from ftag_prune import plots
from ftag_prune.plots import PRESETS

PT = np.geomspace(20, 500, 21)
LONG = "Simulation, Pythia 8, preliminary"


def networks(dense: float) -> list[plots.PrunedLine]:
    """Eight networks of all kinds."""
    lines = main.pruned_lines(dense, 60_000) * 2
    return [
        one._replace(name=name, rejection=one.rejection * 0.97**index)
        for index, (one, name) in enumerate(zip(lines, validation.NETWORKS, strict=True))
    ]


def no_pressure() -> Figure:
    run = main.trainings()[0]
    run = run._replace(pruning_loss=run.epoch * np.nan, pressure=run.epoch * np.nan)
    fig, axes = plots.canvas_of_four()
    plots.history(axes, [run])
    plots.atlas_label(axes[0], main.LABEL, lines=main.LINES, above=True)
    return fig


def many_trainings() -> Figure:
    run = main.trainings()[0]
    names = [f"{name}, 90 % pruned, budget" for name in validation.NETWORKS]
    fig, axes = plots.canvas_of_four()
    plots.history(axes, [run._replace(name=name) for name in names])
    plots.atlas_label(axes[0], main.LABEL, lines=main.LINES, above=True)
    return fig


def deep_layers() -> Figure:
    """A network with many layers."""
    names = [f"block {block}, {part}" for block in range(1, 5) for part in ("heads", "neurons")]
    names += ["tracks", "pooling", "jet 1", "jet 2"]
    shapes = [
        plots.PrunedShape(pruned, names, [max(1, round((1 - pruned) * 256))] * len(names))
        for pruned in (0, 0.5, 0.9, 0.95, 0.99)
    ]
    fig, ax = plots.canvas()
    plots.layers(ax, shapes)
    plots.atlas_label(ax, main.LABEL, lines=main.LINES)
    return fig


KINDS: dict[str, Callable[[], Figure]] = {
    "roc, low": lambda: main.roc_figure(1.0, "tau")[0],
    "roc, high": lambda: main.roc_figure(3.1, "u")[0],
    "roc, references": lambda: validation.references_figure()[0],
    "pruned, low": lambda: main.pruned_figure(main.pruned_lines(3, 600_000))[0],
    "pruned, high": lambda: main.pruned_figure(main.pruned_lines(4_000, 600_000))[0],
    "pruned, eight networks": lambda: main.pruned_figure(networks(10.5))[0],
    "pruned, long label": lambda: main.pruned_figure(main.pruned_lines(10.5, 30_000), LONG)[0],
    "history": lambda: main.history_figure()[0],
    "history, no pressure": no_pressure,
    "history, many": many_trainings,
    "layers": lambda: main.layers_figure()[0],
    "layers, deep": deep_layers,
    "spectra, flat": lambda: main.spectra_figure(main.falling_spectra(PT, power=0.3))[0],
    "spectra, steep": lambda: main.spectra_figure(main.falling_spectra(PT, power=6.0))[0],
    "epochs": lambda: stall.epochs_figure()[0],
    "epochs, pressure": lambda: stall.epochs_figure(quantities=("pressure", "fractional"))[0],
    "onset": lambda: stall.onset_figure(*stall.onsets())[0],
    "mechanisms": lambda: stall.mechanisms_figure(stall.cases())[0],
    "regrowth": lambda: stall.regrowth_figure(stall.regrown())[0],
    "groups": lambda: stall.groups_figure()[0],
    "groups, high": lambda: stall.groups_figure(4_000.0)[0],
    "distributions, log": lambda: validation.distributions_figure(validation.histograms())[0],
    "distributions": lambda: validation.distributions_figure(validation.histograms(0.3), log=False)[
        0
    ],
    "profile": lambda: validation.profile_figure(validation.profiles())[0],
    "profile, eight": lambda: validation.profile_figure(validation.profiles(8)[8:16])[0],
    "pareto": lambda: validation.pareto_figure(validation.size_points())[0],
    "pareto, eight": lambda: validation.pareto_figure(
        validation.size_points(8, 4), "latency", "µs"
    )[0],
    "pareto, long names": lambda: validation.pareto_figure(
        [
            one._replace(group=f"transformer of {one.group}, 36 inputs and 40 tracks")
            for one in validation.size_points()
        ]
    )[0],
    "pareto, many": lambda: validation.pareto_figure(
        [
            one._replace(group=f"{one.group}-{depth}")
            for depth in (1, 2, 3)
            for one in validation.size_points(8, 4)
        ]
    )[0],
    "reliability": lambda: validation.reliability_figure(validation.reliabilities())[0],
    "confusion": lambda: validation.confusion_figure(validation.SHARES)[0],
    "confusion, hbb": lambda: validation.confusion_figure(
        validation.SHARES, ("hbb", "hcc", "top", "qcd")
    )[0],
    "mass": lambda: validation.mass_figure(*validation.masses())[0],
    "mass, six": lambda: validation.mass_figure(*validation.masses(6))[0],
}


@pytest.mark.parametrize("style", PRESETS)
@pytest.mark.parametrize("kind", KINDS)
def test_layout(kind: str, style: str) -> None:
    with plots.atlas_style(style):
        assert faults(KINDS[kind]()) == []
