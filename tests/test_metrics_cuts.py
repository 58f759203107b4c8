"""Working points of several backgrounds at once, and rejections with errors on both sides."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_metrics import exact_rejection, gaussian_jets

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import rejection, wilson, working_points

SIGNAL, NEAR, FAR = 4, 1, 7  # classes are names, not places


def three_classes(jets=20_000):
    """A signal at 2, a background at 0.5 and one at -1, without fluctuations; others are noise."""
    value = np.concatenate([gaussian_jets(jets, mean) for mean in (2.0, 0.5, -1.0)])
    label = np.repeat([SIGNAL, NEAR, FAR], jets)
    noise = np.full(500, np.nan)
    return np.append(value, noise), np.append(label, np.full(500, 3))


class TestWorkingPoints:
    def test_gaussian(self):
        value, label = three_classes()
        points = working_points(
            value, label, signal=SIGNAL, backgrounds=[FAR, NEAR], efficiencies=[0.9, 0.5, 0.77]
        )
        assert [one.asked for one in points] == [0.9, 0.5, 0.77]
        for one in points:
            assert one.efficiency == pytest.approx(one.asked, abs=1e-4)
            assert one.passing == round(one.efficiency * 20_000)
            assert one.rejections[1].value == pytest.approx(
                exact_rejection(one.asked, 1.5), rel=1e-3
            )
            assert one.rejections[0].value == pytest.approx(
                exact_rejection(one.asked, 3.0), rel=2e-2
            )

    @given(st.permutations([0.2, 0.5, 0.5, 0.7, 0.77, 0.9, 1.0]), st.integers(0, 9))
    def test_is_the_rejection_of_each_background_one_by_one(self, efficiencies, seed):
        rng = np.random.default_rng(seed)
        value, label = rng.normal(size=90).round(seed % 3), np.repeat([0, 1, 2], 30)
        weight = rng.integers(1, 4, 90) if seed % 2 else None
        points = working_points(
            value, label, signal=1, backgrounds=[2, 0], efficiencies=efficiencies, weight=weight
        )
        for asked, point in zip(efficiencies, points):
            for found, background in zip(point.rejections, (2, 0)):
                one, other = ((label == kind) for kind in (1, background))
                alone = rejection(
                    value[one],
                    value[other],
                    efficiency=asked,
                    signal_weight=None if weight is None else weight[one],
                    background_weight=None if weight is None else weight[other],
                )
                np.testing.assert_array_equal(found, alone)
                assert (point.asked, point.cut, point.efficiency) == (
                    asked,
                    alone.threshold,
                    alone.efficiency,
                )

    def test_one_efficiency_and_no_background(self):
        (point,) = working_points(
            [1.0, 2.0], [0, 0], signal=0, backgrounds=[], efficiencies=0.5, weight=[1.0, 3.0]
        )
        assert (point.efficiency, point.cut, point.passing) == (0.75, 2.0, 1)
        assert point.rejections == ()

    @pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
    def test_any_whole_numbers_are_classes(self, dtype):
        (point,) = working_points(
            [1.0, 2.0, 0.0],
            np.array([0, 0, 1], dtype),
            signal=0,
            backgrounds=[1],
            efficiencies=[0.5],
        )
        assert point.rejections[0].value == math.inf

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"signal": 5}, "no class-5 jets to measure"),
            ({"backgrounds": [1, 9]}, "no class-9 jets to measure"),
            ({"value": [1.0, math.nan, 0.0]}, "1 of 2 class-0 jets have a score that is not a num"),
            ({"value": [[1.0, 2.0, 0.0]]}, r"one value of the discriminant, found shape \(1, 3\)"),
            ({"label": [0, 0]}, r"3 jets need as many labels, found shape \(2,\)"),
            ({"label": [0.0, 0.0, 1.0]}, "labels of jets are whole numbers, found float64"),
            ({"weight": [1.0, 1.0]}, r"3 jets need as many weights, found shape \(2,\)"),
            ({"weight": [0.0, 0.0, 1.0]}, "weights of class-0 jets sum to zero"),
            ({"weight": [1.0, 1.0, -1.0]}, "weights of class-1 jets must be finite and not neg"),
            ({"efficiencies": [0.5, 1.1]}, "signal efficiency 1.1 is not within"),
        ],
    )
    def test_impossible_input(self, change, message):
        usual = {
            "value": [1.0, 2.0, 0.0],
            "label": [0, 0, 1],
            "signal": 0,
            "backgrounds": [1],
            "efficiencies": [0.5],
        }
        with pytest.raises(FtagPruneError, match=message):
            working_points(**(usual | change))


class TestBothSides:
    def test_without_signal_error_it_is_wilson(self):
        found = rejection([1.0] * 10, [1.0] * 4 + [0.0] * 36, efficiency=1.0)
        low, high = wilson(0.1, 40)
        assert found.signal_error == 0
        assert (found.low, found.high) == pytest.approx((1 / high, 1 / low))
        assert found.high - found.value > found.value - found.low

    def test_with_many_jets_it_is_the_error(self):
        found = rejection(gaussian_jets(200_000, 1.5), gaussian_jets(400_000, 0), efficiency=0.7)
        assert found.high - found.value == pytest.approx(found.error, rel=0.01)
        assert found.value - found.low == pytest.approx(found.error, rel=0.01)

    def test_nothing_passes(self):
        found = rejection([1.0, 2.0, 3.0], np.zeros(100), efficiency=0.7)
        assert found.high == math.inf
        assert found.low == pytest.approx(101)  # Wilson: 1 / (n + 1)
        assert found.low > found.limit  # at 68 % more is claimed than at 95 %

    def test_too_few_signal_jets_to_say_anything(self):
        """One of a million jets passes; with the next signal jet half of them would."""
        background = np.append(np.tile([0.0, -2.0], 500_000), 1.5)
        found = rejection([-1.0, 1.0, 2.0], background, efficiency=0.6)
        assert (found.value, found.passing) == (pytest.approx(1_000_001), 1)
        assert (found.low, found.high) == (1, math.inf)

    def test_a_jet_of_nearly_no_weight_passes(self):
        for weight in (1e-30, 1e-200):
            found = rejection(
                [1.0] * 9, [1.0] + [0.0] * 99, efficiency=1, background_weight=[weight] + [1.0] * 99
            )
            assert found.value == pytest.approx(99 / weight)
            assert found.low == pytest.approx(100)
            assert found.value < found.high

    def test_everything_passes(self):
        found = rejection(np.zeros(50), np.zeros(80), efficiency=0.7)
        assert (found.low, found.value) == (1.0, 1.0)
        assert found.high == pytest.approx(81 / 80)

    @given(st.integers(0, 200), st.integers(1, 30), st.integers(1, 60))
    def test_the_value_lies_within(self, seed, signals, backgrounds):
        rng = np.random.default_rng(seed)
        found = rejection(
            rng.normal(1, 1, signals).round(1), rng.normal(0, 1, backgrounds), efficiency=0.7
        )
        assert 1 <= found.low <= found.value <= found.high

    @pytest.mark.parametrize("expected", [1.5, 4.0, 30.0], ids="{} jets pass".format)
    def test_coverage(self, expected):
        """In toys, few jets or many, about 68 % of the intervals hold the true rejection."""
        rng = np.random.default_rng(11)
        truth = exact_rejection(0.5, 2.5)
        backgrounds = round(expected * truth)
        held = []
        for _ in range(400):
            found = rejection(
                rng.normal(2.5, 1, 2_000), rng.normal(0, 1, backgrounds), efficiency=0.5
            )
            held.append(found.low <= truth <= found.high)
        assert np.mean(held) == pytest.approx(0.683, abs=0.1)
