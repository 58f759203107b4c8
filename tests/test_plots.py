"""Figures: what they draw, that nothing overlaps, their looks, and the files they become."""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import NormalDist
from typing import get_args

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnchoredOffsetbox, TextArea
from PIL import Image

from ftag_prune import plots
from ftag_prune.config.figures import Figures
from ftag_prune.errors import FtagPruneError
from ftag_prune.plots import History, ModelCurve, PrunedLine, PrunedShape, Spectrum
from ftag_prune.plots.palette import with_palette
from ftag_prune.plots.style import STYLE, preset

LABEL = "Simulation, Pythia 8"
LINES = ["√$s$ = 13 TeV, $t\\bar{t}$", "20 < $p_{\\mathrm{T}}$ < 250 GeV", "$f_{c}$ = 0.2"]
PRUNED = np.array([0, 0.5, 0.75, 0.9, 0.95])
NORMAL = NormalDist()


def gaussian_curves(separation: float, jets: int) -> list[ModelCurve]:
    efficiency = np.linspace(0.5, 1, 51)
    curves = []
    for pruned, loss in zip(PRUNED, (0, 0.01, 0.04, 0.15, 0.35), strict=True):
        passing = [NORMAL.cdf(NORMAL.inv_cdf(e) - separation + loss) for e in efficiency[:-1]]
        rejection = 1 / np.array([*passing, 1.0])
        error = rejection * np.sqrt((rejection - 1) / jets)
        name = f"{100 * pruned:g} %" if pruned else "dense"
        ratio_error = 0.3 * error / rejection if pruned else None
        curves.append(ModelCurve(name, pruned, efficiency, rejection, error, ratio_error))
    return curves


def pruned_lines(dense: float, jets: int) -> list[PrunedLine]:
    lines = []
    for width, scale in ((64, 0.75), (128, 0.88), (256, 0.97), (512, 1.0)):
        rejection = dense * scale * np.array([1, 0.99, 0.95, 0.82, 0.6 + 0.1 * scale])
        error = rejection * np.sqrt((rejection - 1) / jets)
        ratio_error = np.append(0, 0.4 * error[1:] / rejection[1:])
        name = f"3 x {width} nodes"
        lines.append(
            PrunedLine(name, PRUNED, rejection, error, rejection / rejection[0], ratio_error)
        )
    return lines


