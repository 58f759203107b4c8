"""Figures of a validation: what they draw, and their looks."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.markers import CARETUPBASE
from test_plots import LABEL, LINES, gaussian_curves

from ftag_prune import plots
from ftag_prune.errors import FtagPruneError
from ftag_prune.plots import Histogram, MassLine, ProfileLine, ReliabilityCurve, SizePoint
from ftag_prune.plots.style import MODELS, STYLE

SMALL = {"dpi": 65}
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of red, green and blue
PT = np.geomspace(20, 250, 13)
MASS = np.linspace(50, 250, 21)
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
            ReliabilityCurve(name, predicted, observed, observed - 0.8 * error, observed + error)
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


def references_figure(best: float = 2.0) -> tuple[Figure, plots.RocArtists]:
    ours = gaussian_curves(1.8, 30_000)
    others = [
        one[0]._replace(name=name, ratio_error=None)
        for name, one in (
            ("GN2", gaussian_curves(best, 30_000)),
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


def texts(legend: object) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


class TestPictures:
    """Compared with the images in tests/baseline, drawn in our style too: it chooses the fonts."""

    @pytest.mark.mpl_image_compare(filename="distributions.png", style=STYLE, savefig_kwargs=SMALL)
    def test_distributions(self) -> Figure:
        with plots.atlas_style():
            return distributions_figure(histograms())[0]

    @pytest.mark.mpl_image_compare(filename="profile.png", style=STYLE, savefig_kwargs=SMALL)
    def test_rejection_profile(self) -> Figure:
        with plots.atlas_style():
            return profile_figure(profiles())[0]

    @pytest.mark.mpl_image_compare(filename="pareto.png", style=STYLE, savefig_kwargs=SMALL)
    def test_pareto(self) -> Figure:
        with plots.atlas_style():
            return pareto_figure(size_points())[0]

    @pytest.mark.mpl_image_compare(filename="reliability.png", style=STYLE, savefig_kwargs=SMALL)
    def test_reliability(self) -> Figure:
        with plots.atlas_style():
            return reliability_figure(reliabilities())[0]

    @pytest.mark.mpl_image_compare(filename="confusion.png", style=STYLE, savefig_kwargs=SMALL)
    def test_confusion(self) -> Figure:
        with plots.atlas_style():
            return confusion_figure(SHARES)[0]

    @pytest.mark.mpl_image_compare(filename="mass.png", style=STYLE, savefig_kwargs=SMALL)
    def test_mass_sculpting(self) -> Figure:
        with plots.atlas_style():
            return mass_figure(*masses())[0]

    @pytest.mark.mpl_image_compare(filename="references.png", style=STYLE, savefig_kwargs=SMALL)
    def test_roc_with_references(self) -> Figure:
        with plots.atlas_style():
            return references_figure()[0]


class TestDistributions:
    def test_values_errors_and_ratios_to_the_first(self) -> None:
        first, other, *_ = histograms()
        with plots.atlas_style():
            _, artists = distributions_figure([first, other])
        np.testing.assert_array_equal(artists.lines[1].get_data().values, other.density)
        band = artists.bands[1].get_data()
        np.testing.assert_allclose(band.values - other.density, other.error)
        (ratio,), (area,) = artists.ratio_lines, artists.ratio_bands
        expected = other.density / first.density
        np.testing.assert_allclose(ratio.get_data().values, expected)
        relative = np.hypot(other.error / other.density, first.error / first.density)
        np.testing.assert_allclose(area.get_data().values, expected * (1 + relative))
        assert texts(artists.legend) == ["$b$-jets", "$c$-jets"]

    def test_a_class_without_jets_leaves_a_gap(self) -> None:
        lost = [
            one._replace(density=np.nan * PT[1:], error=np.nan * PT[1:]) for one in histograms()
        ]
        for shown in ([*histograms()[:1], *lost[1:]], lost):
            with plots.atlas_style():
                _, artists = distributions_figure(shown)
            assert np.isnan(artists.ratio_lines[0].get_data().values).all()

    def test_a_wild_ratio_does_not_flatten_the_others(self) -> None:
        first, other, *_ = histograms()
        wild = other.density.copy()
        wild[-1] *= 1_000
        error = other.error.copy()
        error[-1] = wild[-1]
        with plots.atlas_style():
            fig, _ = distributions_figure([first, other._replace(density=wild, error=error)])
        assert fig.axes[1].get_ylim()[1] < 3

    def test_small_densities_are_counted_per_several_units(self) -> None:
        with plots.atlas_style():
            fig, artists = distributions_figure(histograms(0.3), log=False)
            fig.draw_without_rendering()
        assert fig.axes[0].get_ylabel() == "Fraction of jets / 10 GeV"
        shown = {
            float(text.get_text()): place
            for place, text in zip(fig.axes[0].get_yticks(), fig.axes[0].get_yticklabels())
        }
        assert all(number == pytest.approx(10 * place) for number, place in shown.items())
        assert fig.axes[0].yaxis.offsetText.get_text() == ""
        assert artists.lines[0].get_data().values.max() < 0.02  # what is drawn stays per GeV

    def test_other_bins(self) -> None:
        first, other, *_ = histograms()
        with pytest.raises(FtagPruneError, match="the classes of 'pt' need the same bins"):
            distributions_figure([first, other._replace(low=other.low + 1)])


class TestProfile:
    def test_points_stand_in_their_bins_and_beside_each_other(self) -> None:
        with plots.atlas_style():
            _, artists = profile_figure(profiles())
        x = np.array([one.lines[0].get_xdata() for one in artists.points[0]])
        assert (x > PT[:-1]).all()
        assert (x < PT[1:]).all()
        assert (np.diff(x, axis=0) > 0).all()
        first = next(one for one in profiles() if one.background == "c")
        np.testing.assert_array_equal(artists.points[0][0].lines[0].get_ydata(), first.value)
        bars = artists.points[0][0].lines[2][1].get_segments()
        np.testing.assert_allclose([bar[0, 1] for bar in bars], first.value - first.error_low)
        np.testing.assert_allclose([bar[1, 1] for bar in bars], first.value + first.error_high)

    def test_limits_are_arrows_upwards(self) -> None:
        with plots.atlas_style():
            fig, artists = profile_figure(profiles())
        light = [one for one in profiles() if one.background == "u"]
        point, mark = artists.points[1][0], artists.limits[1][0]
        assert np.isnan(point.lines[0].get_ydata()).tolist() == [False] * 11 + [True]
        seen = mark.lines[0].get_ydata()
        np.testing.assert_array_equal(seen, light[0].limit)
        (caret,) = (cap for cap in mark.lines[1] if cap.get_marker() == CARETUPBASE)
        np.testing.assert_allclose(caret.get_ydata(), 1.3 * light[0].limit[-1:])
        assert caret.get_ydata()[0] < fig.axes[1].get_ylim()[1]
        assert texts(artists.legend)[-1] == "lower limit,\nnone passes"

    def test_colours_are_those_of_the_taggers_in_all_panels(self) -> None:
        shown = [one for one in profiles() if (one.name, one.background) != ("GN2, dense", "c")]
        with plots.atlas_style():
            _, artists = profile_figure(shown)
        colours = [
            {one.get_label(): one.lines[0].get_color() for one in panel} for panel in artists.points
        ]
        assert colours[0].items() < colours[1].items()
        assert set(texts(artists.legend)) > set(colours[1])

    def test_nothing_passes_anywhere(self) -> None:
        lost = np.full(12, np.nan)
        line = ProfileLine("lost", "u", PT[:-1], PT[1:], lost, lost, lost, lost)
        with plots.atlas_style():
            _, artists = profile_figure([line])
        assert "lower limit,\nnone passes" not in texts(artists.legend)

    def test_errors(self) -> None:
        with plots.atlas_style():
            _, axes = plots.canvas_with_legend(2)
            words = {"variable": "pt", "unit": "GeV", "efficiency": ""}
            with pytest.raises(FtagPruneError, match="3 backgrounds need as many axes, found 2"):
                plots.rejection_profile(axes, profiles(), **words)
            other = [one._replace(low=one.low + i) for i, one in enumerate(profiles()[:2])]
            with pytest.raises(FtagPruneError, match="the profiles need the same bins"):
                plots.rejection_profile(axes[:1], other, **words)


class TestPareto:
    def test_the_front_is_a_step_line_through_its_marks(self) -> None:
        with plots.atlas_style():
            fig, artists = pareto_figure(size_points())
        best = sorted((one.size, one.rejection) for one in size_points() if one.on_front)
        np.testing.assert_array_equal(np.column_stack(artists.front.get_data()), best)
        np.testing.assert_array_equal(np.column_stack(artists.marks.get_data()), best)
        assert artists.front.get_drawstyle() == "steps-post"
        assert fig.axes[0].get_xscale() == "log"
        assert fig.axes[0].get_xlabel() == "Parameters"

    def test_colour_is_the_network_and_marker_the_strategy(self) -> None:
        shown = size_points(8, 4)
        with plots.atlas_style():
            _, artists = pareto_figure(shown, "latency", "µs")
        looks = {
            one.get_label(): (one.lines[0].get_color(), one.lines[0].get_marker())
            for one in artists.points
        }
        assert len(looks) == 8 * 5 == len(set(looks.values()))
        assert len({colour for colour, _ in looks.values()}) == 8
        assert looks["w64, budget"][0] == looks["w64, dense"][0]
        assert looks["w64, budget"][1] == looks["vgg16, budget"][1]
        entries = texts(artists.legend)
        assert entries[:8] == list(NETWORKS)
        assert set(entries[8:13]) == {one.name for one in shown}

    def test_what_is_not_finite_is_left_out(self) -> None:
        lost = SizePoint("budget", "w32", 100.0, np.inf, np.inf, on_front=True)
        for shown in ([lost], [lost, *size_points()]):
            with plots.atlas_style():
                _, artists = pareto_figure(shown)
            assert np.isfinite(artists.front.get_ydata()).all()
            assert len(artists.front.get_ydata()) == sum(one.on_front for one in shown) - 1

    def test_rows(self) -> None:
        (row,) = plots.rows([SizePoint("budget", "w32", 100.0, 5.0, 0.1, on_front=True)])
        assert row == {
            "name": "budget",
            "group": "w32",
            "size": 100.0,
            "rejection": 5.0,
            "error": 0.1,
            "on_front": True,
        }


class TestReliability:
    def test_points_intervals_and_ratios(self) -> None:
        with plots.atlas_style():
            fig, artists = reliability_figure(reliabilities())
        one = reliabilities()[1]
        np.testing.assert_array_equal(artists.points[1].lines[0].get_ydata(), one.observed)
        ratio = artists.ratio_points[1].lines[0].get_ydata()
        np.testing.assert_allclose(ratio, one.observed / one.predicted)
        segments = artists.points[0].lines[2][0].get_segments()
        np.testing.assert_allclose([line[0, 1] for line in segments], reliabilities()[0].low)
        np.testing.assert_allclose([line[1, 1] for line in segments], reliabilities()[0].high)
        np.testing.assert_array_equal(artists.diagonal.get_xdata(), artists.diagonal.get_ydata())
        assert fig.axes[0].get_ylabel() == "Observed share of $b$-jets"

    def test_nothing_to_draw(self) -> None:
        lost = np.full(10, np.nan)
        with plots.atlas_style():
            reliability_figure([ReliabilityCurve("lost", lost, lost, lost, lost)])


class TestConfusion:
    def test_numbers_are_those_of_the_rows(self) -> None:
        with plots.atlas_style():
            fig, artists = confusion_figure(SHARES)
        assert [text.get_text() for text in artists.numbers[1]] == [
            "12.0 %",
            "61.0 %",
            "21.4 %",
            "5.6 %",
        ]
        # The first row stands above the last, and rows run to the right.
        places = [fig.axes[0].transData.transform(artists.numbers[0][1].get_position())]
        places.append(fig.axes[0].transData.transform(artists.numbers[1][0].get_position()))
        assert places[0][1] > places[1][1]
        assert places[0][0] > places[1][0]

    def test_numbers_can_be_read_on_their_cells(self) -> None:
        shares = np.array([[0.0, 1.0, 0.0], [0.75, 0.0, 0.25], [0.3, 0.15, 0.55]])
        with plots.atlas_style():
            fig, artists = confusion_figure(shares, ("b", "c", "u"))
            fig.draw_without_rendering()
        for row, texts_of_row in zip(shares, artists.numbers, strict=True):
            for share, text in zip(row, texts_of_row, strict=True):
                cell = artists.cells.cmap(artists.cells.norm(share))[:3]
                contrast = np.dot(np.subtract(to_rgb(text.get_color()), cell), LUMINANCE)
                assert abs(contrast) > 0.4

    def test_a_class_without_jets(self) -> None:
        shares = SHARES.copy()
        shares[2] = np.nan
        with plots.atlas_style():
            _, artists = confusion_figure(shares)
        assert [text.get_text() for text in artists.numbers[2]] == ["-"] * 4


class TestMass:
    def test_values_and_ratios(self) -> None:
        before, after = masses()
        with plots.atlas_style():
            fig, artists = mass_figure(before, after)
        np.testing.assert_array_equal(artists.before.get_data().values, before.density)
        for line, one in zip(artists.lines, after, strict=True):
            np.testing.assert_array_equal(line.get_data().values, one.density)
        for line, one in zip(artists.ratio_lines, after, strict=True):
            np.testing.assert_allclose(line.get_data().values, one.density / before.density)
        assert texts(artists.legend) == [
            "before the cut",
            "dense: 0.030 ± 0.004",
            "95 % pruned: 0.060 ± 0.004",
        ]
        assert fig.axes[0].get_ylabel() == "Fraction of multijet / 10 GeV"

    @pytest.mark.parametrize(
        ("value", "error", "text"),
        [
            (0.1234, 0.0012, "0.1234 ± 0.0012"),
            (0.1234, 0.0053, "0.123 ± 0.005"),
            (0.3, 0.12, "0.30 ± 0.12"),
            (0.0, 0.0, "0.000 ± 0.000"),
            (np.nan, np.nan, "-"),
        ],
    )
    def test_divergences_have_the_digits_of_their_error(
        self, value: float, error: float, text: str
    ) -> None:
        before, (one, _) = masses()
        with plots.atlas_style():
            _, artists = mass_figure(
                before, [one._replace(divergence=value, divergence_error=error)]
            )
        assert texts(artists.legend)[1] == f"dense: {text}"

    def test_nothing_passes_the_cut(self) -> None:
        before, (one, _) = masses()
        lost = one._replace(density=0 * one.density, error=0 * one.error)
        with plots.atlas_style():
            _, artists = mass_figure(before, [lost])
        assert np.isnan(artists.ratio_lines[0].get_data().values).all()

    def test_other_bins(self) -> None:
        before, (one, _) = masses()
        with pytest.raises(FtagPruneError, match="the masses before and after the cut need"):
            mass_figure(before, [one._replace(high=one.high + 1)])


class TestReferences:
    def test_they_look_different_from_ours_and_from_each_other(self) -> None:
        with plots.atlas_style():
            _, artists = references_figure()
        ours, others = artists.lines[:5], artists.lines[5:]
        assert [line.get_label() for line in others] == ["GN2", "DL1d"]
        assert {line.get_linestyle() for line in ours} == {"-"}
        looks = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in others}
        assert len(looks) == 2
        assert "-" not in {line.get_linestyle() for line in others}
        assert not {line.get_color() for line in ours} & {line.get_color() for line in others}

    @pytest.mark.parametrize("best", [2.0, 2.8])
    def test_they_are_divided_by_the_reference_curve_too(self, best: float) -> None:
        with plots.atlas_style():
            fig, artists = references_figure(best)
        dense, better = gaussian_curves(1.8, 30_000)[0], gaussian_curves(best, 30_000)[0]
        ratio = artists.ratio_lines[5].get_ydata()
        np.testing.assert_allclose(ratio, better.rejection / dense.rejection)
        assert fig.axes[1].get_ylim()[1] > np.median(ratio)

    def test_working_points_are_dashed_lines_up_to_the_highest_curve(self) -> None:
        with plots.atlas_style():
            fig, artists = references_figure()
        dashed = [one for one in fig.axes[0].collections if isinstance(one, LineCollection)]
        segments = [one.get_segments()[0] for one in dashed]
        assert [segment[0, 0] for segment in segments] == [0.7, 0.6, 0.77, 0.85]
        best = artists.lines[5]
        tops = np.interp([0.7, 0.6, 0.77, 0.85], best.get_xdata(), best.get_ydata())
        np.testing.assert_allclose([segment[1, 1] for segment in segments], tops)
        assert dashed[0].get_linewidth() > dashed[1].get_linewidth()

    def test_taggers_of_the_same_pruned_fraction_have_colours_of_models(self) -> None:
        curves = [
            one._replace(name=name, pruned=0.0)
            for one, name in zip(gaussian_curves(1.8, 30_000), "abcde", strict=True)
        ]
        with plots.atlas_style():
            _, ax, ratio = plots.canvas_with_ratio()
            artists = plots.roc(
                ax,
                ratio,
                curves,
                reference="a",
                signal="b",
                background="c",
                working_point=0.7,
                title="",
            )
        assert [line.get_color() for line in artists.lines] == list(MODELS[:5])
        assert artists.legend.get_title().get_text() == ""
