"""Learning rates over a training."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ftag_prune.rates import Cosine, HighToLow, OneRate, Rates, TwoRates, schedule


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


def test_high_becomes_low_when_pruning_has_started():
    rates = HighToLow(high=0.1, low=0.01, trigger=0.05)
    pruned = [0, 0.04, 0.05, 0.3, 0.0, 0.0]
    drawn = [pair.gates for pair in schedule(rates, lambda epoch: pruned[epoch], epochs=6)]
    assert drawn == [0.1, 0.1, 0.1, 0.01, 0.01, 0.01]
    assert rates.at(0.9) == (0.1, 0.1)


def test_high_to_low_refuses_to_rise():
    with pytest.raises(ValidationError, match=r"low \(1\) lies above high \(0\.1\)"):
        HighToLow(high=0.1, low=1)


def test_cosine_takes_the_gates_along():
    rates = Cosine(weights=0.1, gates=0.5, floor=0.2)
    assert rates.at(0.0) == (0.1, 0.5)
    assert rates.at(0.5) == pytest.approx((0.06, 0.3))
    assert rates.at(1.0) == pytest.approx((0.02, 0.1))


def test_cosine_of_two_cycles_starts_again_in_the_middle():
    rates = Cosine(weights=0.1, gates=0.5, floor=0.2, cycles=2)
    assert rates.at(0.25) == pytest.approx((0.06, 0.3))
    assert rates.at(0.4999).gates == pytest.approx(0.1, rel=1e-3)
    assert rates.at(0.5) == (0.1, 0.5)
    assert rates.at(1.0) == pytest.approx((0.02, 0.1))


@given(progress=st.floats(0, 1))
def test_one_cycle_of_equal_rates_is_one_rate(progress):
    assert Cosine(weights=0.1, gates=0.1).at(progress) == OneRate(rate=0.1).at(progress)


def test_a_schedule_has_the_rates_at_the_beginning_of_each_epoch():
    drawn = schedule(TwoRates(weights=0.1, gates=0.5, floor=0), epochs=2)
    assert drawn == [(0.1, 0.5), (pytest.approx(0.05), 0.5)]


def test_the_spec_of_the_first_rates_has_not_changed():
    """What a run's identity is made of: another key, and finished runs are trained again."""
    one = {"decay": "cosine", "floor": 0.01, "kind": "one_rate", "rate": 0.001}
    two = {"decay": "cosine", "floor": 0.01, "kind": "two_rates", "weights": 0.002, "gates": 0.05}
    assert list(OneRate().model_dump().items()) == list(one.items())
    assert list(TwoRates().model_dump().items()) == list(two.items())


@pytest.mark.parametrize("kind", ["one_rate", "two_rates", "high_to_low", "cosine"])
def test_the_kind_chooses(kind):
    assert TypeAdapter(Rates).validate_python({"kind": kind}).kind == kind
