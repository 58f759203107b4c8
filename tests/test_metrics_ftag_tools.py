"""The same arrays through atlas-ftag-tools: where we agree, and where it is known to be wrong.

Each test of the second kind shows both answers; if one fails after an update, the tools have been
repaired, and the test can go.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import TASKS
from ftag_prune.metrics import discriminant, profile, rejection, roc, working_points

ftag = pytest.importorskip("ftag", reason="atlas-ftag-tools is not installed")
tools = pytest.importorskip("ftag.utils", reason="atlas-ftag-tools is not installed")

TASK = TASKS["single_b"]
CLOSE = {"rtol": 1e-6, "atol": 0}


def made_up(jets=20_001):
    """Probabilities of a tagger that knows something, classes, weights."""
    rng = np.random.default_rng(12)
    label = rng.integers(4, size=jets)
    logits = rng.normal(size=(jets, 4))
    logits[np.arange(jets), label] += 1.5
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), label, rng.exponential(size=jets)


def scores():
    """Discriminants of b-jets and light jets, and their weights."""
    p, label, weight = made_up()
    value = discriminant(p, TASK, signal="b")
    return value[label == 0], value[label == 2], weight[label == 0], weight[label == 2]


def table(p):
    """Scores as they read them from a file."""
    columns = [(f"ours_p{name}", "f8") for name in TASK.classes]
    return np.array([tuple(row) for row in p], dtype=columns)


def their_discriminant(p, fractions, **options):
    flavours = ftag.Flavours.by_category("single-btag")
    parts = {f"f{name}": part for name, part in fractions.items()}
    return tools.get_discriminant(
        table(p), "ours", ftag.Flavours["bjets"], flavours, parts, **options
    )


@pytest.mark.parametrize("fractions", [{"c": 0.2, "u": 0.79, "tau": 0.01}, {"c": 1.0}])
def test_discriminant(fractions):
    p, _, _ = made_up(2_000)
    whole = {"c": 0.0, "u": 0.0, "tau": 0.0} | fractions
    ours = discriminant(p, TASK, signal="b", fractions=fractions)
    np.testing.assert_allclose(ours, their_discriminant(p, whole), atol=1e-6)
    exact = their_discriminant(p, whole, epsilon=0)
    np.testing.assert_allclose(ours, exact, rtol=1e-12, atol=1e-12)


def test_rejections_at_cuts():
    signal, background, w, v = scores()
    for weights in ({}, {"signal_weight": w, "background_weight": v}):
        ours = roc(signal, background, efficiencies=np.linspace(0.3, 1, 71), **weights)
        theirs = tools.calculate_rejection(
            signal,
            background,
            cut_value=ours.threshold[::-1],
            bkg_weights=weights.get("background_weight"),
        )
        np.testing.assert_allclose(ours.rejection[::-1], theirs, **CLOSE)


def test_rejections_at_efficiencies():
    """Their cut lies between two signal jets: the same where no background jet does too."""
    signal, background, _, _ = scores()
    wanted = np.round(np.arange(0.5, 0.91, 0.05), 2)
    theirs, cuts = tools.calculate_rejection(
        signal, background, target_eff=wanted, return_cuts=True
    )
    ours = roc(signal, background, efficiencies=wanted)
    between = [
        np.count_nonzero((background >= min(pair)) & (background < max(pair)))
        for pair in zip(cuts, ours.threshold)
    ]
    np.testing.assert_allclose(1 / theirs, (ours.passing + between) / len(background), **CLOSE)
    same = np.array(between) == 0
    assert same.sum() >= 4
    np.testing.assert_allclose(ours.rejection[same], theirs[same], **CLOSE)


def test_error_of_a_rejection():
    signal, background, _, _ = scores()
    ours = roc(signal, background, efficiencies=[0.5, 0.7, 0.9])
    theirs = tools.calculate_rejection_error(ours.rejection, len(background))
    np.testing.assert_allclose(ours.background_error, theirs, **CLOSE)


def test_profile_at_a_fixed_cut():
    p, label, _ = made_up()
    value = discriminant(p, TASK, signal="b")
    pt = np.random.default_rng(13).uniform(20, 250, len(label))
    ours = profile(
        pt,
        value,
        label,
        signal=0,
        background=2,
        edges=[20, 50, 100, 250],
        efficiency=0.7,
        flat=False,
    )
    for place, (low, high) in enumerate(zip(ours.low, ours.high)):
        inside = (pt >= low) & (pt < high)
        theirs = tools.calculate_rejection(
            value[inside & (label == 0)],
            value[inside & (label == 2)],
            cut_value=ours.cut[place],
        )
        np.testing.assert_allclose(ours.rejection[place], theirs[0], **CLOSE)


def test_unsorted_working_points_come_back_in_the_wrong_order():
    signal, background, _, _ = scores()
    wanted = [0.7, 0.9, 0.8]
    one_by_one = [tools.calculate_rejection(signal, background, target_eff=one) for one in wanted]
    theirs = tools.calculate_rejection(signal, background, target_eff=wanted)
    np.testing.assert_array_equal(theirs, np.take(one_by_one, [2, 0, 1]))
    points = working_points(
        np.concatenate([signal, background]),
        np.repeat([0, 2], [len(signal), len(background)]),
        signal=0,
        backgrounds=[2],
        efficiencies=wanted,
    )
    ours = [one.rejections[0].value for one in points]
    np.testing.assert_allclose(ours, one_by_one, rtol=1e-2)  # their cuts lie between two jets


def test_unsorted_cuts_come_back_in_the_wrong_order():
    background = np.arange(10.0)
    theirs = tools.calculate_rejection(background, background, cut_value=[8.0, 0.0, 5.0])
    assert theirs.tolist() == [2, 5, 1]  # true: 5, 1, 2
    ours = roc(background, background, efficiencies=[0.2, 1.0, 0.5])
    assert ours.threshold.tolist() == [8, 0, 5]
    assert ours.rejection.tolist() == [5, 1, 2]


def test_with_ties_the_efficiency_is_another_one_and_not_told():
    """At 70 % they cut where 100 % pass; 67 % were to be had, and are told here."""
    signal, background = [1.0] * 33 + [2.0] * 67, [1.0] * 90 + [2.0] * 10
    theirs, cut = tools.calculate_rejection(
        np.array(signal), np.array(background), target_eff=0.7, return_cuts=True
    )
    assert (theirs, cut, np.mean(np.array(signal) >= cut)) == (1, 1, 1)
    ours = rejection(signal, background, efficiency=0.7)
    assert (ours.value, ours.efficiency, ours.threshold) == (10, 0.67, 2)


def test_constant_scores_are_said_to_have_any_efficiency():
    theirs = tools.calculate_rejection(np.zeros(50), np.zeros(80), target_eff=[0.5, 0.7])
    assert theirs.tolist() == [1, 1]  # and are drawn at 0.5 and 0.7
    ours = roc(np.zeros(50), np.zeros(80), efficiencies=[0.5, 0.7])
    assert (ours.rejection.tolist(), ours.efficiency.tolist()) == ([1, 1], [1, 1])


def test_signal_scores_that_are_nan_count_as_the_best():
    signal, background, _, _ = scores()
    with_nan = np.append(signal, np.full(len(signal), np.nan))
    theirs = [
        tools.calculate_rejection(one, background, target_eff=0.7) for one in (signal, with_nan)
    ]
    assert theirs[1] > 3 * theirs[0]  # twice the jets, none of them better: a better tagger
    with pytest.raises(FtagPruneError, match="signal jets have a score that is not a number"):
        rejection(with_nan, background, efficiency=0.7)


def test_background_scores_that_are_nan_are_left_out_unsaid():
    signal, background, _, _ = scores()
    with_nan = np.append(background, np.full(5 * len(background), np.nan))
    theirs = [
        tools.calculate_rejection(signal, one, target_eff=0.7) for one in (background, with_nan)
    ]
    assert theirs[0] == theirs[1]
    with pytest.raises(FtagPruneError, match="background jets have a score that is not a num"):
        rejection(signal, with_nan, efficiency=0.7)


def test_an_empty_signal_crashes():
    with pytest.raises(IndexError):
        tools.calculate_rejection(np.array([]), np.zeros(5), target_eff=0.7)
    with pytest.raises(FtagPruneError, match="no signal jets to measure"):
        rejection([], np.zeros(5), efficiency=0.7)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_an_empty_background_has_a_rejection_that_is_nan():
    theirs = tools.calculate_rejection(np.zeros(5), np.array([]), target_eff=0.7)
    assert math.isnan(theirs)
    with pytest.raises(FtagPruneError, match="no background jets to measure"):
        rejection(np.zeros(5), [], efficiency=0.7)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_where_nothing_passes_the_error_is_nan_and_there_is_no_limit():
    signal, background = np.ones(10), np.zeros(100)
    theirs = tools.calculate_rejection(signal, background, target_eff=[0.7])
    assert theirs == math.inf
    assert math.isnan(tools.calculate_rejection_error(theirs, 100)[0])
    ours = rejection(signal, background, efficiency=0.7)
    assert (ours.value, ours.high) == (math.inf, math.inf)
    assert ours.limit == pytest.approx(1 / (1 - 0.05 ** (1 / 100)))


def test_negative_weights_give_a_negative_rejection():
    signal, background, _, _ = scores()
    weight = np.where(background > 0, -1.0, 1.0)
    theirs = tools.calculate_rejection(signal, background, target_eff=0.7, bkg_weights=weight)
    assert theirs < 0
    with pytest.raises(FtagPruneError, match="weights of background jets must be finite and"):
        rejection(signal, background, efficiency=0.7, background_weight=weight)


def test_tiny_probabilities_lose_their_order():
    p = np.array([[1e-14, 0.5, 0.5, 0], [1e-18, 0.5, 0.5, 0]])
    theirs = their_discriminant(p, {"c": 0.2, "u": 0.79, "tau": 0.01})
    assert theirs[0] - theirs[1] < 1e-3
    ours = discriminant(p, TASK, signal="b")
    assert ours[0] - ours[1] == pytest.approx(math.log(1e4))
