"""Replicas of equal jets at once, against replicas one by one and against the binomial answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ftag_prune.metrics import PairedRatio, paired_ratio
from ftag_prune.metrics.ranking import nearest_cut, rank, share
from ftag_prune.metrics.replicas import draw, in_rank, rejections, resample

Array = NDArray[np.float64]


def both_ways(
    s: Array, b: Array, t: Array, c: Array, *, efficiency: float | list[float], replicas: int
) -> list[PairedRatio]:
    """All replicas at once, and one by one: weights of one take the way of weighted jets."""
    return [
        paired_ratio(
            s,
            b,
            t,
            c,
            efficiency=efficiency,
            replicas=replicas,
            rng=np.random.default_rng(1),
            signal_weight=weight(s),
            background_weight=weight(b),
        )
        for weight in (lambda _: None, lambda scores: np.ones(scores.shape[-1]))
    ]


def taggers(rng: np.random.Generator, signal: int, background: int, seeds: int) -> list[Array]:
    """Signal and background of a, then of b, which see the same jets with noise."""
    s, b = rng.normal(1, 1, signal), rng.normal(0, 1, background)
    return [x + rng.normal(0, 0.3, (seeds, len(x))) for x in (s, b, s, b)]


class TestBothWays:
    @pytest.mark.parametrize("replicas", [2, 99, 100, 101, 230])
    def test_seeds_and_points(self, replicas: int) -> None:
        jets = taggers(np.random.default_rng(2), 500, 700, 3)
        at_once, by_one = both_ways(*jets, efficiency=[0.9, 0.3, 0.6, 1.0], replicas=replicas)
        np.testing.assert_array_equal(at_once, by_one)
        assert (at_once.error > 0).all()

    @given(
        signal=st.integers(1, 70),
        background=st.integers(1, 70),
        seeds=st.integers(1, 3),
        levels=st.sampled_from([0.0, 1.0, 3.0, 1e6]),
        efficiency=st.one_of(
            st.floats(0.001, 1), st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.7, 1.0]), min_size=1)
        ),
        seed=st.integers(0, 99),
    )
    @settings(max_examples=150, deadline=None)
    def test_ties_tiny_samples_and_nothing_passing(
        self,
        signal: int,
        background: int,
        seeds: int,
        levels: float,
        efficiency: float | list[float],
        seed: int,
    ) -> None:
        jets = taggers(np.random.default_rng(seed), signal, background, seeds)
        tied = [np.round(one * levels) for one in jets]
        at_once, by_one = both_ways(*tied, efficiency=efficiency, replicas=7)
        np.testing.assert_array_equal(at_once, by_one)
        assert np.shape(at_once.ratio) == np.shape(at_once.error) == np.shape(efficiency)

    def test_infinite_scores_and_ratios(self) -> None:
        s = np.array([np.inf, 3, 2, 1, 0, -np.inf, -np.inf, 2, 2, 5])
        b = np.array([-np.inf] * 8 + [2.0, np.inf])
        at_once, by_one = both_ways(s, b, s, -b, efficiency=[0.2, 0.6, 1.0], replicas=300)
        np.testing.assert_array_equal(at_once, by_one)
        assert math.isinf(at_once.error[0])
        assert (at_once.low[2], at_once.high[2]) == (1, 1)  # everything passes, in most replicas


class TestRejections:
    def test_the_same_draws_give_the_same_rejections(self) -> None:
        rng = np.random.default_rng(3)
        s, b = rng.normal(1, 1, 400).round(1), rng.normal(0, 1, 300).round(2)
        one, wanted = rank(s, b), np.array([0.7, 0.2, 0.004])
        signal, background = draw([400, 300], 20, rng)
        found = rejections(one, wanted, signal, background)
        for replica in range(20):
            reached = share(one.signal, one.signal_above, signal[:, replica].astype(float))
            cut = nearest_cut(reached, wanted)
            kept = s[:, None] >= one.threshold[cut], b[:, None] >= one.threshold[cut]
            passing = background[:, replica] @ kept[1].astype(int)
            with np.errstate(divide="ignore"):
                np.testing.assert_allclose(found[:, replica], 300 / passing, rtol=1e-14)

    @pytest.mark.parametrize(("jets", "share_passing"), [(10, 0.5), (400, 0.1), (400, 0.5)])
    def test_a_fixed_cut_counts_binomially(self, jets: int, share_passing: float) -> None:
        """All signal has one score, so the cut stays; b lets everything pass, a the share."""
        s, b = np.ones(50), np.where(np.arange(jets) < share_passing * jets, 1.0, 0.0)
        found = rejections(rank(s, b), np.array([0.7]), *draw([50, jets], 4000, self.rng()))
        passing = jets / found[0]
        spread = math.sqrt(jets * share_passing * (1 - share_passing))
        assert np.mean(passing) == pytest.approx(
            jets * share_passing, abs=4 * spread / math.sqrt(4000)
        )
        assert np.std(passing) == pytest.approx(spread, rel=4 / math.sqrt(2 * 4000))

    def test_error_of_a_ratio_at_a_fixed_cut(self) -> None:
        s, b = np.ones(50), np.where(np.arange(2000) < 500, 1.0, 0.0)
        found = paired_ratio(s, b, s, b * 0 + 1, efficiency=0.7, replicas=4000, rng=self.rng())
        assert found.ratio == 4
        relative = math.sqrt((1 - 0.25) / (2000 * 0.25))
        assert found.error == pytest.approx(4 * relative, rel=0.05)
        assert found.low == pytest.approx(4 * (1 - relative), rel=0.005)
        assert found.high == pytest.approx(4 * (1 + relative), rel=0.005)

    @staticmethod
    def rng() -> np.random.Generator:
        return np.random.default_rng(4)


class TestDraws:
    def test_each_replica_draws_as_many_jets_as_there_are(self) -> None:
        signal, background = draw([33, 700], 12, np.random.default_rng(5))
        assert (signal.shape, background.shape) == ((33, 12), (700, 12))
        assert (signal.sum(axis=0) == 33).all()
        assert (background.sum(axis=0) == 700).all()

    def test_kinds_take_turns_with_the_generator(self) -> None:
        signal, background = draw([33, 700], 2, np.random.default_rng(5))
        rng = np.random.default_rng(5)
        for replica in range(2):
            np.testing.assert_array_equal(signal[:, replica], resample(33, rng))
            np.testing.assert_array_equal(background[:, replica], resample(700, rng))


class TestRanked:
    @pytest.mark.parametrize("jets", [1, 31, 32, 33, 64, 200])
    def test_counts_from_the_best_jet_on(self, jets: int) -> None:
        rng = np.random.default_rng(jets)
        (draws,) = draw([jets], 5, rng)
        order = rng.permutation(jets)
        ranked, best = in_rank(draws, order), np.cumsum(draws[order].astype(int), axis=0)
        for number in range(jets + 1):
            asked = np.full((1, 5), number)
            expected = best[number - 1] if number else np.zeros(5)
            np.testing.assert_array_equal(ranked.best(asked)[0], expected)
            if number:
                fewest = [int(np.argmax(one >= number)) + 1 for one in best.T]
                np.testing.assert_array_equal(ranked.until(asked)[0], fewest)

    def test_jets_left_out_of_the_order(self) -> None:
        (draws,) = draw([50], 3, np.random.default_rng(6))
        for kept in ([], [7], range(40)):
            order = np.array(kept, dtype=np.intp)
            counted = in_rank(draws, order).best(np.full((1, 3), len(order)))
            np.testing.assert_array_equal(counted[0], draws[order].sum(axis=0))
