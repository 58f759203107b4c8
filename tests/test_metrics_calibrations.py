"""Calibration against a tagger that is right by construction, and a slow twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import calibration, wilson


def test_a_calibrated_tagger():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=200_000)
    found = calibration(p, rng.uniform(size=200_000) < p)
    np.testing.assert_allclose(found.predicted, np.arange(0.05, 1, 0.1), atol=2e-3)
    np.testing.assert_allclose(found.observed, found.predicted, atol=0.012)
    assert found.expected_error < 5e-3
    assert found.jets.sum() == 200_000


def test_a_tagger_that_is_too_sure():
    """All jets get 0.9, half are of the class: the error is 0.4."""
    found = calibration(np.full(400, 0.9), np.arange(400) % 2)
    assert found.expected_error == pytest.approx(0.4)
    assert found.observed[8] == 0.5  # 0.9 is the upper edge of (0.8, 0.9]
    assert (found.observed_low[8], found.observed_high[8]) == wilson(0.5, 400)


@given(st.data())
def test_slow_twin(data):
    jets, bins = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 6))
    p = data.draw(arrays(np.float64, jets, elements=st.integers(0, 12).map(lambda i: i / 12)))
    truth = data.draw(arrays(np.bool_, jets))
    w = data.draw(
        arrays(np.float64, jets, elements=st.sampled_from([0.0, 1.0, 2.5])).filter(np.any)
    )
    found = calibration(p, truth, bins=bins, weight=w)
    error = 0.0
    for place, (low, high) in enumerate(zip(found.low, found.high)):
        inside = (p <= high) & ((p > low) | (place == 0)) & (w > 0)
        assert found.jets[place] == inside.sum()
        if not inside.any():
            assert np.isnan([one[place] for one in found[2:6]]).all()
            continue
        total = math.fsum(w[inside])
        predicted = math.fsum((w * p)[inside]) / total
        observed = math.fsum((w * truth)[inside]) / total
        assert found.predicted[place] == pytest.approx(predicted)
        assert found.observed[place] == pytest.approx(observed)
        ends = wilson(observed, total**2 / math.fsum((w**2)[inside]))
        assert found.observed_low[place] == pytest.approx(ends.low)
        assert found.observed_high[place] == pytest.approx(ends.high)
        error += abs(predicted - observed) * total / math.fsum(w)
    assert found.expected_error == pytest.approx(error)


def test_rounding_beyond_one_is_cut():
    found = calibration([1 + 1e-7, -1e-7], [True, False], bins=2)
    assert (found.predicted.tolist(), found.jets.tolist()) == ([0, 1], [1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": [0.5, math.nan]}, "1 of 2 jets have a probability that is not a number"),
        ({"probability": [0.5, 1.1]}, r"probabilities lie within \[0, 1\], found 0.5 to 1.1"),
        ({"probability": [0.5, math.inf]}, r"probabilities lie within \[0, 1\], found 0.5 to inf"),
        ({"probability": [0.5]}, r"one probability and one truth, found shapes \(1,\), \(2,\)"),
        ({"probability": [], "truth": []}, "no jets to calibrate probabilities with"),
        ({"truth": [0, 2]}, "the flag 'truth' is yes or no"),
        ({"bins": 0}, "at least 1 bin, found 0"),
        ({"weight": [1.0, -1.0]}, "weights of jets must be finite and not negative"),
        ({"weight": [0.0, 0.0]}, "weights of jets sum to zero"),
    ],
)
def test_impossible_input(change, message):
    with pytest.raises(FtagPruneError, match=message):
        calibration(**({"probability": [0.5, 0.6], "truth": [0, 1]} | change))
