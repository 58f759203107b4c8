"""Areas under ROC curves against exact ones, all pairs, and toys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_metrics import NORMAL, gaussian_jets

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import auc

FEW = st.sampled_from([-math.inf, -1.0, 0.0, 1.0, 2.0, math.inf])


def all_pairs(signal, background, w, v):
    """Plain twin: (area, error), each pair of jets looked at."""
    w, v = w / w.sum(), v / v.sum()
    wins = np.array([[(s > b) + (s == b) / 2 for b in background] for s in signal])
    area = float(w @ wins @ v)
    if 1 in (np.count_nonzero(w), np.count_nonzero(v)):
        return area, math.nan
    of_signal = math.fsum((w * (wins @ v - area)) ** 2) / (1 - math.fsum(w**2))
    of_background = math.fsum((v * (w @ wins - area)) ** 2) / (1 - math.fsum(v**2))
    return area, math.sqrt(of_signal + of_background)


@pytest.mark.parametrize("separation", [-0.5, 0.0, 1.0, 2.5])
def test_gaussian(separation):
    found = auc(gaussian_jets(3_000, separation), gaussian_jets(5_000, 0))
    assert found.value == pytest.approx(NORMAL.cdf(separation / math.sqrt(2)), abs=1e-5)


@given(st.data())
def test_all_pairs(data):
    signal, background = (
        data.draw(arrays(np.float64, data.draw(st.integers(1, 9)), elements=FEW)) for _ in range(2)
    )
    weight = st.sampled_from([0.0, 1.0, 2.0, 5.0])
    w, v = (
        data.draw(arrays(np.float64, len(x), elements=weight).filter(np.any))
        for x in (signal, background)
    )
    found = auc(signal, background, signal_weight=w, background_weight=v)
    np.testing.assert_allclose(found, all_pairs(signal, background, w, v), atol=1e-12)


def test_equal_weights_change_nothing():
    s, b = (np.random.default_rng(seed).normal(size=50).round(1) for seed in range(2))
    weighted = auc(s, b, signal_weight=np.full(50, 1e-200), background_weight=np.full(50, 1e200))
    np.testing.assert_allclose(weighted, auc(s, b), rtol=1e-12)


def test_the_error_is_the_spread_of_toys():
    rng = np.random.default_rng(5)
    toys = [auc(rng.normal(1, 1, 150), rng.normal(0, 1, 400)) for _ in range(400)]
    values, errors = np.transpose(toys)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.1)
    assert np.mean(values) == pytest.approx(NORMAL.cdf(1 / math.sqrt(2)), abs=0.004)


def test_the_error_with_weights_is_the_spread_of_toys():
    rng = np.random.default_rng(6)
    toys = [
        auc(
            rng.normal(1, 1, 150),
            rng.normal(0, 1, 400),
            signal_weight=rng.exponential(size=150),
            background_weight=rng.exponential(size=400),
        )
        for _ in range(400)
    ]
    values, errors = np.transpose(toys)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.1)


def test_constant_and_perfect_scores():
    assert auc(np.zeros(9), np.zeros(5)) == (0.5, 0.0)
    assert auc(np.ones(9), np.zeros(5)) == (1.0, 0.0)
    assert auc(np.full(9, np.inf), np.full(5, np.inf)) == (0.5, 0.0)


def test_a_single_jet_has_no_error():
    assert auc([1.0], [0.0, 0.5])[0] == 1
    assert math.isnan(auc([1.0], [0.0, 0.5]).error)
    assert math.isnan(auc([1.0, 2.0], [0.0, 0.5], signal_weight=[1.0, 1e-200]).error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"signal": []}, "no signal jets to measure"),
        ({"background": []}, "no background jets to measure"),
        ({"signal": [1.0, math.nan]}, "1 of 2 signal jets have a score that is not a number"),
        ({"signal_weight": [1.0, -1.0]}, "weights of signal jets must be finite and not negative"),
        ({"background_weight": [0.0]}, "weights of background jets sum to zero"),
    ],
)
def test_impossible_input(change, message):
    with pytest.raises(FtagPruneError, match=message):
        auc(**({"signal": [1.0, 2.0], "background": [0.0]} | change))
