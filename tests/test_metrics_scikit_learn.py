"""The same arrays through scikit-learn: where we agree, and where it is known to be wrong or mute.

Each test of the second kind shows both answers; if one fails after an update, scikit-learn has been
repaired, and the test can go.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import confusion_matrix, roc_auc_score, roc_curve

from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import TASKS
from ftag_prune.metrics import auc, calibration, confusion, discriminant, roc

TASK = TASKS["single_b"]
CLOSE = {"rtol": 1e-6, "atol": 0}


def made_up(jets=20_001, decimals=None):
    """Probabilities of a tagger that knows something, classes, weights."""
    rng = np.random.default_rng(12)
    label = rng.integers(4, size=jets)
    logits = rng.normal(size=(jets, 4))
    logits[np.arange(jets), label] += 1.5
    if decimals is not None:
        logits = logits.round(decimals)
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True), label, rng.exponential(size=jets)


def scores(decimals=None):
    """Discriminants of b-jets and light jets, without and with ties, and weights."""
    p, label, weight = made_up()
    value = discriminant(p, TASK, signal="b")
    value = value if decimals is None else value.round(decimals)
    return value[label == 0], value[label == 2], weight[label == 0], weight[label == 2]


def together(signal, background):
    """Truth and scores as scikit-learn wants them."""
    return np.repeat([1, 0], [len(signal), len(background)]), np.concatenate([signal, background])


@pytest.mark.parametrize("decimals", [None, 1, 0, -2], ids="{} decimals".format)
@pytest.mark.parametrize("weighted", [False, True])
def test_area(decimals, weighted):
    signal, background, w, v = scores(decimals)
    weights = {"signal_weight": w, "background_weight": v} if weighted else {}
    theirs = roc_auc_score(
        *together(signal, background),
        sample_weight=np.concatenate([w, v]) if weighted else None,
    )
    ours = auc(signal, background, **weights).value
    np.testing.assert_allclose(ours, theirs, **CLOSE)


@pytest.mark.parametrize("decimals", [None, 1], ids="{} decimals".format)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_working_point_lies_on_their_curve(decimals, weighted):
    signal, background, w, v = scores(decimals)
    weights = {"signal_weight": w, "background_weight": v} if weighted else {}
    wrong, right, cuts = roc_curve(
        *together(signal, background),
        sample_weight=np.concatenate([w, v]) if weighted else None,
        drop_intermediate=False,
    )
    ours = roc(signal, background, efficiencies=np.linspace(0.3, 1, 71), **weights)
    place = np.searchsorted(-cuts, -ours.threshold)
    np.testing.assert_array_equal(cuts[place], ours.threshold)
    np.testing.assert_allclose(ours.efficiency, right[place], **CLOSE)
    np.testing.assert_allclose(ours.rejection, 1 / wrong[place], **CLOSE)


@pytest.mark.parametrize("weighted", [False, True])
def test_confusion(weighted):
    p, label, weight = made_up(decimals=0)  # many equally probable classes
    weight = weight if weighted else None
    theirs = confusion_matrix(
        label, p.argmax(axis=1), sample_weight=weight, normalize="true", labels=range(4)
    )
    np.testing.assert_allclose(confusion(p, label, weight=weight).shares, theirs, **CLOSE)
    counts = confusion_matrix(label, p.argmax(axis=1), labels=range(4))
    np.testing.assert_array_equal(confusion(p, label, weight=weight).counts, counts)


@pytest.mark.parametrize("decimals", [None, 1], ids="{} decimals".format)
def test_calibration(decimals):
    p, label, _ = made_up()
    probability = p[:, 0] if decimals is None else p[:, 0].round(decimals)
    observed, predicted = calibration_curve(label == 0, probability, n_bins=10)
    ours = calibration(probability, label == 0)
    some = ours.jets > 0
    np.testing.assert_allclose(ours.observed[some], observed, **CLOSE)
    np.testing.assert_allclose(ours.predicted[some], predicted, **CLOSE)


def test_an_empty_class_has_an_area_that_is_nan():
    with pytest.warns(UndefinedMetricWarning):
        assert math.isnan(roc_auc_score([1, 1], [0.2, 0.3]))
    with pytest.raises(FtagPruneError, match="no background jets to measure"):
        auc([0.2, 0.3], [])


@pytest.mark.filterwarnings("ignore:invalid value")
def test_infinite_scores_are_refused_and_have_an_order_here():
    with pytest.raises(ValueError, match="infinity"):
        roc_auc_score([1, 1, 0, 0], [np.inf, 1.0, 0.0, -np.inf])
    assert auc([np.inf, 1.0], [0.0, -np.inf]).value == 1


def test_a_class_without_jets_is_confused_with_nothing_there_and_unknown_here():
    p = np.eye(3)[[0, 1, 1]]
    theirs = confusion_matrix([0, 0, 1], p.argmax(axis=1), labels=range(3), normalize="true")
    np.testing.assert_array_equal(theirs[2], [0, 0, 0])
    assert np.isnan(confusion(p, [0, 0, 1]).shares[2]).all()


def test_bins_without_jets_disappear_there_and_keep_their_place_here():
    probability, truth = [0.05, 0.95, 0.97], [0, 1, 1]
    theirs, _ = calibration_curve(truth, probability, n_bins=10)
    assert theirs.tolist() == [0, 1]
    ours = calibration(probability, truth)
    assert (ours.observed[0], ours.observed[9], len(ours.observed)) == (0, 1, 10)


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_probability_that_is_nan_is_counted_there_and_refused_here():
    probability, truth = [0.05, 0.95, math.nan], [0, 1, 0]
    observed, predicted = calibration_curve(truth, probability, n_bins=10)
    assert observed.tolist() == [0, 0.5]  # in the last bin
    assert math.isnan(predicted[1])
    with pytest.raises(FtagPruneError, match="1 of 3 jets have a probability that is not a"):
        calibration(probability, truth)
