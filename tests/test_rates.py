"""Learning rates over a training."""

import pytest

from ftag_prune.rates import OneRate, TwoRates


def test_one_rate_is_the_same_for_both():
    rates = OneRate(rate=0.1, decay="cosine", floor=0.2).at(0.5)
    assert rates.weights == rates.gates == pytest.approx(0.1 * (0.2 + 0.8 * 0.5))


def test_two_rates_leave_the_gates_alone():
    rates = TwoRates(weights=0.1, gates=0.5, floor=0.01)
    assert rates.at(0.0) == (0.1, 0.5)
    assert rates.at(1.0).weights == pytest.approx(0.001)
    assert rates.at(1.0).gates == 0.5


def test_without_decay_nothing_falls():
    assert OneRate(rate=0.3, decay="none").at(0.9) == (0.3, 0.3)
