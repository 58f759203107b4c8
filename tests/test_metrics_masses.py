"""Mass sculpting against divergences that are known, and its errors against toys."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import sculpting

EDGES = np.linspace(50, 200, 7)


def known(before, after):
    """Jensen-Shannon divergence in bits, term by term."""
    total = 0.0
    for p, q in zip(before, after):
        for one in (p, q):
            if one > 0:
                total += one * math.log2(2 * one / (p + q)) / 2
    return total


def seed():
    return np.random.default_rng(4)


@pytest.mark.parametrize("weighted", [False, True])
def test_by_hand(weighted):
    """Four jets a bin, of which the lower bin loses three: 1/2, 1/2 becomes 1/5, 4/5."""
    mass = [60.0] * 4 + [80.0] * 4 + [300.0, 10.0]
    passed = [1, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    weight = [1.0] * 10
    if weighted:  # the same spectra with heavier and lighter jets, and one of no weight
        mass, passed = [60.0, 60.0, 80.0, 60.0], [True, False, True, True]
        weight = [1.0, 3.0, 4.0, 0.0]
    found = sculpting(
        mass,
        passed,
        edges=[50, 70, 90, 110],
        weight=weight if weighted else None,
        replicas=50,
        rng=seed(),
    )
    np.testing.assert_allclose(found.before, [0.5, 0.5, 0])
    np.testing.assert_allclose(found.after, [0.2, 0.8, 0])
    assert found.divergence == pytest.approx(known([0.5, 0.5], [0.2, 0.8]))


def test_a_cut_that_all_pass_sculpts_nothing():
    mass = seed().uniform(50, 200, 300)
    found = sculpting(mass, np.ones(300, bool), edges=EDGES, replicas=20, rng=seed())
    assert found.divergence == found.error == found.unsculpted == 0
    np.testing.assert_array_equal(found.before, found.after)
    np.testing.assert_array_equal(found.before_error, found.after_error)


def test_a_cut_on_one_mass_bin_is_far():
    mass = np.repeat([60.0, 80.0], [999, 1])
    found = sculpting(mass, mass > 70, edges=[50, 70, 90], replicas=20, rng=seed())
    assert found.divergence == pytest.approx(known([0.999, 0.001], [0, 1]))
    assert found.divergence > 0.99


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_the_spread_of_toys(weighted):
    rng = seed()
    toys = []
    for _ in range(120):
        mass = 50 + rng.exponential(60, 1_500)
        passed = rng.uniform(size=1_500) < np.clip((mass - 50) / 200, 0, 1)
        weight = rng.uniform(0.2, 2, 1_500) if weighted else None
        toys.append(sculpting(mass, passed, edges=EDGES, weight=weight, replicas=60, rng=rng))
    spread = np.std([one.divergence for one in toys])
    assert np.mean([one.error for one in toys]) == pytest.approx(spread, rel=0.25)
    for spectrum, error in (("before", "before_error"), ("after", "after_error")):
        spread = np.std([getattr(one, spectrum) for one in toys], axis=0)
        told = np.mean([getattr(one, error) for one in toys], axis=0)
        np.testing.assert_allclose(told, spread, rtol=0.25)


@pytest.mark.parametrize("weighted", [False, True])
def test_what_chance_alone_makes_differ(weighted):
    """Without sculpting, `unsculpted` is the mean of what is found, and near its expansion."""
    rng = seed()
    toys = []
    for _ in range(100):
        mass = rng.uniform(50, 200, 2_000)
        toys.append(
            sculpting(
                mass,
                rng.uniform(size=2_000) < 0.1,
                edges=EDGES,
                weight=np.ones(2_000) if weighted else None,
                replicas=30,
                rng=rng,
            )
        )
    chance = np.mean([one.unsculpted for one in toys])
    assert np.mean([one.divergence for one in toys]) == pytest.approx(chance, rel=0.2)
    assert chance == pytest.approx(5 / (8 * math.log(2)) * (1 / 200 - 1 / 2_000), rel=0.1)


def test_nothing_passes():
    found = sculpting([60.0, 70.0], [False, False], edges=EDGES, replicas=9, rng=seed())
    assert np.isnan([*found.after, *found.after_error]).all()
    assert np.isnan([found.divergence, found.error, found.unsculpted]).all()
    assert found.before.sum() == 1


def test_one_jet_passes_and_is_not_in_every_replica():
    found = sculpting(
        np.linspace(50, 200, 30), np.arange(30) == 3, edges=EDGES, replicas=50, rng=seed()
    )
    assert np.isfinite([*found.after_error, found.divergence, found.error]).all()


def test_the_same_seed_gives_the_same_errors():
    one, two = (
        sculpting(np.linspace(50, 200, 30), np.arange(30) > 9, edges=EDGES, replicas=9, rng=seed())
        for _ in range(2)
    )
    np.testing.assert_array_equal(np.hstack(one), np.hstack(two))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mass": [60.0, math.nan]}, "1 of 2 jets have a mass that is not finite"),
        ({"mass": [60.0]}, r"2 jets need as many values of mass, found shape \(1,\)"),
        ({"mass": [10.0, 20.0]}, "no jets with a mass from 50 to 200"),
        ({"mass": [], "passed": []}, "no jets with a mass from 50 to 200"),
        ({"passed": [0.5, 1.0]}, "the flag 'passed' is yes or no, found values other than 0 and 1"),
        ({"passed": [[True, True]]}, r"needs one flag 'passed', found shape \(1, 2\)"),
        ({"replicas": 1}, "at least 2 replicas, found 1"),
        ({"edges": [100, 50]}, "bins of mass need two edges or more, finite and rising"),
        ({"weight": [1.0, -0.5]}, "weights of jets must be finite and not negative"),
        ({"weight": [0.0, 0.0]}, "weights of jets sum to zero"),
        ({"weight": [1.0]}, r"2 jets need as many weights, found shape \(1,\)"),
    ],
)
def test_impossible_input(change, message):
    usual = {"mass": [60.0, 70.0], "passed": [True, False], "edges": EDGES, "replicas": 5}
    with pytest.raises(FtagPruneError, match=message):
        sculpting(**(usual | change), rng=seed())
