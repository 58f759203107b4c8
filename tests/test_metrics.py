"""Discriminants, working points and their errors, against exact answers and a slow twin."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from ftag_prune.errors import ConfigError, FtagPruneError
from ftag_prune.flavours import TASKS
from ftag_prune.metrics import (
    combine,
    discriminant,
    paired_ratio,
    ratio_spread,
    rejection,
    roc,
)

Array = NDArray[np.float64]
SINGLE_B = TASKS["single_b"]
NORMAL = NormalDist()


def gaussian_jets(jets: int, mean: float) -> Array:
    """Scores whose sample distribution is the Gaussian one, without fluctuations."""
    return np.array([mean + NORMAL.inv_cdf((i + 0.5) / jets) for i in range(jets)])


def exact_rejection(efficiency: float, separation: float) -> float:
    """Rejection of a cut on Gaussians of width 1, `separation` apart."""
    return 1 / NORMAL.cdf(NORMAL.inv_cdf(efficiency) - separation)


def slow_working_point(
    signal: Array, background: Array, efficiency: float, w: Array, v: Array
) -> tuple[float, float, int]:
    """Plain twin: try every cut, keep the nearest; (efficiency, background efficiency, passing)."""
    nearest, best, cut = math.inf, 0.0, 0.0
    for one in sorted(set(signal[w > 0].tolist())):  # from the loosest: it wins if equally near
        reached = math.fsum(w[signal >= one]) / math.fsum(w)
        if abs(reached - efficiency) < nearest * (1 - 1e-9):
            nearest, best, cut = abs(reached - efficiency), reached, one
    passing = (background >= cut) & (v > 0)
    return best, math.fsum(v[passing]) / math.fsum(v), int(passing.sum())


class TestDiscriminant:
    def test_formula(self) -> None:
        p = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.6, 0.3, 0.0]])
        d = discriminant(p, SINGLE_B, signal="b")
        background = 0.2 * p[:, 1] + 0.79 * p[:, 2] + 0.01 * p[:, 3]
        np.testing.assert_allclose(d, np.log(p[:, 0] / background), rtol=1e-14)

    def test_many_jets_are_each_scored_by_themselves(self) -> None:
        p = np.random.default_rng(0).dirichlet(np.ones(4), 20_001)
        d = discriminant(p, SINGLE_B, signal="b")
        background = 0.2 * p[:, 1] + 0.79 * p[:, 2] + 0.01 * p[:, 3]
        np.testing.assert_allclose(d, np.log(p[:, 0] / background), rtol=1e-12, atol=1e-12)
        assert len(discriminant(np.empty((0, 4)), SINGLE_B, signal="b")) == 0

    def test_own_fractions_in_any_order_and_without_one_class(self) -> None:
        p = np.array([[0.5, 0.2, 0.2, 0.1]])
        d = discriminant(p, SINGLE_B, signal="b", fractions={"u": 0.9, "c": 0.1})
        assert d[0] == pytest.approx(math.log(0.5 / (0.1 * 0.2 + 0.9 * 0.2)))

    @given(arrays(np.float32, (7, 4), elements=st.floats(0, 1, width=32)))
    def test_finite_for_all_probabilities(self, p: NDArray[np.float32]) -> None:
        d = discriminant(p, SINGLE_B, signal="c")
        assert d.dtype == np.float64
        assert np.isfinite(d).all()

    def test_tiny_float32_probabilities_keep_their_order(self) -> None:
        p = np.array([[1e-40, 0.5, 0.5, 0], [1e-44, 0.5, 0.5, 0], [0, 0.5, 0.5, 0]], np.float32)
        d = discriminant(p, SINGLE_B, signal="b")
        assert d[0] > d[1] > d[2]

    @pytest.mark.parametrize(
        ("fractions", "message"),
        [
            ({"u": 0.8, "charm": 0.2}, "'charm', which is none of its backgrounds; there is"),
            ({"u": 0.8, "b": 0.2}, "'b', which is none of its backgrounds"),
            ({"u": 0.8, "c": 0.1}, "sum to 0.9, not to 1"),
            ({"u": 1.2, "c": -0.2}, r"fraction of 'u' for signal 'b' is 1.2, not within \[0, 1\]"),
            ({"u": math.nan, "c": 1.0}, "fraction of 'u' for signal 'b' is nan"),
            ({}, "sum to 0, not to 1"),
        ],
    )
    def test_impossible_fractions(self, fractions: dict[str, float], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            discriminant(np.full((1, 4), 0.25), SINGLE_B, signal="b", fractions=fractions)

    def test_unknown_signal(self) -> None:
        with pytest.raises(ConfigError, match="signal 'hbb' is no class of task 'single_b'; near"):
            discriminant(np.full((1, 4), 0.25), SINGLE_B, signal="hbb", fractions={"u": 1.0})

    def test_wrong_shape(self) -> None:
        with pytest.raises(FtagPruneError, match=r"shape \(jets, 4\) of its classes b, c, u, tau"):
            discriminant(np.full((2, 3), 0.3), SINGLE_B, signal="b")


class TestRejection:
    @pytest.mark.parametrize("efficiency", [0.3, 0.5, 0.7, 0.9])
    @pytest.mark.parametrize("separation", [0.0, 1.0, 2.0])
    def test_gaussian(self, efficiency: float, separation: float) -> None:
        found = rejection(
            gaussian_jets(10_000, separation), gaussian_jets(50_000, 0), efficiency=efficiency
        )
        assert found.efficiency == pytest.approx(efficiency, abs=1e-4)
        assert found.value == pytest.approx(exact_rejection(efficiency, separation), rel=2e-3)

    def test_errors_of_a_gaussian(self) -> None:
        signals, backgrounds, efficiency = 4_000, 30_000, 0.7
        found = rejection(
            gaussian_jets(signals, 1.5), gaussian_jets(backgrounds, 0), efficiency=efficiency
        )
        value = exact_rejection(efficiency, 1.5)
        step = 1e-5
        slope = (
            exact_rejection(efficiency - step, 1.5) - exact_rejection(efficiency + step, 1.5)
        ) / (2 * step)
        assert found.background_error == pytest.approx(
            value * math.sqrt((value - 1) / backgrounds), rel=5e-3
        )
        assert found.signal_error == pytest.approx(
            slope * math.sqrt(efficiency * (1 - efficiency) / signals), rel=2e-2
        )
        assert found.error == pytest.approx(math.hypot(found.background_error, found.signal_error))

    def test_a_cut_by_hand(self) -> None:
        found = rejection(
            [0.9, 0.8, 0.7, 0.6], [0.95, 0.75, 0.65, 0.5, 0.4, 0.3, 0.2, 0.1], efficiency=0.75
        )
        assert (found.value, found.efficiency, found.threshold) == (4.0, 0.75, 0.7)
        assert found.passing == 2
        assert math.isnan(found.limit)

    def test_ties_give_the_nearest_reachable_efficiency(self) -> None:
        signal = [3, 3, 3, 2, 2, 2, 2, 2, 1, 1]  # reaches 0.3, 0.8 and 1
        background = [3, 2, 2, 2, 1, 1, 1, 1, 1, 1]
        assert rejection(signal, background, efficiency=0.7).efficiency == 0.8
        assert rejection(signal, background, efficiency=0.7).value == 1 / 0.4
        assert rejection(signal, background, efficiency=0.5).efficiency == 0.3
        assert rejection(signal, background, efficiency=0.1).efficiency == 0.3
        assert rejection([1, 1, 0, 0], [1, 0], efficiency=0.75).efficiency == 1.0  # as near as 0.5

    def test_constant_scores_reject_nothing(self) -> None:
        found = rejection(np.zeros(50), np.zeros(80), efficiency=0.7)
        assert (found.value, found.efficiency, found.error) == (1.0, 1.0, 0.0)

    def test_nothing_passes(self) -> None:
        found = rejection([1.0, 2.0, 3.0], np.zeros(100), efficiency=0.7)
        assert found.value == found.error == math.inf
        assert found.passing == 0
        assert (1 - 1 / found.limit) ** 100 == pytest.approx(0.05)

    def test_infinite_scores_are_ordered(self) -> None:
        found = rejection([np.inf, 1.0, -np.inf], [np.inf, 0.0, -np.inf, -np.inf], efficiency=2 / 3)
        assert (found.value, found.threshold) == (4.0, 1.0)

    @given(st.data())
    def test_slow_twin(self, data: st.DataObject) -> None:
        few = st.floats(0, 4).map(round)  # few values: many ties
        n, m = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
        signal = data.draw(arrays(np.float64, n, elements=few))
        background = data.draw(arrays(np.float64, m, elements=few))
        weight = st.sampled_from([0.0, 1.0, 2.0, 4.0])
        w = data.draw(arrays(np.float64, n, elements=weight).filter(np.any))
        v = data.draw(arrays(np.float64, m, elements=weight).filter(np.any))
        wanted = data.draw(st.floats(0.01, 1))
        found = rejection(
            signal, background, efficiency=wanted, signal_weight=w, background_weight=v
        )
        efficiency, mistag, passing = slow_working_point(signal, background, wanted, w, v)
        assert found.efficiency == pytest.approx(efficiency)
        assert found.value == (pytest.approx(1 / mistag) if mistag else math.inf)
        assert found.passing == passing

    def test_equal_weights_change_nothing(self) -> None:
        signal, background = gaussian_jets(500, 1), gaussian_jets(700, 0)
        plain = rejection(signal, background, efficiency=0.6)
        for scale in (1e-200, 3.0, 1e200):
            weighted = rejection(
                signal,
                background,
                efficiency=0.6,
                signal_weight=np.full(500, scale),
                background_weight=np.full(700, scale),
            )
            np.testing.assert_allclose(weighted, plain, rtol=1e-12)

    def test_effective_jets(self) -> None:
        signal, background = gaussian_jets(5_000, 1), gaussian_jets(10_000, 0)
        plain = rejection(signal, background, efficiency=0.6)
        v = np.tile([1.0, 3.0], 5_000)  # N_eff = 16 / (2 x 10) of N
        weighted = rejection(signal, background, efficiency=0.6, background_weight=v)
        assert weighted.background_error / plain.background_error == pytest.approx(
            math.sqrt(20 / 16), rel=1e-2
        )

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"signal": []}, "no signal jets to measure"),
            ({"background": []}, "no background jets to measure"),
            ({"signal": [1, math.nan, 2]}, "1 of 3 signal jets have a score that is not a number"),
            ({"background": [math.nan] * 2}, "2 of 2 background jets have a score that is not a"),
            ({"signal": [[1.0, 2.0]]}, "scores of signal jets have a dimension too many"),
            ({"signal_weight": [1.0]}, r"2 signal jets need as many weights, found shape \(1,\)"),
            ({"signal_weight": [1.0, -1.0]}, "weights of signal jets must be finite and not neg"),
            ({"background_weight": [1.0, math.inf]}, "weights of background jets must be finite"),
            ({"background_weight": [0.0, 0.0]}, "weights of background jets sum to zero"),
            ({"efficiency": 0.0}, r"signal efficiency 0 is not within \(0, 1\]"),
            ({"efficiency": 1.5}, "signal efficiency 1.5 is not within"),
            ({"efficiency": math.nan}, "signal efficiency nan is not within"),
        ],
    )
    def test_impossible_input(self, change: dict[str, object], message: str) -> None:
        given_: dict[str, object] = {"signal": [1, 2], "background": [0, 1], "efficiency": 0.5}
        with pytest.raises(FtagPruneError, match=message):
            rejection(**(given_ | change))  # type: ignore[arg-type]


class TestRoc:
    @given(st.permutations([0.01, 0.3, 0.5, 0.5, 0.7, 0.77, 0.99, 1.0]), st.integers(1, 9))
    def test_vector_is_one_by_one_in_any_order(self, efficiencies: list[float], kinds: int) -> None:
        rng = np.random.default_rng(kinds)
        signal, background = rng.integers(0, kinds, 40), rng.integers(0, kinds, 60) - 1
        curve = roc(signal, background, efficiencies=efficiencies)
        for i, one in enumerate(efficiencies):
            alone = rejection(signal, background, efficiency=one)
            np.testing.assert_array_equal([field[i] for field in curve], list(alone))

    def test_points_lie_on_the_curve_of_scikit_learn(self) -> None:
        rng = np.random.default_rng(1)
        signal, background = rng.normal(1, 1, 300).round(1), rng.normal(0, 1, 400).round(1)
        wrong, right, _ = roc_curve(
            np.repeat([1, 0], [300, 400]),
            np.concatenate([signal, background]),
            drop_intermediate=False,
        )
        curve = roc(signal, background, efficiencies=np.linspace(0.1, 1, 50))
        for efficiency, value in zip(curve.efficiency, curve.rejection, strict=True):
            same = np.isclose(right, efficiency)
            assert same.any()
            assert wrong[same].min() == pytest.approx(1 / value)  # the tightest such cut

    def test_inputs_are_left_alone(self) -> None:
        signal, background = np.array([1.0, 3.0, 2.0]), np.array([2.0, 0.0])
        roc(signal, background, efficiencies=[0.5], signal_weight=[1, 2, 3])
        np.testing.assert_array_equal(signal, [1.0, 3.0, 2.0])
        np.testing.assert_array_equal(background, [2.0, 0.0])


class TestCoverage:
    """Toy experiments: the error is the width of what is found."""

    @pytest.mark.parametrize(
        ("signals", "backgrounds"),
        [(500, 50_000), (20_000, 5_000), (2_000, 10_000)],
        ids=["signal", "background", "both"],
    )
    def test_pull_of_a_rejection(self, signals: int, backgrounds: int) -> None:
        rng = np.random.default_rng(7)
        truth = exact_rejection(0.7, 2.0)
        pulls = []
        for _ in range(300):
            found = rejection(
                rng.normal(2, 1, signals), rng.normal(0, 1, backgrounds), efficiency=0.7
            )
            pulls.append(math.log(found.value / truth) * found.value / found.error)
        assert np.std(pulls) == pytest.approx(1, abs=0.13)  # three sigma of 300 toys
        assert abs(np.mean(pulls)) < 0.3

    def test_pull_with_weights(self) -> None:
        rng = np.random.default_rng(8)
        pulls = []
        for _ in range(300):
            found = rejection(
                rng.normal(2, 1, 2_000),
                rng.normal(0, 1, 10_000),
                efficiency=0.7,
                signal_weight=rng.exponential(1, 2_000),
                background_weight=rng.exponential(1, 10_000),
            )
            pulls.append(
                math.log(found.value / exact_rejection(0.7, 2.0)) * found.value / found.error
            )
        assert np.std(pulls) == pytest.approx(1, abs=0.13)

    def test_pull_of_a_paired_ratio(self) -> None:
        rng = np.random.default_rng(9)
        pulls, paired, unpaired = [], [], []
        worse = 2 / math.sqrt(1 + 0.3**2)  # separation after noise of 0.3 is added
        truth = exact_rejection(0.7, worse) / exact_rejection(0.7, 2.0)
        for _ in range(150):
            s, b = rng.normal(2, 1, 1_000), rng.normal(0, 1, 5_000)
            noisy = s + rng.normal(0, 0.3, 1_000), b + rng.normal(0, 0.3, 5_000)
            found = paired_ratio(*noisy, s, b, efficiency=0.7, replicas=80, rng=rng)
            pulls.append((found.ratio - truth) / found.error)
            paired.append(found.error)
            one = rejection(s, b, efficiency=0.7)
            unpaired.append(math.sqrt(2) * one.error / one.value)
        assert np.std(pulls) == pytest.approx(1, abs=0.2)
        assert np.mean(paired) < 0.75 * np.mean(unpaired)


class TestPairedRatio:
    def test_a_tagger_against_itself(self) -> None:
        s, b = gaussian_jets(200, 1), gaussian_jets(300, 0)
        found = paired_ratio(
            s, b, 3 * s, 3 * b, efficiency=0.7, replicas=20, rng=np.random.default_rng(1)
        )
        assert tuple(map(float, found)) == (1, 1, 1, 0)

    def test_replicas_are_repeated_jets(self) -> None:
        """Slow twin: draw the jets themselves, measure them by `rejection`, ties included."""
        rng = np.random.default_rng(2)
        a, b = [(rng.normal(1, 1, 80).round(1), rng.normal(0, 3, 120).round(1)) for _ in range(2)]
        wanted = [0.8, 0.5, 0.004]  # the last is less than one jet
        found = paired_ratio(*a, *b, efficiency=wanted, replicas=40, rng=np.random.default_rng(3))
        rng = np.random.default_rng(3)
        ratios = []
        for _ in range(40):
            s, k = rng.integers(80, size=80), rng.integers(120, size=120)
            one, other = (roc(x[0][s], x[1][k], efficiencies=wanted) for x in (a, b))
            ratios.append(one.rejection / other.rejection)
        np.testing.assert_allclose(found.error, np.std(ratios, axis=0, ddof=1))
        np.testing.assert_allclose(found.low, np.sort(ratios, axis=0)[round(0.16 * 39)])
        np.testing.assert_allclose(found.high, np.sort(ratios, axis=0)[round(0.84 * 39)])
        whole = [roc(*x, efficiencies=wanted).rejection for x in (a, b)]
        np.testing.assert_array_equal(found.ratio, whole[0] / whole[1])

    def test_seeds_are_averaged(self) -> None:
        rng = np.random.default_rng(4)
        s, b = rng.normal(1, 1, (3, 100)), rng.normal(0, 1, (3, 200))
        found = paired_ratio(
            s, b, s[0], b[0], efficiency=0.7, replicas=5, rng=np.random.default_rng(5)
        )
        each = [rejection(x, y, efficiency=0.7).value for x, y in zip(s, b, strict=True)]
        assert found.ratio == pytest.approx(np.mean(each) / each[0])

    def test_the_same_seed_gives_the_same_interval(self) -> None:
        s, b = gaussian_jets(50, 1), gaussian_jets(60, 0)
        one, two = (
            paired_ratio(s, b, s**3, -b, efficiency=0.7, replicas=9, rng=np.random.default_rng(6))
            for _ in range(2)
        )
        assert one == two

    def test_weights_of_zero_take_jets_out(self) -> None:
        s, b, t, c = (np.random.default_rng(i).normal(0, 1, 60) for i in range(4))
        keep = np.arange(60) % 3 > 0
        with_weights, without = (
            paired_ratio(*jets, efficiency=0.5, replicas=9, rng=np.random.default_rng(7), **weights)
            for jets, weights in (
                ((s, b, t, c), {"signal_weight": keep * 2.0, "background_weight": keep * 1.0}),
                ((s[keep], b[keep], t[keep], c[keep]), {}),
            )
        )
        assert with_weights == without

    def test_nothing_passes(self) -> None:
        s = np.arange(1.0, 11.0)
        b = np.append(np.zeros(9), 20.0)  # one passes, in most replicas
        found = paired_ratio(
            s, b * 0, s, b, efficiency=0.7, replicas=50, rng=np.random.default_rng(8)
        )
        assert found.ratio == found.high == found.error == math.inf
        assert found.low < math.inf  # replicas in which nothing passes either know nothing
        neither = paired_ratio(
            s, b * 0, s, b * 0, efficiency=0.7, replicas=5, rng=np.random.default_rng(8)
        )
        assert math.isnan(neither.ratio)
        assert tuple(map(float, neither[1:])) == (0, math.inf, math.inf)

    @pytest.mark.parametrize(
        ("jets", "replicas", "message"),
        [
            (([1, 2], [1], [1, 2, 3], [1]), 5, "the same signal jets for both taggers"),
            (([1, 2], [1], [1, 2], [1, 2]), 5, "the same background jets for both taggers"),
            (([[1, 2]] * 2, [[1]] * 3, [1, 2], [1]), 5, "the same seeds, found 2, 3"),
            (([1], [1], [1], [1]), 1, "at least 2 replicas, found 1"),
        ],
    )
    def test_impossible_input(
        self, jets: tuple[list[float], ...], replicas: int, message: str
    ) -> None:
        with pytest.raises(FtagPruneError, match=message):
            paired_ratio(*jets, efficiency=0.5, replicas=replicas, rng=np.random.default_rng(1))


class TestCombine:
    def test_by_hand(self) -> None:
        found = combine([8.0, 10.0, 12.0], [0.1, 0.2, 0.3])
        assert found.mean == 10
        assert found.statistical == pytest.approx(0.2)
        assert found.spread == pytest.approx(2 / math.sqrt(3))
        assert found.total == pytest.approx(math.hypot(0.2, 2 / math.sqrt(3)))
        assert found.seeds == 3

    def test_one_seed_has_no_spread(self) -> None:
        found = combine([8.0], [0.1])
        assert math.isnan(found.spread)
        assert found.total == 0.1

    def test_an_infinite_rejection(self) -> None:
        found = combine([8.0, math.inf], [0.1, math.inf])
        assert found.mean == found.spread == found.total == math.inf

    @pytest.mark.parametrize(("values", "errors"), [([], []), ([1.0], [1.0, 2.0])])
    def test_impossible_input(self, values: list[float], errors: list[float]) -> None:
        with pytest.raises(FtagPruneError, match="values of seeds need one error each"):
            combine(values, errors)


class TestRatioSpread:
    def test_pair_by_pair_what_both_have_in_common_is_in_neither(self) -> None:
        assert ratio_spread([2.0, 4.0, 6.0], [1.0, 2.0, 3.0]) == 0
        assert ratio_spread([2.0, 4.0], [1.0, 1.0]) == pytest.approx(1)

    def test_of_other_trainings_the_relative_errors_add_up(self) -> None:
        # 3 ± 1 over 10 ± sqrt(3): relative errors 1/3 and sqrt(3) / 10.
        found = ratio_spread([2.0, 4.0], [7.0, 10.0, 13.0])
        assert found == pytest.approx(0.3 * math.hypot(1 / 3, math.sqrt(3) / 10))

    def test_a_single_training_does_not_know_it(self) -> None:
        assert math.isnan(ratio_spread([2.0], [1.0, 2.0]))
        assert math.isnan(ratio_spread([2.0, 3.0], [1.0]))
        assert math.isnan(ratio_spread([2.0, 3.0], []))

    def test_a_training_that_lets_nothing_pass(self) -> None:
        assert ratio_spread([2.0, math.inf], [1.0, 1.0]) == math.inf
        assert ratio_spread([2.0, 3.0], [1.0, math.inf]) == math.inf
