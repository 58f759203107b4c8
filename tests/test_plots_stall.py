"""Figures of the stall: what they draw, that nothing overlaps, and their looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from test_plots import LABEL, LINES, check_layout

from ftag_prune import plots
from ftag_prune.errors import FtagPruneError
from ftag_prune.plots import (
    Diluted,
    EpochCurve,
    Equilibrium,
    Mechanisms,
    Onsets,
    PrunedLine,
    Regrown,
    Saturated,
    SoftSolution,
    StrategyGroup,
)
from ftag_prune.plots.style import STYLE

SMALL = {"dpi": 65}  # of pictures with many panels
LETTERS = "abcdefg"
EPOCH = np.arange(1.0, 161.0)
TARGET = 0.75
LADDER = 10.0 ** np.minimum((EPOCH - 1) // 20, 7)
STRATEGIES = (
    "fixed",
    "times 100",
    "ladder",
    "per_node",
    "inverse_variation",
    "polyak, capped",
    "dual",
    "augmented",
    "straight-through top-k",
    "budget",
)


def curves(paces: np.ndarray) -> list[EpochCurve]:
    """Mean gates that fall from .9 to .25 with a pace each."""
    found = []
    for name, pace in zip(STRATEGIES, paces):
        active = 0.25 + 0.65 * np.exp(-EPOCH / pace)
        onset = pace * np.log(0.65 / 0.25)
        pruned = np.clip((0.9 - active) / 0.65, 0, 0.75)
        pressure = LADDER if name == "ladder" else 100 * np.ones_like(EPOCH)
        found.append(
            EpochCurve(
                name,
                EPOCH,
                pruning_loss=(active - 0.25) ** 2,
                active=active,
                pruned=pruned,
                pressure=pressure,
                fractional=1 - pruned,
                zero_gradient=0 * EPOCH,
                onset=onset if onset < 160 else np.inf,
            )
        )
    return found


CURVES = curves(np.geomspace(10_000, 8, 10))


def ladder_onsets(nodes: np.ndarray, rate: float) -> np.ndarray:
    """Onset when pressures and epochs add up to 28 nodes/(200 rate); ten times every 20 epochs."""
    needed = 28 * nodes / (200 * rate) / 20
    steps = np.arange(9)
    climbed = (10.0**steps - 1) / 9
    rung = np.searchsorted(climbed, needed, side="right") - 1
    return 20 * (rung + (needed - climbed[rung]) / 10.0**rung)


NODES = np.array([128, 256, 570, 1500, 4096, 12_416.0])


def onsets() -> tuple[list[Onsets], list[Onsets]]:
    points, lines = [], []
    for name, rate in (("SGD, rate 0.1", 0.1), ("SGD, rate 0.0001", 0.0001)):
        onset = ladder_onsets(NODES, rate) + np.array([1, -2, 0, 2, -1, 1])
        onset = np.where(onset > 120, np.inf, onset)
        points.append(Onsets(name, NODES, onset, 2 + 0 * NODES, last=120))
        fine = np.geomspace(100, 20_000, 50)
        lines.append(Onsets(name, fine, ladder_onsets(fine, rate)))
    return points, lines


def cases() -> Mechanisms:
    epoch = EPOCH[:100]
    diluted = []
    for nodes in (64, 256, 1024, 4096):
        predicted = 0.42 * np.exp(-epoch * 40 / nodes)
        wave = 1 + 0.05 * np.sin(epoch / 5)
        diluted.append(Diluted(f"{nodes:,} nodes", epoch, wave * predicted, predicted))
    falling = 0.25 + 0.65 * np.exp(-epoch / 20)
    saturated = [
        Saturated("start at 0.9", epoch, 0 * epoch, falling),
        Saturated("start at 0.999, k = 4", epoch, 1 - 0.4 * np.exp(-epoch / 20), 0 * epoch + 0.999),
    ]
    active = 0.45 + 0.45 * np.exp(-epoch / 20)
    saliency = 3e-3 * np.exp(-epoch / 300)
    price = 5e-3 * (active - 0.25)
    levels = (0.2 * saliency, saliency, 6 * saliency)
    equilibrium = Equilibrium(epoch, price, *levels, active, TARGET)
    gates = np.random.default_rng(4).normal(0.25, 0.02, 500)
    soft = SoftSolution(epoch, falling, 1.0 * (falling < 0.5), TARGET, gates)
    return Mechanisms(diluted, saturated, equilibrium, soft)


def regrown() -> list[Regrown]:
    epoch = EPOCH[:60]
    return [
        Regrown("fixed", epoch, 0 * epoch),
        Regrown("ladder", epoch, np.where((epoch > 40) & (epoch % 20 < 4), 400.0, 0.0)),
        Regrown("dual", epoch, np.round(12 * np.exp(-((epoch - 30) ** 2) / 100))),
        Regrown("budget", epoch, 1.0 * (epoch % 9 == 0)),
    ]


def line(name: str, losses: Sequence[float], dense: float = 12.7) -> PrunedLine:
    pruned = np.array([0, 0.5, 0.75, 0.9, 0.95])
    ratio = 1 - np.array([0, *losses])
    error = 0.015 * dense * ratio
    return PrunedLine(name, pruned, dense * ratio, error, ratio, 0.01 * (pruned > 0))


def groups(dense: float = 12.7) -> tuple[list[StrategyGroup], PrunedLine]:
    loss = np.array([2, 7, 14, 17]) / 250
    remedies = [line(name, (4 + i) * loss, dense) for i, name in enumerate(LETTERS)]
    modern = [line(name, (0, i / 50, i / 20, i / 10), dense) for i, name in enumerate("hijk")]
    controls = [line("one-shot Taylor", (0.01, 0.05, 0.2, 0.4), dense)]
    shown = [
        StrategyGroup("Users' remedies", remedies),
        StrategyGroup("Modern pressures and gates", modern),
        StrategyGroup("Controls", controls),
    ]
    return shown, line("budget", (-0.01, 0, 0.03, 0.07), dense)


def epochs_figure(
    shown: list[EpochCurve] = CURVES, quantities: tuple[str, ...] = ("pruning_loss", "active")
) -> tuple[Figure, plots.EpochArtists]:
    fig, axes = plots.canvas_with_legend(len(quantities))
    artists = plots.epochs(axes, shown, quantities=quantities, target=TARGET)
    plots.atlas_label(axes[0], LABEL, lines=LINES[:2], above=True)
    return fig, artists


def onset_figure(
    points: list[Onsets], lines: list[Onsets], rung: float | None = 20
) -> tuple[Figure, plots.OnsetArtists]:
    fig, (ax,) = plots.canvas_with_legend()
    artists = plots.onset_versus_nodes(ax, points, lines, rung=rung)
    plots.atlas_label(ax, LABEL, lines=LINES[:2], above=True)
    return fig, artists


def mechanisms_figure(shown: Mechanisms) -> tuple[Figure, plots.MechanismArtists]:
    fig, axes = plots.canvas_of_mechanisms()
    artists = plots.mechanisms(axes, shown)
    plots.atlas_label(axes[0], LABEL, lines=LINES[:1], above=True)
    return fig, artists


def regrowth_figure(shown: list[Regrown]) -> tuple[Figure, plots.RegrowthArtists]:
    fig, (ax,) = plots.canvas_with_legend()
    artists = plots.regrowth(ax, shown)
    plots.atlas_label(ax, LABEL, lines=LINES[:2], above=True)
    return fig, artists


def groups_figure(dense: float = 12.7) -> tuple[Figure, plots.GroupArtists]:
    shown, repeated = groups(dense)
    fig, panels = plots.canvas_of_groups(3)
    artists = plots.rejection_versus_pruned_panels(
        panels, shown, repeated=repeated, signal="b", background="c", working_point=0.7
    )
    plots.atlas_label(panels[0][0], LABEL, lines=LINES[:2], above=True)
    return fig, artists


def check_beside(fig: Figure) -> None:
    """Beside what `check_layout` measures: no legend lies on an axis, a panel or a label."""
    fig.draw_without_rendering()
    check_layout(fig)
    axes = [one for ax in fig.axes for one in (ax, *ax.child_axes)]
    boxes = [ax.get_window_extent() for ax in fig.axes]
    boxes += [box for ax in axes for axis in (ax.xaxis, ax.yaxis) if (box := axis.get_tightbbox())]
    boxes += [artist.get_window_extent() for ax in fig.axes for artist in ax.artists]
    legends = [legend.get_window_extent() for ax in fig.axes if (legend := ax.get_legend())]
    for i, legend in enumerate(legends):
        assert not any(legend.overlaps(box) for box in boxes), "axis under a legend"
        assert not any(legend.overlaps(other) for other in legends[i + 1 :]), "two legends"


def decades(ax: Axes) -> float:
    """Decades of the y axis."""
    low, high = ax.get_ylim()
    return float(np.log10(high / low))


def texts(legend: object) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


class TestPictures:
    """Compared with the images in tests/baseline, drawn in our style too: it chooses the fonts."""

    @pytest.mark.mpl_image_compare(filename="epochs.png", style=STYLE)
    def test_epochs(self) -> Figure:
        with plots.atlas_style():
            return epochs_figure()[0]

    @pytest.mark.mpl_image_compare(filename="onset_versus_nodes.png", style=STYLE)
    def test_onset_versus_nodes(self) -> Figure:
        with plots.atlas_style():
            return onset_figure(*onsets())[0]

    @pytest.mark.mpl_image_compare(filename="mechanisms.png", style=STYLE, savefig_kwargs=SMALL)
    def test_mechanisms(self) -> Figure:
        with plots.atlas_style():
            return mechanisms_figure(cases())[0]

    @pytest.mark.mpl_image_compare(filename="regrowth.png", style=STYLE)
    def test_regrowth(self) -> Figure:
        with plots.atlas_style():
            return regrowth_figure(regrown())[0]

    @pytest.mark.mpl_image_compare(
        filename="rejection_versus_pruned_panels.png", style=STYLE, savefig_kwargs=SMALL
    )
    def test_rejection_versus_pruned_panels(self) -> Figure:
        with plots.atlas_style():
            return groups_figure()[0]


class TestLayout:
    @pytest.mark.parametrize(
        "quantities",
        [("pruning_loss", "active"), ("pressure",), ("pruned",), ("fractional", "zero_gradient")],
    )
    def test_epochs(self, quantities: tuple[str, ...]) -> None:
        with plots.atlas_style():
            check_beside(epochs_figure(quantities=quantities)[0])

    @pytest.mark.parametrize("rung", [None, 20, 1])
    def test_onset_versus_nodes(self, rung: float | None) -> None:
        with plots.atlas_style():
            check_beside(onset_figure(*onsets(), rung=rung)[0])

    @pytest.mark.parametrize("scale", [1e-9, 1e6])
    def test_mechanisms(self, scale: float) -> None:
        one = cases().equilibrium
        keys = ("price", "saliency_low", "saliency_median", "saliency_high")
        one = one._replace(**{key: scale * getattr(one, key) for key in keys})
        with plots.atlas_style():
            check_beside(mechanisms_figure(cases()._replace(equilibrium=one))[0])

    def test_regrowth(self) -> None:
        with plots.atlas_style():
            check_beside(regrowth_figure(regrown())[0])
            check_beside(regrowth_figure(regrown()[2:])[0])

    @pytest.mark.parametrize("dense", [3.0, 4_000.0])
    def test_groups(self, dense: float) -> None:
        with plots.atlas_style():
            check_beside(groups_figure(dense)[0])


class TestEpochs:
    def test_ten_curves_look_different(self) -> None:
        with plots.atlas_style():
            _, artists = epochs_figure()
        for panel in artists.lines:
            looks = {(one.get_color(), str(one._unscaled_dash_pattern)) for one in panel}
            assert len(panel) == len(looks) == 10

    def test_a_scan_goes_from_dark_to_light(self) -> None:
        with plots.atlas_style():
            _, axes = plots.canvas_with_legend()
            artists = plots.epochs(axes, CURVES, quantities=["active"], ordered=True)
        light = [np.dot(one.get_color()[:3], [0.21, 0.72, 0.07]) for one in artists.lines[0]]
        assert light == sorted(light)
        assert len(set(light)) == 10

    def test_onsets_stand_on_their_curves(self) -> None:
        with plots.atlas_style():
            _, artists = epochs_figure()
        marks = artists.onsets[1]
        expected = [one for one in CURVES if np.isfinite(one.onset)]
        assert 0 < len(marks) == len(expected) < 10
        for mark, curve in zip(marks, expected):
            (x,), (y,) = mark.get_data()
            assert abs(x - curve.onset) <= 0.5
            assert y == curve.active[curve.epoch == x]
        assert texts(artists.legend) == [*STRATEGIES, "wanted", "onset"]

    def test_wanted_line(self) -> None:
        with plots.atlas_style():
            fig, artists = epochs_figure(quantities=("active", "pruned", "pressure"))
        level = [[y[0] for y in heights(ax) if len(set(y)) == 1 and len(y) == 2] for ax in fig.axes]
        assert level == [[1 - TARGET], [TARGET], []]
        with plots.atlas_style():
            _, artists = epochs_figure(quantities=("pressure",))
        assert "wanted" not in texts(artists.legend)

    def test_stuck_losses_are_linear_and_falling_ones_logarithmic(self) -> None:
        with plots.atlas_style():
            stuck, _ = epochs_figure(CURVES[:1])
            falling, _ = epochs_figure(CURVES)
        assert stuck.axes[0].get_yscale() == "linear"
        assert falling.axes[0].get_yscale() == "log"

    def test_no_decade_is_wasted(self) -> None:
        loss = 0.4 * np.exp(-EPOCH)  # down to 1e-70
        with plots.atlas_style():
            fig, _ = epochs_figure([CURVES[0]._replace(pruning_loss=loss)])
            assert 5 < decades(fig.axes[0]) < 7
            low = 1e-3 * np.ones_like(loss)
            fig, _ = epochs_figure([CURVES[0], CURVES[0]._replace(pruning_loss=low)])
            assert decades(fig.axes[0]) < 3.2

    def test_epochs_without_gates_leave_a_gap(self) -> None:
        loss = np.where(EPOCH < 5, 0, CURVES[5].pruning_loss)
        with plots.atlas_style():
            fig, artists = epochs_figure([CURVES[5]._replace(pruning_loss=loss)])
            check_beside(fig)
        assert np.isnan(artists.lines[0][0].get_ydata()).sum() == 4

    def test_a_pressure_that_lets_go(self) -> None:
        dual = CURVES[0]._replace(pressure=np.where(EPOCH > 80, 0, EPOCH))
        with plots.atlas_style():
            fig, _ = epochs_figure([dual, CURVES[2]], ("pressure",))
            check_beside(fig)
        assert fig.axes[0].get_yscale() == "symlog"
        assert fig.axes[0].get_ylim()[0] < 0 < 1e7 < fig.axes[0].get_ylim()[1]

    def test_nothing_to_draw(self) -> None:
        lost = np.full(160, np.nan)
        curve = EpochCurve("lost", EPOCH, lost, lost, pressure=lost, onset=np.inf)
        with plots.atlas_style():
            check_beside(epochs_figure([curve], ("pruning_loss", "active", "pressure"))[0])

    def test_errors(self) -> None:
        with plots.atlas_style():
            _, axes = plots.canvas_with_legend()
            with pytest.raises(FtagPruneError, match=r"no quantity 'prunned'.*nearest: 'pruned'"):
                plots.epochs(axes, CURVES, quantities=["prunned"])
            bare = [EpochCurve("bare", EPOCH)]
            with pytest.raises(FtagPruneError, match="curve 'bare' has no column 'active' to draw"):
                plots.epochs(axes, bare, quantities=["active"])
            with pytest.raises(FtagPruneError, match="2 quantities need as many axes, found 1"):
                plots.epochs(axes, CURVES, quantities=["active", "pruned"])

    def test_rows(self) -> None:
        row = plots.rows([EpochCurve("a", EPOCH, active=EPOCH)])[1]
        assert (row["name"], row["epoch"], row["active"], row["pruned"]) == ("a", 2.0, 2.0, None)


def heights(ax: Axes) -> list[list[float]]:
    return [list(map(float, one.get_ydata())) for one in ax.lines]


class TestOnsetVersusNodes:
    def test_prediction_climbs_one_rung_per_decade(self) -> None:
        np.testing.assert_allclose(
            np.diff(ladder_onsets(np.array([1e2, 1e3, 1e4]), 0.1)), 20, atol=1
        )

    def test_axes(self) -> None:
        with plots.atlas_style():
            fig, _ = onset_figure(*onsets())
        ax = fig.axes[0]
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "linear")
        low, high = ax.get_xlim()
        assert 50 < low < 100 < 20_000 < high < 40_000
        assert ax.get_ylim()[0] == 0
        (right,) = ax.child_axes
        fig.draw_without_rendering()
        np.testing.assert_allclose(right.get_ylim(), np.array(ax.get_ylim()) / 20)

    def test_points_that_never_started_are_open_and_stand_at_the_last_epoch(self) -> None:
        points, lines = onsets()
        lost = NODES[np.isinf(points[1].onset)]
        with plots.atlas_style():
            fig, artists = onset_figure(points, lines)
        (marks,) = artists.never
        np.testing.assert_array_equal(marks.get_xdata(), lost)
        np.testing.assert_array_equal(marks.get_ydata(), 120)
        assert marks.get_markerfacecolor() == "white"
        arrows = [one for one in fig.axes[0].texts if one.arrow_patch is not None]
        assert [one.xy for one in arrows] == [(x, 120) for x in lost]
        drawn = artists.points[1].lines[0].get_ydata()
        assert np.isnan(drawn).tolist() == np.isinf(points[1].onset).tolist()
        assert texts(artists.legend)[-1] == "not until the\nlast epoch"

    def test_a_point_and_its_prediction_share_the_colour_and_the_entry(self) -> None:
        with plots.atlas_style():
            _, artists = onset_figure(*onsets())
        names = ["SGD, rate 0.1", "SGD, rate 0.0001", "predicted"]
        assert texts(artists.legend)[:3] == names
        for point, predicted in zip(artists.points, artists.lines):
            assert point.lines[0].get_color() == predicted.get_color()

    def test_slope_is_one_rung_per_decade(self) -> None:
        with plots.atlas_style():
            fig, artists = onset_figure(*onsets())
        assert [one.get_text() for one in artists.slope] == ["one rung per decade"]
        x, y = next(one.get_data() for one in fig.axes[0].lines if len(one.get_xdata()) == 4)
        assert np.ptp(np.log10(x)) == pytest.approx(1)
        assert np.ptp(y) == pytest.approx(20)

    @pytest.mark.parametrize("height", [3.0, 20.0, 50.0])
    def test_slope_keeps_clear_of_data(self, height: float) -> None:
        points, lines = onsets()
        flat = Onsets("per_node", NODES, height + 0 * NODES, 0 * NODES)
        with plots.atlas_style():
            fig, artists = onset_figure([*points, flat], lines)
            fig.draw_without_rendering()
            boxes = [text.get_window_extent() for text in artists.slope]
            triangle = next(one for one in fig.axes[0].lines if len(one.get_xdata()) == 4)
        y = triangle.get_ydata()
        assert not y.min() - 2 < height < y.max() + 2
        places = fig.axes[0].transData.transform(np.column_stack([NODES, 0 * NODES + height]))
        assert not any(box.contains(*place) for box in boxes for place in places)

    def test_no_room_for_the_slope(self) -> None:
        crowd = [Onsets(f"{i}", NODES, 0 * NODES + 10.0 * i) for i in range(12)]
        with plots.atlas_style():
            _, artists = onset_figure(crowd, [])
        assert artists.slope == []

    def test_a_far_prediction_does_not_flatten_the_points(self) -> None:
        points, _ = onsets()
        far = Onsets("fixed", NODES, 100 * NODES)
        with plots.atlas_style():
            fig, artists = onset_figure(points, [far])
            check_beside(fig)
        assert fig.axes[0].get_ylim()[1] < 1.5 * 120
        assert texts(artists.legend)[2:4] == ["fixed", "predicted"]

    def test_nothing_started(self) -> None:
        never = Onsets("fixed", NODES, np.inf * NODES, np.nan * NODES, last=30)
        with plots.atlas_style():
            check_beside(onset_figure([never], [])[0])

    def test_points_and_lines_share_their_rows(self) -> None:
        points, lines = onsets()
        rows = plots.rows([*points, *lines])
        assert len({tuple(row) for row in rows}) == 1


@pytest.fixture(scope="module")
def four() -> tuple[Figure, plots.MechanismArtists]:
    with plots.atlas_style():
        fig, artists = mechanisms_figure(cases())
        fig.draw_without_rendering()
    return fig, artists


@pytest.fixture(scope="module")
def rows() -> tuple[Figure, plots.GroupArtists]:
    with plots.atlas_style():
        fig, artists = groups_figure()
        fig.draw_without_rendering()
    return fig, artists


class TestMechanisms:
    def test_each_panel_shows_its_numbers(self, four) -> None:
        shown = cases()
        _, artists = four
        for one, measured in zip(shown.dilution, artists.dilution.lines[:4]):
            np.testing.assert_array_equal(measured.get_ydata(), one.pruning_loss)
        for one, predicted in zip(shown.dilution, artists.dilution.lines[4:], strict=True):
            np.testing.assert_array_equal(predicted.get_ydata(), one.predicted)
        drawn = [line.get_ydata() for line in artists.saturation.lines]
        np.testing.assert_array_equal(drawn[1], shown.saturation[1].zero_gradient)
        np.testing.assert_array_equal(drawn[3], shown.saturation[1].active)
        price, median, active = (line.get_ydata() for line in artists.equilibrium.lines)
        np.testing.assert_array_equal(price, shown.equilibrium.price)
        np.testing.assert_array_equal(median, shown.equilibrium.saliency_median)
        np.testing.assert_array_equal(active, shown.equilibrium.active)
        drawn = [line.get_ydata() for line in artists.soft.lines]
        np.testing.assert_array_equal(drawn, [shown.soft.active, shown.soft.pruned])

    def test_gates_are_counted_once(self) -> None:
        gates = np.array([0, 0.24, 0.26, 1.0])
        soft = cases().soft._replace(gates=gates)
        with plots.atlas_style():
            _, artists = mechanisms_figure(cases()._replace(soft=soft))
        filled = [bar for bar in artists.soft.area if bar.get_width() > 0]
        assert [bar.get_width() for bar in filled] == [0.25] * 4
        assert [bar.get_y() for bar in filled] == pytest.approx([0, 0.225, 0.25, 0.975])

    def test_ticks_of_epochs_and_gates_stay_apart(self, four) -> None:
        fig, _ = four
        last, side = fig.axes[3:5]
        boxes = [tick.label1.get_window_extent() for tick in side.xaxis.get_major_ticks()]
        assert boxes
        for tick in last.xaxis.get_major_ticks():
            assert not any(tick.label1.get_window_extent().overlaps(box) for box in boxes)

    def test_titles_name_the_mechanisms(self, four) -> None:
        _, artists = four
        titles = [one.legend.get_title().get_text() for one in artists]
        assert titles == ["A  Dilution", "B  Saturation", "C  Equilibrium", "D  Soft solution"]

    def test_no_decade_is_wasted(self) -> None:
        price = cases().equilibrium.price.copy()
        price[-1] = 1e-30
        one = cases().equilibrium._replace(price=price)
        with plots.atlas_style():
            fig, _ = mechanisms_figure(cases()._replace(equilibrium=one))
        assert decades(fig.axes[0]) < 5
        assert decades(fig.axes[2]) < 3.5

    def test_a_negative_quantile_reaches_the_lower_edge(self) -> None:
        one = cases().equilibrium
        one = one._replace(saliency_low=-one.saliency_low)
        with plots.atlas_style():
            fig, artists = mechanisms_figure(cases()._replace(equilibrium=one))
        lowest = artists.equilibrium.area.get_paths()[0].vertices[:, 1].min()
        assert lowest == pytest.approx(fig.axes[2].get_ylim()[0])

    def test_no_node_is_left(self) -> None:
        one = cases().equilibrium
        lost = np.full_like(one.epoch, np.nan)
        one = one._replace(saliency_low=lost, saliency_median=lost, saliency_high=lost)
        with plots.atlas_style():
            check_beside(mechanisms_figure(cases()._replace(equilibrium=one))[0])

    def test_wrong_number_of_axes(self) -> None:
        with pytest.raises(FtagPruneError, match="the mechanisms need 5 axes, found 1"):
            plots.mechanisms([plots.canvas()[1]], cases())

    def test_rows_hold_every_number(self) -> None:
        shown = cases()
        rows = plots.mechanism_rows(shown)
        assert len(rows) == 100 * (4 * 2 + 2 * 2 + 5 + 2) + 500
        assert {row["mechanism"] for row in rows} == set(shown._fields)
        chosen = [
            row["value"]
            for row in rows
            if (row["curve"], row["quantity"]) == ("256 nodes", "predicted")
        ]
        assert chosen == shown.dilution[1].predicted.tolist()
        assert [row["epoch"] for row in rows if row["quantity"] == "gates"] == [100.0] * 500


class TestRegrowth:
    def test_steps_and_sums(self) -> None:
        with plots.atlas_style():
            fig, artists = regrowth_figure(regrown())
        drawn = artists.steps[1].get_data()
        np.testing.assert_array_equal(drawn.values, regrown()[1].regrown)
        np.testing.assert_array_equal(drawn.edges, np.arange(0.5, 61))
        assert texts(artists.legend)[:2] == ["fixed: 0", "ladder: 1,600"]
        assert fig.axes[0].get_yscale() == "symlog"

    def test_few_nodes_stay_linear(self) -> None:
        with plots.atlas_style():
            fig, _ = regrowth_figure([regrown()[0], *regrown()[2:]])
        assert fig.axes[0].get_yscale() == "linear"
        assert fig.axes[0].get_ylim()[1] < 1.2 * 12

    def test_none_at_all(self) -> None:
        with plots.atlas_style():
            check_beside(regrowth_figure(regrown()[:1])[0])


class TestGroups:
    def test_every_row_repeats_the_dense_tagger_and_the_line_to_compare_with(self, rows) -> None:
        _, artists = rows
        for row, band in zip(artists.groups, artists.dense, strict=True):
            assert row.points[-1].lines[0].get_color() == "black"
            assert row.ratio_points[-1].lines[0].get_color() == "black"
            np.testing.assert_allclose(row.points[-1].lines[0].get_ydata()[0], 12.7)
            assert band.get_y() == pytest.approx(12.7 * 0.985)
            assert band.get_height() == pytest.approx(12.7 * 0.03)
            assert texts(row.legend)[:2] == ["dense", "budget"]
        assert texts(artists.groups[0].legend)[2:] == list(LETTERS)

    def test_colours_do_not_repeat_within_a_row(self, rows) -> None:
        _, artists = rows
        for row in artists.groups:
            for points in (row.points, row.ratio_points):
                colours = [to_hex(one.lines[0].get_color()) for one in points]
                assert len(set(colours)) == len(colours)
                bars = [to_hex(one.lines[2][0].get_color()[0]) for one in points]
                assert bars == colours

    def test_limits_fit_the_data_of_a_row(self, rows) -> None:
        shown, repeated = groups()
        fig, _ = rows
        for ax, group in zip(fig.axes[::2], shown, strict=True):
            y = np.concatenate([one.rejection for one in (*group.lines, repeated)])
            low, high = ax.get_ylim()
            assert low < y.min() < y.max() < high
            assert np.ptp(y) > 0.75 * (high - low)

    def test_rows_share_x_whatever_their_order(self) -> None:
        shown, repeated = groups()
        deep = shown[2].lines[0]
        deep = deep._replace(pruned=np.append(deep.pruned[:-1], 0.99))
        shown[0] = shown[0]._replace(lines=[deep])
        with plots.atlas_style():
            fig, panels = plots.canvas_of_groups(3)
            plots.rejection_versus_pruned_panels(
                panels, shown, repeated=repeated, signal="b", background="c", working_point=0.7
            )
            fig.draw_without_rendering()
        for ax in panels[2]:
            labels = [one.get_text() for one in ax.get_xticklabels()]
            assert labels == ["0", "50", "75", "90", "95", "98", "99"]
        labels = [ax.get_xlabel() for row in panels for ax in row]
        assert labels == [""] * 4 + ["Pruned nodes [%]"] * 2

    def test_the_panels_are_labelled(self, rows) -> None:
        fig, _ = rows
        labels = ["Rejection of $c$-jets", "Ratio to dense"]
        assert [ax.get_ylabel() for ax in fig.axes] == 3 * labels
        assert all(any(one.get_visible() for one in ax.get_yticklabels()) for ax in fig.axes)
        assert fig.axes[1].get_title(loc="right") == "70 % efficiency for $b$-jets"

    def test_a_dense_tagger_that_lets_nothing_pass(self) -> None:
        shown, repeated = groups()
        lost = np.append(np.inf, repeated.rejection[1:])
        repeated = repeated._replace(rejection=lost, error=np.append(np.inf, repeated.error[1:]))
        with plots.atlas_style():
            fig, panels = plots.canvas_of_groups(3)
            plots.rejection_versus_pruned_panels(
                panels, shown, repeated=repeated, signal="b", background="u", working_point=0.7
            )
            check_beside(fig)

    def test_errors(self) -> None:
        shown, repeated = groups()
        _, panels = plots.canvas_of_groups(3)
        names = {"signal": "b", "background": "c", "working_point": 0.7}
        short = PrunedLine("budget", *(field[1:] for field in repeated[1:]))
        with pytest.raises(FtagPruneError, match="'budget' needs a point at 0 for the dense"):
            plots.rejection_versus_pruned_panels(panels, shown, repeated=short, **names)
        with pytest.raises(FtagPruneError, match="3 groups need as many rows, found 2"):
            plots.rejection_versus_pruned_panels(panels[:2], shown, repeated=repeated, **names)
