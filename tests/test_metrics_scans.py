"""The scan of fractions against one discriminant after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ftag_prune.errors import FtagPruneError
from ftag_prune.flavours import TASKS
from ftag_prune.metrics import discriminant, rejection, scan_fractions

TASK = TASKS["single_b"]


def made_up(jets=2_000, seed=0):
    """Probabilities of a tagger that knows something, and the classes."""
    rng = np.random.default_rng(seed)
    label = rng.integers(4, size=jets)
    logits = rng.normal(size=(jets, 4))
    logits[np.arange(jets), label] += 1.5
    weight = np.exp(logits)
    return weight / weight.sum(axis=1, keepdims=True), label


@pytest.mark.parametrize("weighted", [False, True])
def test_each_point_is_the_rejection_of_its_discriminant(weighted):
    p, label = made_up()
    w = np.random.default_rng(1).integers(0, 4, len(label)) if weighted else np.ones(len(label))
    found = scan_fractions(
        p, label, TASK, signal="c", efficiency=0.6, step=0.25, weight=w if weighted else None
    )
    assert found.backgrounds == ("b", "u", "tau")
    assert len(found.fractions) == 15  # 4 parts among 3 backgrounds
    for fractions, rejections, efficiency in zip(
        found.fractions, found.rejections, found.efficiency
    ):
        mixture = dict(zip(found.backgrounds, fractions))
        value = discriminant(p, TASK, signal="c", fractions=mixture)
        for name, one in zip(found.backgrounds, rejections):
            kind = label == TASK.classes.index(name)
            alone = rejection(
                value[label == 1],
                value[kind],
                efficiency=0.6,
                signal_weight=w[label == 1],
                background_weight=w[kind],
            )
            assert one == pytest.approx(alone.value)
            assert efficiency == pytest.approx(alone.efficiency)
    np.testing.assert_allclose(found.mean, np.prod(found.rejections, axis=1) ** (1 / 3))
    best = found.fractions[np.argmax(found.mean)]
    assert list(found.best.values()) == best.tolist()


@pytest.mark.parametrize(("step", "points"), [(0.05, 231), (0.1, 66), (1.0, 3), (1 / 3, 10)])
def test_the_grid_holds_every_mixture_once(step, points):
    p, label = made_up(200)
    found = scan_fractions(p, label, TASK, signal="b", efficiency=0.7, step=step)
    np.testing.assert_allclose(found.fractions.sum(axis=1), 1)
    assert len(np.unique(found.fractions.round(9), axis=0)) == len(found.fractions) == points


def test_a_background_that_is_never_like_the_signal_needs_no_fraction():
    """b against c and u, no jet is ever probably tau: its fraction takes from those that count."""
    rng = np.random.default_rng(2)
    p, label = made_up(8_000, seed=3)
    taus = label == 3
    p[taus] = rng.dirichlet([1, 1, 1, 5000], taus.sum())
    p[~taus, 3] *= 1e-9
    p[~taus] /= p[~taus].sum(axis=1, keepdims=True)
    found = scan_fractions(p, label, TASK, signal="b", efficiency=0.7, step=0.1)
    assert found.best["tau"] <= 0.2
    assert found.best["c"] == pytest.approx(0.5, abs=0.25)
    assert found.rejections[:, 2].max() == math.inf


def test_where_nothing_passes_half_a_jet_does():
    p = np.eye(4)[[0, 1, 2, 3]] * 0.96 + 0.01
    found = scan_fractions(p, [0, 1, 2, 3], TASK, signal="b", efficiency=1.0, step=1.0)
    assert (found.rejections == math.inf).all()
    np.testing.assert_allclose(found.mean, 2)
    assert found.best == {"c": 0.0, "u": 0.0, "tau": 1.0}  # the first of equal ones


def test_two_classes_have_one_mixture():
    p, label = made_up()
    two = TASK.among(["b", "u"])
    kept = (label == 0) | (label == 2)
    found = scan_fractions(p[kept][:, [0, 2]], label[kept] // 2, two, signal="b", efficiency=0.7)
    assert found.best == {"u": 1.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"step": 0.3}, "a step that divides 1, found 0.3"),
        ({"step": 0.0}, "a step that divides 1, found 0"),
        ({"signal": "hbb"}, "signal 'hbb' is no class of task 'single_b'"),
        ({"label": [0, 1, 2, 2]}, "no jets of class 'tau' to scan fractions with"),
        ({"label": [1, 1, 2, 3]}, "no jets of class 'b' to scan fractions with"),
        ({"probabilities": np.full((4, 4), np.nan)}, "4 of 4 jets have a probability that is not"),
        ({"probabilities": np.full((4, 3), 0.3)}, r"need the shape \(jets, 4\) of its classes"),
        ({"probabilities": np.full((4, 4), 1.5)}, r"lie within \[0, 1\], found 1.5 to 1.5"),
        ({"efficiency": 2.0}, "signal efficiency 2 is not within"),
        ({"weight": [1.0, 1.0, 1.0, -1.0]}, "weights of jets must be finite and not negative"),
    ],
)
def test_impossible_input(change, message):
    usual = {
        "probabilities": np.full((4, 4), 0.25),
        "label": [0, 1, 2, 3],
        "task": TASK,
        "signal": "b",
        "efficiency": 0.7,
    }
    with pytest.raises(FtagPruneError, match=message):
        scan_fractions(**(usual | change))
