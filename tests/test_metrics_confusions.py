"""The confusion matrix by hand and by a slow twin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import confusion, wilson


def test_by_hand():
    p = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2], [0.9, 0.1, 0.0]]
    found = confusion(p, [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(found.counts, [[1, 1, 0], [2, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(found.shares[:2], [[0.5, 0.5, 0], [2 / 3, 1 / 3, 0]])
    assert np.isnan([found.shares[2], found.errors[2], found.low[2], found.high[2]]).all()
    low, high = wilson(2 / 3, 3)
    assert (found.low[1, 0], found.high[1, 0]) == pytest.approx((low, high))
    assert found.errors[1, 0] == pytest.approx((high - low) / 2)
    assert found.errors[0, 2] > 0  # that none is found is no certainty


def test_all_equal_probabilities_are_the_first_class():
    found = confusion(np.full((8, 4), 0.25), np.repeat(range(4), 2))
    np.testing.assert_array_equal(found.shares, np.eye(4)[[0, 0, 0, 0]])


@given(st.data())
def test_slow_twin(data):
    jets, classes = data.draw(st.integers(1, 15)), data.draw(st.integers(1, 4))
    p = data.draw(arrays(np.float32, (jets, classes), elements=st.sampled_from([0.0, 0.25, 0.5])))
    label = data.draw(arrays(np.int64, jets, elements=st.integers(0, classes - 1)))
    w = data.draw(
        arrays(np.float64, jets, elements=st.sampled_from([0.0, 1.0, 2.0])).filter(np.any)
    )
    found = confusion(p, label, weight=w)
    table, counts = np.zeros((classes, classes)), np.zeros((classes, classes))
    for row, true, weight in zip(p.tolist(), label, w):
        table[true, row.index(max(row))] += weight
        counts[true, row.index(max(row))] += weight > 0
    np.testing.assert_array_equal(found.counts, counts)
    for true in range(classes):
        if table[true].any():
            np.testing.assert_allclose(found.shares[true], table[true] / table[true].sum())
        else:
            assert np.isnan(found.shares[true]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": [[0.5, math.nan], [0.5, 0.5]]}, "1 of 2 jets have a probability that"),
        ({"probabilities": [0.5, 0.5]}, r"need the shape \(jets, classes\), found \(2,\)"),
        ({"probabilities": np.empty((0, 3)), "label": []}, r"need the shape .*, found \(0, 3\)"),
        ({"label": [0, 2]}, "labels of jets number 2 columns from 0, found 0 to 2"),
        ({"label": [-1, 1]}, "labels of jets number 2 columns from 0, found -1 to 1"),
        ({"label": [0.5, 1.0]}, "labels of jets are whole numbers"),
        ({"weight": [-1.0, 1.0]}, "weights of jets must be finite and not negative"),
        ({"weight": [0.0, 0.0]}, "weights of jets sum to zero"),
    ],
)
def test_impossible_input(change, message):
    usual = {"probabilities": [[0.5, 0.5], [0.2, 0.8]], "label": [0, 1]}
    with pytest.raises(FtagPruneError, match=message):
        confusion(**(usual | change))
