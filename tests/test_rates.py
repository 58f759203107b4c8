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


# -- warm-up -------------------------------------------------------------------------------------

KINDS = [
    OneRate(rate=0.1),
    TwoRates(weights=0.1, gates=0.5),
    HighToLow(high=0.1, low=0.01),
    Cosine(weights=0.1, gates=0.5),
]


def warmed(rates, share):
    return type(rates)(**{**rates.model_dump(), "warm_up": share})


@pytest.mark.parametrize("rates", KINDS, ids=lambda one: one.kind)
def test_rates_of_every_kind_rise_from_zero_to_their_first(rates):
    warm = warmed(rates, 0.2)
    first = rates.at(0.0)
    assert warm.at(0.0) == (0, 0)
    assert warm.at(0.05) == pytest.approx((first.weights / 4, first.gates / 4))
    assert warm.at(0.2) == first


@pytest.mark.parametrize("rates", KINDS, ids=lambda one: one.kind)
@given(progress=st.floats(0, 1), share=st.floats(0.01, 0.9))
def test_after_the_warm_up_comes_the_whole_schedule(rates, progress, share):
    at = share + progress * (1 - share)
    assert warmed(rates, share).at(at) == pytest.approx(rates.at(progress), rel=1e-6, abs=1e-4)


@pytest.mark.parametrize("rates", KINDS, ids=lambda one: one.kind)
@given(progress=st.floats(0, 1))
def test_without_warm_up_the_rates_are_the_same_to_the_bit(rates, progress):
    assert warmed(rates, 0.0).at(progress) == rates.at(progress)
    assert rates.at(progress) == rates._once_warm(progress, 0.0)


def test_cosine_with_warm_up():
    """A tenth up, and half a cosine over the other nine: half way down at 0.55."""
    rates = Cosine(weights=0.1, gates=0.5, floor=0, warm_up=0.1)
    assert rates.at(0.55) == pytest.approx((0.05, 0.25))
    assert rates.at(1.0) == pytest.approx((0, 0))


def test_cycles_share_what_the_warm_up_leaves():
    rates = Cosine(weights=0.1, gates=0.5, floor=0, cycles=2, warm_up=0.2)
    assert rates.at(0.4) == pytest.approx((0.05, 0.25))
    assert rates.at(0.61) == pytest.approx((0.1, 0.5), rel=1e-2)


def test_a_warm_up_does_not_hide_that_pruning_has_started():
    assert HighToLow(high=0.1, low=0.01, warm_up=0.5).at(0.25, pruned=0.5).gates == 0.005


def test_a_warm_up_is_in_the_spec_only_if_there_is_one():
    """What a run's identity is made of."""
    assert "warm_up" not in Cosine().model_dump()
    warm = Cosine(warm_up=0.05)
    assert warm.model_dump()["warm_up"] == 0.05
    assert Cosine.model_validate_json(warm.model_dump_json()) == warm


@pytest.mark.parametrize("share", [-0.1, 1.0, 2])
def test_a_warm_up_ends_within_the_training(share):
    with pytest.raises(ValidationError, match="warm_up"):
        Cosine(warm_up=share)
