"""McNemar's test by counting, and equivalence by margins that are known."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_metrics import NORMAL

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import equivalence, mcnemar


def flags(only_a, only_b, both=3, neither=2):
    """What passes a and b."""
    a = [1] * only_a + [0] * only_b + [1] * both + [0] * neither
    b = [0] * only_a + [1] * only_b + [1] * both + [0] * neither
    return a, b


class TestMcNemar:
    @given(st.integers(0, 40), st.integers(0, 40))
    def test_mid_p_in_fractions(self, only_a, only_b):
        found = mcnemar(*flags(only_a, only_b))
        n, k = only_a + only_b, min(only_a, only_b)
        exact = Fraction(2 * sum(math.comb(n, i) for i in range(k)) + math.comb(n, k), 2**n)
        assert found[:2] == (only_a, only_b)
        assert found.p_value == pytest.approx(float(min(exact, 1)), rel=1e-9)

    def test_nothing_differs(self):
        assert mcnemar(*flags(0, 0)) == (0, 0, 0.0, 1.0)
        assert mcnemar([], []) == (0, 0, 0.0, 1.0)

    def test_many_jets_go_over_to_chi_squared(self):
        exact = mcnemar(*flags(5_100, 4_900))
        gauss = mcnemar(*flags(5_101, 4_900))
        assert exact.statistic == 4.0
        assert exact.p_value == pytest.approx(2 * (1 - NORMAL.cdf(2)), rel=1e-3)
        assert gauss.p_value == pytest.approx(2 * NORMAL.cdf(-201 / math.sqrt(10_001)), rel=1e-9)

    def test_size_under_the_null_hypothesis(self):
        """Where both taggers are equally good, one in twenty tests is below 5 %."""
        rng = np.random.default_rng(7)
        low = 0
        for _ in range(1_000):
            truth = rng.normal(size=60)
            a, b = (truth + rng.normal(0, 0.7, 60) > 0 for _ in range(2))
            low += mcnemar(a, b).p_value < 0.05
        assert low / 1_000 == pytest.approx(0.05, abs=0.02)

    @pytest.mark.parametrize(
        ("passed", "message"),
        [
            (([1, 0], [1]), "the same jets for both taggers, found 2 and 1"),
            (([0.3], [1]), "the flag 'passed a' is yes or no"),
            (([1.0], [math.nan]), "the flag 'passed b' is yes or no"),
        ],
    )
    def test_impossible_input(self, passed, message):
        with pytest.raises(FtagPruneError, match=message):
            mcnemar(*passed)


class TestEquivalence:
    def test_by_hand(self):
        z = NORMAL.inv_cdf(0.95)
        found = equivalence(0.99, 0.02, within=0.05)
        assert (found.low, found.high) == pytest.approx((0.99 - z * 0.02, 0.99 + z * 0.02))
        assert found.equivalent
        assert found.not_worse
        assert found.sure
        assert found.jets_factor == pytest.approx((z * 0.02 / 0.04) ** 2)

    @given(st.floats(0.96, 1.04), st.floats(0.001, 0.5), st.floats(0.6, 0.999))
    def test_with_as_many_jets_as_it_says_the_verdict_turns(self, ratio, error, confidence):
        found = equivalence(ratio, error, within=0.05, confidence=confidence)
        for factor, turned in ((1.001, True), (0.999, False)):
            there = error / math.sqrt(found.jets_factor * factor)
            again = equivalence(ratio, there, within=0.05, confidence=confidence)
            assert again.equivalent is turned
            there = error / math.sqrt(found.jets_factor_not_worse * factor)
            again = equivalence(ratio, there, within=0.05, confidence=confidence)
            assert again.not_worse is turned
        assert found.equivalent is (found.jets_factor < 1)

    def test_better_is_not_worse_but_not_equivalent(self):
        found = equivalence(1.3, 0.01, within=0.05)
        assert (found.equivalent, found.sure, found.not_worse) == (False, True, True)
        assert found.jets_factor == math.inf
        assert found.jets_factor_not_worse < 1

    def test_worse(self):
        found = equivalence(0.8, 0.01, within=0.05)
        assert (found.equivalent, found.sure, found.not_worse) == (False, True, False)
        assert found.jets_factor == found.jets_factor_not_worse == math.inf

    def test_few_jets_leave_it_open(self):
        found = equivalence(1.0, 0.1, within=0.05)
        assert (found.equivalent, found.sure, found.not_worse) == (False, False, False)
        assert found.jets_factor == pytest.approx((NORMAL.inv_cdf(0.95) * 2) ** 2)

    def test_a_tagger_against_itself_needs_no_jets(self):
        found = equivalence(1.0, 0.0, within=0.01)
        assert found == (True, 1.0, 1.0, True, 0.0, True, 0.0)

    @pytest.mark.parametrize(
        ("ratio", "error"), [(math.inf, math.inf), (math.nan, 0.1), (1.0, math.inf)]
    )
    def test_where_nothing_passes_nothing_is_known(self, ratio, error):
        found = equivalence(ratio, error, within=0.05)
        assert found == (False, -math.inf, math.inf, False, math.inf, False, math.inf)

    def test_error_rate_of_the_claim(self):
        """A tagger at the very margin is called not worse in one of twenty samples."""
        rng = np.random.default_rng(8)
        claims = [
            equivalence(one, 0.02, within=0.05).not_worse for one in rng.normal(0.95, 0.02, 2_000)
        ]
        assert np.mean(claims) == pytest.approx(0.05, abs=0.015)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"within": 0.0}, r"margin of an equivalence lies within \(0, 1\), found 0"),
            ({"within": 5.0}, r"margin of an equivalence lies within \(0, 1\), found 5"),
            ({"confidence": 0.5}, r"confidence lies within \(0.5, 1\), found 0.5"),
            ({"error": -0.1}, "error of a ratio is not negative, found -0.1"),
        ],
    )
    def test_impossible_input(self, change, message):
        with pytest.raises(FtagPruneError, match=message):
            equivalence(**({"ratio": 1.0, "error": 0.1, "within": 0.05} | change))