def trainings() -> list[History]:
    epoch = np.arange(1.0, 31.0)
    loss = 0.5 + 0.4 * np.exp(-epoch / 5)
    runs = []
    for name, pace, pressure in (("ladder", 8, 10 ** (epoch // 5)), ("dual", 4, 0 * epoch)):
        active = np.where(epoch > 20, 0.25, 0.25 + 0.75 * np.exp(-epoch / pace))
        gap = np.where(epoch > 20, np.nan, (active - 0.25) ** 2)
        freeze, target = 20.5, 0.75
        runs.append(History(name, epoch, loss, loss + 0.02, gap, active, pressure, freeze, target))
    return runs


def roc_figure(separation: float = 1.8, background: str = "c") -> tuple[Figure, plots.RocArtists]:
    fig, ax, ratio = plots.canvas_with_ratio()
    artists = plots.roc(
        ax,
        ratio,
        gaussian_curves(separation, 3_000),
        reference="dense",
        signal="b",
        background=background,
        working_point=0.7,
    )
    plots.atlas_label(ax, LABEL, lines=LINES)
    return fig, artists


def pruned_figure(
    lines: list[PrunedLine], label: str = LABEL
) -> tuple[Figure, plots.PrunedArtists]:
    fig, ax, ratio = plots.canvas_with_ratio()
    artists = plots.rejection_versus_pruned(
        ax, ratio, lines, signal="b", background="c", working_point=0.7
    )
    plots.atlas_label(ax, label, lines=LINES)
    return fig, artists


def history_figure() -> tuple[Figure, plots.HistoryArtists]:
    fig, axes = plots.canvas_of_four()
    artists = plots.history(axes, trainings())
    plots.atlas_label(axes[0], LABEL, lines=LINES, above=True)
    return fig, artists


def layers_figure() -> tuple[Figure, plots.LayerArtists]:
    fig, ax = plots.canvas()
    kept = ([256, 256, 256], [180, 120, 84], [110, 50, 32], [50, 17, 10], [27, 8, 3])
    names = ("layer 1", "layer 2", "layer 3")
    shapes = [PrunedShape(p, names, k) for p, k in zip(PRUNED, kept, strict=True)]
    artists = plots.layers(ax, shapes)
    plots.atlas_label(ax, LABEL, lines=LINES[:1])
    return fig, artists


def falling_spectra(edges: np.ndarray, *, power: float, jets: float = 3_000) -> list[Spectrum]:
    """Classes that fall with powers of the column before, and together after."""
    low, high = edges[:-1], edges[1:]
    spectra = []
    for index, flavour in enumerate(("b", "c", "u", "tau")):
        shapes = []
        for steepness in (power * (1 + 0.2 * index), power):
            density = ((low + high) / (edges[0] + edges[-1])) ** -steepness
            density /= np.sum(density * np.diff(edges))
            number = jets / 4**index * density * np.diff(edges)
            shapes += [density, density / np.sqrt(number)]
        spectra.append(Spectrum(flavour, low, high, *shapes))
    return spectra


def spectra_figure(
    spectra: list[Spectrum], column: str = "pt", unit: str = "GeV", lines: list[str] = LINES
) -> tuple[Figure, plots.SpectrumArtists]:
    fig, panels = plots.canvas_before_after(len(lines))
    artists = plots.before_and_after(
        panels, spectra, column=column, unit=unit, titles=("before: generated", "after: weighted")
    )
    plots.atlas_label(panels[0], LABEL, lines=lines, above=True)
    return fig, artists


def check_layout(fig: Figure) -> None:
    """Measure, on the drawn figure: label, legend and data stay apart, all text stays inside."""
    fig.canvas.draw()
    for ax in fig.axes:
        boxes = [a.get_window_extent() for a in ax.artists if isinstance(a, AnchoredOffsetbox)]
        if legend := ax.get_legend():
            boxes.append(legend.get_window_extent())
        for i, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[i + 1 :]), "label and legend"
            assert fig.bbox.x0 <= box.x0 < box.x1 <= fig.bbox.x1, "inside the figure"
            assert fig.bbox.y0 <= box.y0 < box.y1 <= fig.bbox.y1, "inside the figure"
            paths = [line.get_transform().transform_path(line.get_path()) for line in ax.lines]
            for artist in ax.collections:
                paths += [artist.get_transform().transform_path(p) for p in artist.get_paths()]
            paths += [p.get_transform().transform_path(p.get_path()) for p in ax.patches]
            assert not any(path.intersects_bbox(box) for path in paths), "data under a box"
        tight = ax.get_tightbbox()
        assert tight is not None
        assert fig.bbox.x0 <= tight.x0 < tight.x1 <= fig.bbox.x1, "labels inside the figure"
        assert fig.bbox.y0 <= tight.y0 < tight.y1 <= fig.bbox.y1, "labels inside the figure"


def room_above_data(ax: Axes) -> float:
    """Part of the axes' height above the highest line."""
    heights = [
        ax.transAxes.inverted().transform(line.get_transform().transform(line.get_xydata()))[:, 1]
        for line in ax.lines
    ]
    return 1 - float(np.nanmax(np.concatenate(heights)))


class TestPictures:
    """Compared with the images in tests/baseline, drawn in our style too: it chooses the fonts."""

    @pytest.mark.mpl_image_compare(filename="roc.png", style=STYLE)
    def test_roc(self) -> Figure:
        with plots.atlas_style():
            return roc_figure()[0]

    @pytest.mark.mpl_image_compare(filename="rejection_versus_pruned.png", style=STYLE)
    def test_rejection_versus_pruned(self) -> Figure:
        with plots.atlas_style():
            return pruned_figure(pruned_lines(10.5, 30_000))[0]

    @pytest.mark.mpl_image_compare(filename="history.png", style=STYLE)
    def test_history(self) -> Figure:
        with plots.atlas_style():
            return history_figure()[0]

    @pytest.mark.mpl_image_compare(filename="layers.png", style=STYLE)
    def test_layers(self) -> Figure:
        with plots.atlas_style():
            return layers_figure()[0]

    @pytest.mark.mpl_image_compare(filename="spectra.png", style=STYLE)
    def test_spectra(self) -> Figure:
        with plots.atlas_style():
            return spectra_figure(falling_spectra(np.geomspace(20, 500, 21), power=2.0))[0]


class TestLayout:
    @pytest.mark.parametrize(("separation", "background"), [(1.0, "tau"), (1.8, "c"), (3.1, "u")])
    def test_roc(self, separation: float, background: str) -> None:
        with plots.atlas_style():
            fig, _ = roc_figure(separation, background)
            check_layout(fig)
            assert room_above_data(fig.axes[0]) < 0.4

    @pytest.mark.parametrize("dense", [3, 10.5, 200, 4_000])
    def test_rejection_versus_pruned(self, dense: float) -> None:
        with plots.atlas_style():
            fig, _ = pruned_figure(pruned_lines(dense, 600_000))
            check_layout(fig)
            assert room_above_data(fig.axes[0]) < 0.4

    def test_steep_lines_on_a_log_axis(self) -> None:
        rejection = np.array([200, 190, 150, 60, 12.0])
        line = pruned_lines(200, 60_000)[0]._replace(rejection=rejection, error=0.1 * rejection)
        with plots.atlas_style():
            fig, _ = pruned_figure([line])
            assert fig.axes[0].get_yscale() == "log"
            check_layout(fig)

    def test_legend_gives_way_to_a_long_label(self) -> None:
        with plots.atlas_style():
            fig, _ = pruned_figure(pruned_lines(10.5, 30_000), "Simulation, Pythia 8, preliminary")
            check_layout(fig)

    def test_history_and_layers(self) -> None:
        with plots.atlas_style():
            check_layout(history_figure()[0])
            check_layout(layers_figure()[0])


class TestStyle:
    @pytest.mark.parametrize("style", plots.PRESETS)
    def test_leaves_no_trace(self, style: str) -> None:
        matplotlib.get_backend()  # chosen when first asked for, and no trace of ours
        before = matplotlib.rcParams.copy()
        with plots.atlas_style(style):
            assert matplotlib.rcParams["axes.autolimit_mode"] == "data"
            assert matplotlib.rcParams["xtick.direction"] == "in"
            roc_figure()
        assert dict(matplotlib.rcParams) == dict(before)
        assert preset() == plots.PRESETS["notes"]

    def test_slides_and_posters_are_larger_and_bolder(self) -> None:
        seen = {}
        for style in plots.PRESETS:
            with plots.atlas_style(style):
                fig, artists = pruned_figure(pruned_lines(10.5, 30_000))
                ax, line = fig.axes[0], artists.points[0].lines[0]
                sizes = [ax.yaxis.label.get_fontsize(), line.get_linewidth(), line.get_markersize()]
                seen[style] = np.array([*sizes, ax.bbox.width / fig.dpi])
        notes, slides, posters = (seen[name] for name in ("notes", "slides", "posters"))
        np.testing.assert_allclose(slides / notes, [1.1, 1.25, 1.25, 0.9])
        np.testing.assert_allclose(posters / notes, [1.6, 1.8, 1.8, 1.3])

    def test_unknown_style(self) -> None:
        message = "no style 'poster' of figures; nearest: 'posters'"
        with pytest.raises(FtagPruneError, match=message), plots.atlas_style("poster"):
            pass

    def test_the_study_knows_the_styles(self) -> None:
        assert get_args(Figures.model_fields["style"].annotation) == tuple(plots.PRESETS)

    @staticmethod
    def words(text: str) -> list[tuple[str, str]]:
        with plots.atlas_style():
            label = plots.atlas_label(plots.canvas()[1], text, lines=["second"])
            areas = label.findobj(TextArea)
            return [(a.get_text(), str(a.get_children()[0].get_fontweight())) for a in areas]

    def test_label_says_what_it_is_told(self) -> None:
        assert self.words(LABEL) == [(LABEL, "normal"), ("second", "normal")]

    def test_experiment_is_bold_only_when_named(self) -> None:
        assert self.words("ATLAS Internal")[:2] == [("ATLAS", "bold"), ("Internal", "normal")]


class TestRoc:
    def test_ratio_and_colours(self) -> None:
        with plots.atlas_style():
            _, artists = roc_figure()
        curves = gaussian_curves(1.8, 3_000)
        for line, curve in zip(artists.ratio_lines, curves, strict=True):
            np.testing.assert_allclose(line.get_ydata(), curve.rejection / curves[0].rejection)
        assert artists.lines[0].get_color() == (0, 0, 0, 1)
        light = [np.dot(line.get_color()[:3], [0.21, 0.72, 0.07]) for line in artists.lines]
        assert light == sorted(light)  # the more is pruned, the lighter
        assert len(artists.ratio_bands) == 4  # none for the reference

    def test_points_at_other_efficiencies_are_interpolated(self) -> None:
        x = np.array([0.6, 0.8])
        flat = ModelCurve("dense", 0.0, np.array([0.5, 0.9]), np.array([100.0, 1.0]), np.zeros(2))
        tied = ModelCurve("tied", 0.9, x, np.array([10.0, 10.0]), np.zeros(2))
        with plots.atlas_style():
            _, ax, ratio = plots.canvas_with_ratio()
            artists = plots.roc(
                ax,
                ratio,
                [flat, tied],
                reference="dense",
                signal="hbb",
                background="top",
                working_point=0.7,
            )
        np.testing.assert_allclose(artists.ratio_lines[1].get_ydata(), [10**-0.5, 10**0.5])

    def test_infinite_rejections_are_left_out(self) -> None:
        dense, *others = gaussian_curves(3.0, 3_000)
        start = np.arange(51) < 10
        dense = dense._replace(
            rejection=np.where(start, np.inf, dense.rejection),
            error=np.where(start, np.inf, dense.error),
        )
        with plots.atlas_style():
            _, ax, ratio = plots.canvas_with_ratio()
            artists = plots.roc(
                ax,
                ratio,
                [dense, *others],
                reference="dense",
                signal="b",
                background="u",
                working_point=0.7,
            )
        assert len(artists.lines[0].get_xdata()) == 41
        assert np.isnan(artists.ratio_lines[1].get_ydata()[:10]).all()

    def test_unknown_reference(self) -> None:
        _, ax, ratio = plots.canvas_with_ratio()
        with pytest.raises(FtagPruneError, match="no curve 'dens' to divide by; nearest: 'dense'"):
            plots.roc(
                ax,
                ratio,
                gaussian_curves(1.0, 100),
                reference="dens",
                signal="b",
                background="u",
                working_point=0.7,
            )


class TestRejectionVersusPruned:
    def test_axis_runs_from_dense_to_pruned(self) -> None:
        with plots.atlas_style():
            fig, artists = pruned_figure(pruned_lines(10.5, 30_000))
            fig.canvas.draw()
            ratio = fig.axes[1]
            assert [t.get_text() for t in ratio.get_xticklabels()] == ["0", "50", "75", "90", "95"]
            places = ratio.transData.transform([(1 - p, 1) for p in PRUNED])[:, 0]
            assert (np.diff(places) > 0).all()
            np.testing.assert_allclose(ratio.get_xticks(), 1 - PRUNED)
        centres = np.mean([np.log(one.lines[0].get_xdata()) for one in artists.points], axis=0)
        np.testing.assert_allclose(centres, np.log(1 - PRUNED), atol=1e-12)

    def test_what_is_pruned_and_compared_with(self) -> None:
        with plots.atlas_style():
            fig, ax, ratio = plots.canvas_with_ratio()
            plots.rejection_versus_pruned(
                ax,
                ratio,
                pruned_lines(10.5, 30_000),
                signal="b",
                background="c",
                working_point=0.7,
                of="nodes of the first step",
                reference="dense first step",
            )
            check_layout(fig)
        assert ratio.get_xlabel() == "Pruned nodes of the first step [%]"
        assert ratio.get_ylabel() == "Ratio to dense first step"
        height = ratio.yaxis.label.get_window_extent().height
        assert height < 1.2 * ratio.bbox.height  # smaller letters, not into the upper panel

    def test_markers_do_not_hide_each_other(self) -> None:
        with plots.atlas_style():
            fig, artists = pruned_figure(pruned_lines(10.5, 30_000))
            fig.canvas.draw()
            first = [
                fig.axes[0].transData.transform((one.lines[0].get_xdata()[0], 8))[0]
                for one in artists.points
            ]
        assert np.diff(first).min() > 0.5 * 7 * fig.dpi / 72  # half a marker of 7 points

    def test_twelve_lines_look_different(self) -> None:
        lines = pruned_lines(10.5, 30_000) * 3
        with plots.atlas_style():
            fig, artists = pruned_figure(lines)
            check_layout(fig)
        looks = {
            (str(one.lines[0].get_color()), str(one.lines[0].get_marker()))
            for one in artists.points
        }
        assert len(looks) == 12

    def test_points_without_an_error_are_left_out(self) -> None:
        line = pruned_lines(200, 60_000)[0]
        line = line._replace(
            rejection=np.append(line.rejection[:-1], np.inf),
            error=np.append(line.error[:-1], np.inf),
        )
        with plots.atlas_style():
            fig, artists = pruned_figure([line])
            check_layout(fig)
        assert np.isnan(artists.points[0].lines[0].get_ydata()).tolist() == [False] * 4 + [True]

    def test_nothing_to_draw(self) -> None:
        lost = np.full(5, np.inf)
        line = PrunedLine("lost", PRUNED, lost, lost, lost * np.nan, lost)
        with plots.atlas_style():
            check_layout(pruned_figure([line])[0])


class TestHistory:
    def test_freeze_pressure_and_gaps(self) -> None:
        with plots.atlas_style():
            fig, artists = history_figure()
        assert [len(panel) for panel in artists.lines] == [2, 2, 2, 2]
        assert fig.axes[1].get_yscale() == "log"
        assert fig.axes[3].get_yscale() == "symlog"  # one pressure is zero
        for ax in fig.axes:
            assert any(list(line.get_xdata()) == [20.5, 20.5] for line in ax.lines)
        texts = [text.get_text() for text in artists.legend.get_texts()]
        assert texts == ["ladder", "dual", "validation", "training", "freeze"]

    def test_no_pruning_loss_at_all(self) -> None:
        run = trainings()[0]
        run = run._replace(pruning_loss=run.epoch * np.nan, pressure=run.epoch * np.nan)
        with plots.atlas_style():
            fig, axes = plots.canvas_of_four()
            plots.history(axes, [run])
            check_layout(fig)
        assert [text.get_text() for text in axes[3].texts] == ["no pruning loss acts"]
        assert not len(axes[3].get_yticks())

    def test_wrong_number_of_axes(self) -> None:
        with pytest.raises(FtagPruneError, match="a history needs 4 axes, found 1"):
            plots.history([plots.canvas()[1]], trainings())


class TestLayers:
    def test_stacks_fill_the_whole(self) -> None:
        with plots.atlas_style():
            fig, artists = layers_figure()
        heights = np.array([[bar.get_height() for bar in group] for group in artists.bars])
        np.testing.assert_allclose(heights.sum(axis=0), 1)
        assert heights[0, 4] == pytest.approx(27 / 38)
        ticks = [text.get_text() for text in fig.axes[0].get_xticklabels()]
        assert ticks[-1] == "95 %\n38 nodes"

    def test_other_layers(self) -> None:
        shapes = [PrunedShape(0, ["a", "b"], [1, 2]), PrunedShape(0.5, ["a"], [1])]
        with pytest.raises(FtagPruneError, match="shapes of one figure need the same layers"):
            plots.layers(plots.canvas()[1], shapes)


class TestSpectra:
    PT = np.geomspace(20, 500, 13)
    ETA = np.linspace(0, 2.5, 11)

    @pytest.mark.parametrize("jets", [100, 3_000, 1e6])
    @pytest.mark.parametrize("power", [-1.0, 0.3, 2.0, 6.0])
    @pytest.mark.parametrize("lines", [LINES, LINES[:1], LINES * 2])
    def test_nothing_overlaps(self, jets: float, power: float, lines: list[str]) -> None:
        with plots.atlas_style():
            spectra = falling_spectra(self.PT, power=power, jets=jets)
            check_layout(spectra_figure(spectra, lines=lines)[0])

    def test_scales_follow_edges_and_values(self) -> None:
        with plots.atlas_style():
            steep, _ = spectra_figure(falling_spectra(self.PT, power=2.0))
            flat, _ = spectra_figure(falling_spectra(self.PT, power=0.3))
            linear, _ = spectra_figure(falling_spectra(self.PT[0] + self.ETA, power=2.0))
        assert [(ax.get_xscale(), ax.get_yscale()) for ax in steep.axes] == [("log", "log")] * 2
        assert [(ax.get_xscale(), ax.get_yscale()) for ax in flat.axes] == [("log", "linear")] * 2
        assert [ax.get_xscale() for ax in linear.axes] == ["linear"] * 2
        assert steep.axes[0].get_xlim() == (self.PT[0], self.PT[-1])

    def test_no_decade_is_wasted(self) -> None:
        spectra = falling_spectra(self.PT, power=2.0, jets=1e6)
        with plots.atlas_style():
            fig, _ = spectra_figure(spectra)
        for ax, values in zip(
            fig.axes, ([s.before for s in spectra], [s.after for s in spectra]), strict=True
        ):
            low, high = ax.get_ylim()
            assert np.min(values) / 3 < low < np.min(values)
            assert np.max(values) < high < 3 * np.max(values)

    def test_empty_bins_at_the_ends_are_not_shown(self) -> None:
        spectra = falling_spectra(self.PT, power=2.0)
        inside = (self.PT[:-1] > 30) & (self.PT[1:] < 400)
        spectra = [one._replace(before=inside * one.before, after=0 * one.after) for one in spectra]
        spectra[1].after[1] = 1e-3
        with plots.atlas_style():
            fig, _ = spectra_figure(spectra)
        assert fig.axes[0].get_xlim() == (self.PT[1], self.PT[:-1][~(self.PT[1:] < 400)][0])

    def test_a_light_jet_opens_no_decades(self) -> None:
        spectra = falling_spectra(self.ETA + 20, power=0.3)
        alone = spectra[0].before.copy()
        alone[-1] = 1e-4
        error = spectra[0].before_error.copy()
        error[-1] = 1e-4
        spectra[0] = spectra[0]._replace(before=alone, before_error=error)
        with plots.atlas_style():
            fig, _ = spectra_figure(spectra)
        assert fig.axes[0].get_yscale() == "linear"

    def test_units_are_on_the_axes(self) -> None:
        with plots.atlas_style():
            energies, _ = spectra_figure(falling_spectra(self.PT, power=2.0))
            numbers, _ = spectra_figure(falling_spectra(1 + self.ETA, power=1.0), "eta", "")
        labels = [energies.axes[1].get_xlabel(), energies.axes[0].get_ylabel()]
        assert labels == [r"Jet $p_{\mathrm{T}}$ [GeV]", "Fraction of jets / GeV"]
        labels = [numbers.axes[1].get_xlabel(), numbers.axes[0].get_ylabel()]
        assert labels == [r"Jet $|\eta|$", r"Fraction of jets / unit $|\eta|$"]

    def test_lines_and_bands_show_values_and_errors(self) -> None:
        spectra = falling_spectra(self.PT, power=2.0)
        with plots.atlas_style():
            _, artists = spectra_figure(spectra)
        one = spectra[2]
        np.testing.assert_array_equal(artists.lines[0][2].get_data().values, one.before)
        np.testing.assert_array_equal(artists.lines[1][2].get_data().values, one.after)
        band = artists.bands[1][2].get_data()
        np.testing.assert_allclose(band.values - one.after, one.after_error)
        np.testing.assert_allclose(one.after - band.baseline, one.after_error)
        assert artists.lines[0][2].get_edgecolor() == matplotlib.colors.to_rgba("#2ca02c")

    @pytest.mark.parametrize("lost", [0.0, np.nan])
    def test_empty_bins_and_classes_leave_gaps(self, lost: float) -> None:
        spectra = falling_spectra(self.PT, power=2.0)
        spectra = [one._replace(before=lost * one.before) for one in spectra]
        with plots.atlas_style():
            fig, artists = spectra_figure(spectra)
            check_layout(fig)
        assert all(np.isnan(line.get_data().values).all() for line in artists.lines[0])

    def test_other_bins(self) -> None:
        spectra = falling_spectra(self.PT, power=2.0)
        spectra[1] = spectra[1]._replace(low=spectra[1].low + 1)
        with pytest.raises(FtagPruneError, match="the classes of 'pt' need the same bins"):
            spectra_figure(spectra)


class TestPalette:
    @staticmethod
    def off(pixels: np.ndarray) -> np.ndarray:
        """Largest difference of each pixel to that with all colours."""
        few = with_palette(Image.fromarray(pixels))
        return np.abs(np.array(few.convert("RGB"), int) - pixels).max(axis=-1)

    def test_few_colours_stay_as_they_are(self) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (1, 100, 3), dtype=np.uint8)
        assert (self.off(np.tile(pixels, (7, 1, 1))) == 0).all()

    def test_the_frequent_ones_of_many_stay_and_no_other_is_far(self) -> None:
        # As large as a poster: sums over all pixels do not fit into 32 bits.
        pixels = np.full((4_600, 4_600, 3), 255, np.uint8)
        ramp = np.linspace(0, 255, 1_000)[:, None]
        pixels[0, :1_000] = (ramp * [1, 0.5, 0.2]).astype(np.uint8)
        pixels[1, :1_000] = (255 - ramp * [0, 0.7, 0.9]).astype(np.uint8)
        off = self.off(pixels)
        assert (off[2:] == 0).all()
        assert off.max() < 16

    def test_alpha_is_dropped(self) -> None:
        few = with_palette(Image.new("RGBA", (3, 2), (10, 20, 30, 255)))
        assert (few.mode, few.size) == ("P", (3, 2))
        assert few.convert("RGB").getpixel((2, 1)) == (10, 20, 30)


class TestFiles:
    def test_three_files_with_equal_bytes(self, tmp_path: Path) -> None:
        saved = []
        for folder in ("a", "b"):
            with plots.atlas_style():
                fig, _ = pruned_figure(pruned_lines(10.5, 30_000))
                rows = plots.rows(pruned_lines(10.5, 30_000))
                saved.append(plots.save(fig, tmp_path / folder / "c_0.7", rows))
        for one, two in zip(*saved, strict=True):
            assert one.read_bytes() == two.read_bytes()
        assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
            "c_0.7.csv",
            "c_0.7.pdf",
            "c_0.7.png",
        ]
        assert b"CreationDate" not in saved[0].pdf.read_bytes()

    def test_a_png_has_a_palette_and_looks_like_one_without(self, tmp_path: Path) -> None:
        with plots.atlas_style():
            fig, _ = pruned_figure(pruned_lines(10.5, 30_000))
            saved = plots.save(fig, tmp_path / "few", [])
            fig.savefig(tmp_path / "all.png")
        with Image.open(saved.png) as few, Image.open(tmp_path / "all.png") as every:
            assert few.mode == "P"
            assert few.info["dpi"] == pytest.approx((200, 200), abs=0.1)
            pixels = np.array(few.convert("RGB"), int), np.array(every.convert("RGB"), int)
        assert pixels[0].shape == pixels[1].shape
        off = np.abs(pixels[0] - pixels[1]).max(axis=2)
        assert off.max() < 32
        assert off.mean() < 0.3
        white = (pixels[1] == 255).all(axis=2)
        assert (pixels[0][white] == 255).all()
        assert saved.png.stat().st_size < (tmp_path / "all.png").stat().st_size / 2

    @pytest.mark.parametrize(("style", "wide"), [("slides", 1500), ("posters", 3000)])
    def test_the_style_says_how_many_dots(self, tmp_path: Path, style: str, wide: int) -> None:
        with plots.atlas_style(style):
            saved = plots.save(plots.canvas()[0], tmp_path / "empty", [])
        with Image.open(saved.png) as image:
            assert image.width == pytest.approx(wide, rel=0.15)

    def test_rows_repeat_what_is_common(self, tmp_path: Path) -> None:
        curve = ModelCurve("dense", 0.0, np.array([0.6, 0.7]), np.array([20, 10.0]), np.ones(2))
        with plots.atlas_style():
            saved = plots.save(plots.canvas()[0], tmp_path / "roc", plots.rows([curve]))
        with saved.csv.open(newline="") as stream:
            found = list(csv.DictReader(stream))
        assert [row["rejection"] for row in found] == ["20.0", "10.0"]
        assert [row["name"] for row in found] == ["dense", "dense"]
        assert found[0]["ratio_error"] == ""

    def test_rows_of_a_shape(self) -> None:
        assert plots.rows([PrunedShape(0.5, ["a", "b"], [3, 1])]) == [
            {"pruned": 0.5, "layer": "a", "kept": 3},
            {"pruned": 0.5, "layer": "b", "kept": 1},
        ]
