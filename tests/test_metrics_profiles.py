"""Profiles against the rejections of each bin's jets, and a tagger that depends on pt by design."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_metrics import exact_rejection, gaussian_jets

from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import profile, rejection, wilson

EDGES = [20.0, 50.0, 100.0, 250.0]


def better_with_pt(jets=20_000):
    """Three bins in which Gaussians are 1, 2 and 3 apart, the same signal everywhere."""
    pt, value, label = [], [], []
    for place, middle in enumerate((35.0, 75.0, 175.0)):
        pt.append(np.full(2 * jets, middle))
        value += [gaussian_jets(jets, 0.0), gaussian_jets(jets, -1.0 - place)]
        label.append(np.repeat([0, 2], jets))
    return np.concatenate(pt), np.concatenate(value), np.concatenate(label)


@pytest.mark.parametrize("flat", [False, True])
def test_gaussian(flat):
    found = profile(
        *better_with_pt(), signal=0, background=2, edges=EDGES, efficiency=0.7, flat=flat
    )
    np.testing.assert_allclose(found.efficiency, 0.7, atol=1e-3)
    expected = [exact_rejection(0.7, apart) for apart in (1, 2, 3)]
    np.testing.assert_allclose(found.rejection, expected, rtol=0.03)
    np.testing.assert_array_equal(found.low, EDGES[:-1])
    np.testing.assert_array_equal(found.high, EDGES[1:])
    np.testing.assert_array_equal(found.centre, [35, 75, 175])
    assert found.signal_jets.tolist() == found.background_jets.tolist() == [20_000] * 3


def test_one_cut_and_a_cut_for_each_bin():
    """Where the signal moves with pt, one cut has many efficiencies."""
    pt = np.repeat([35.0, 75.0], 2_000)
    value = np.concatenate([gaussian_jets(1_000, mean) for mean in (1.0, 0.0, 2.0, 0.0)])
    label = np.tile(np.repeat([0, 1], 1_000), 2)
    how = {"signal": 0, "background": 1, "edges": EDGES, "efficiency": 0.5}
    one, each = (profile(pt, value, label, flat=flat, **how) for flat in (False, True))
    assert one.cut[0] == one.cut[1] == pytest.approx(1.5, abs=0.01)
    assert one.rejection[0] == one.rejection[1]
    np.testing.assert_allclose(one.efficiency[:2], [0.309, 0.691], atol=2e-3)
    np.testing.assert_allclose(each.cut[:2], [1, 2], atol=0.01)
    np.testing.assert_allclose(each.efficiency[:2], 0.5, atol=1e-3)


@given(st.data())
def test_slow_twin(data):
    jets = data.draw(st.integers(2, 30))
    few = st.integers(0, 4).map(float)
    pt, value = (data.draw(arrays(np.float64, jets, elements=few)) for _ in range(2))
    label = data.draw(arrays(np.int64, jets, elements=st.integers(0, 2)))
    weight = data.draw(
        st.none() | arrays(np.float64, jets, elements=st.sampled_from([0.0, 1.0, 3.0]))
    )
    w = np.ones(jets) if weight is None else weight
    if not (w[label == 0].any() and w[label == 1].any()):
        return
    flat, efficiency = data.draw(st.booleans()), data.draw(st.floats(0.05, 1))
    found = profile(
        pt,
        value,
        label,
        signal=0,
        background=1,
        edges=[0, 1, 3, 4],
        efficiency=efficiency,
        flat=flat,
        weight=weight,
    )
    everywhere = rejection(
        value[label == 0],
        value[label == 1],
        efficiency=efficiency,
        signal_weight=w[label == 0],
        background_weight=w[label == 1],
    )
    for place, inside in enumerate([pt == 0, (pt == 1) | (pt == 2), pt >= 3]):
        signal, background = (inside & (label == kind) & (w > 0) for kind in (0, 1))
        assert found.signal_jets[place] == signal.sum()
        assert found.background_jets[place] == background.sum()
        row = [field[place] for field in found[3:11]]
        if flat and not signal.any():
            assert np.isnan(row).all()
            continue
        cut = everywhere.threshold
        if flat:
            cut = rejection(
                value[signal], value[signal], efficiency=efficiency, signal_weight=w[signal]
            ).threshold
        assert found.cut[place] == cut
        if signal.any():
            reached = w[signal & (value >= cut)].sum() / w[signal].sum()
            jets_there = w[signal].sum() ** 2 / (w[signal] ** 2).sum()
            np.testing.assert_allclose(row[1:4], [reached, *wilson(reached, jets_there)])
        else:
            assert np.isnan(row[1:4]).all()
        if background.any():
            mistag = w[background & (value >= cut)].sum() / w[background].sum()
            assert row[4] == (pytest.approx(1 / mistag) if mistag else math.inf)
            assert np.isnan(row[7]) == bool(mistag)
            assert row[5] <= row[4] <= row[6]
        else:
            assert np.isnan(row[4:]).all()


def test_a_fixed_cut_has_no_error_of_its_own():
    pt, value, label = better_with_pt(500)
    how = {"signal": 0, "background": 2, "edges": EDGES, "efficiency": 0.7}
    fixed, flat = (profile(pt, value, label, flat=one, **how) for one in (False, True))
    ends = wilson(1 / fixed.rejection, 500)
    np.testing.assert_allclose(fixed.rejection_low, 1 / ends.high)
    np.testing.assert_allclose(fixed.rejection_high, 1 / ends.low)
    assert (flat.rejection_high - flat.rejection_low > 1 / ends.low - 1 / ends.high).all()


def test_jets_beyond_the_edges_place_the_cut_but_are_in_no_bin():
    found = profile(
        [5.0, 30.0, 30.0],
        [9.0, 1.0, 0.0],
        [0, 0, 1],
        signal=0,
        background=1,
        edges=EDGES,
        efficiency=0.5,
        flat=False,
    )
    assert found.cut[0] == 9
    assert found.efficiency[0] == 0
    assert found.rejection[0] == math.inf
    assert found.limit[0] == pytest.approx(1 / 0.95)
    assert np.isnan(found.efficiency[1:]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variable": [1.0, math.inf, 2.0]}, "1 of 3 jets have a variable that is not finite"),
        ({"variable": [1.0, 2.0]}, r"3 jets need as many values of variable, found shape \(2,\)"),
        ({"value": [1.0, math.nan, 2.0]}, "1 of 2 class-0 jets have a score that is not a number"),
        ({"background": 3}, "no class-3 jets to measure"),
        ({"edges": [1.0]}, "two edges or more, finite and rising, found"),
        ({"edges": [1.0, 1.0]}, "two edges or more, finite and rising, found"),
        ({"edges": [0.0, math.inf]}, "two edges or more, finite and rising, found"),
        ({"efficiency": 0.0}, "signal efficiency 0 is not within"),
        ({"weight": [0.0, 0.0, 1.0]}, "no class-0 jets to measure"),
        ({"weight": [0.0, 0.0, 0.0]}, "weights of jets sum to zero"),
        ({"weight": [1.0, -1.0, 1.0]}, "weights of jets must be finite and not negative"),
    ],
)
def test_impossible_input(change, message):
    usual = {
        "variable": [1.0, 2.0, 3.0],
        "value": [1.0, 2.0, 0.0],
        "label": [0, 0, 1],
        "signal": 0,
        "background": 1,
        "edges": [0.0, 2.0, 4.0],
        "efficiency": 0.5,
        "flat": False,
    }
    with pytest.raises(FtagPruneError, match=message):
        profile(**(usual | change))
