"""Wilson's interval against its definition and by toys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftag_prune.metrics import wilson


@given(st.integers(1, 10**6), st.floats(0, 1), st.floats(0.1, 5))
def test_its_ends_are_so_many_sigmas_away(jets, share, sigmas):
    for end in wilson(share, jets, sigmas=sigmas):
        away = abs(share - end) - sigmas * math.sqrt(max(end * (1 - end), 0) / jets)
        assert away == pytest.approx(0, abs=1e-7)


@given(st.integers(0, 50), st.integers(1, 50))
def test_it_holds_the_share_within_zero_and_one(passing, jets):
    low, high = wilson(min(passing, jets) / jets, jets)
    assert 0 <= low <= min(passing, jets) / jets <= high <= 1
    assert low < high


def test_by_hand():
    low, high = wilson([0.0, 1.0, 0.5], [9, 9, 4])
    np.testing.assert_allclose(low, [0, 0.9, 0.5 - math.sqrt(0.05)])
    np.testing.assert_allclose(high, [0.1, 1, 0.5 + math.sqrt(0.05)])


@pytest.mark.parametrize("share", [1e-9, 1e-30, 1e-100])
def test_a_tiny_share_of_few_jets_keeps_its_digits(share):
    assert wilson(share, 100).low == pytest.approx(100 * share**2, rel=1e-5)


def test_without_jets_nothing_is_known():
    low, high = wilson([np.nan, 0.0], [0, 0])
    assert np.isnan([*low, *high]).all()


def test_coverage_averaged_over_shares():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0, 1, 20_000)
    low, high = wilson(rng.binomial(12, truth) / 12, 12)
    assert np.mean((low <= truth) & (truth <= high)) == pytest.approx(0.683, abs=0.015)
