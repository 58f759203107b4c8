"""Exactly k nodes, and a smaller network that gives the same logits."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ftag_prune.architecture import Mlp
from ftag_prune.compact import choose, closed, compact, cut, difference
from ftag_prune.errors import TrainingError
from ftag_prune.networks import build


@st.composite
def ranked(draw):
    sizes = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    nodes = sum(sizes)
    scores = draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, -2.0]), min_size=nodes, max_size=nodes))
    return np.array(scores), sizes, draw(st.integers(len(sizes), nodes))


@given(ranked())
def test_choose_keeps_exactly_k_and_empties_no_layer(case):
    scores, sizes, keep = case
    kept = choose(scores, sizes, keep=keep)
    assert sum(len(one) for one in kept) == keep
    assert all(one and max(one) < size for one, size in zip(kept, sizes, strict=True))
    assert all(sorted(set(one)) == list(one) for one in kept)


def test_choose_takes_the_best_and_the_first_of_equals():
    assert choose(np.array([3.0, 9, 1, 5, 5, 5]), [3, 3], keep=3) == ((1,), (0, 1))


def test_the_floor_saves_a_layer_whose_nodes_are_all_worse():
    assert choose(np.array([9.0, 8, 7, 1, 2, 0]), [3, 3], keep=3) == ((0, 1), (1,))


@pytest.mark.parametrize("keep", [1, 7])
def test_impossible_counts_are_one_sentence(keep):
    with pytest.raises(TrainingError, match=f"cannot keep {keep} of 6 nodes"):
        choose(np.zeros(6), [3, 3], keep=keep)


@pytest.mark.parametrize("hidden", [(7,), (6, 5), (16, 8, 4)])
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_compacted_equals_masked(hidden, activation):
    architecture = Mlp(hidden=hidden, activation=activation)
    network = build(architecture, mean=[0.3] * 4, std=[2.0] * 4, classes=3, seed=2)
    rng = np.random.default_rng(0)
    gates = torch.tensor(rng.random(sum(hidden)), dtype=torch.float32)
    kept = choose(rng.random(sum(hidden)), hidden, keep=sum(hidden) // 2 + 1)
    small = compact(network, gates, kept)
    assert small.architecture.nodes == tuple(len(one) for one in kept)
    x = torch.tensor(rng.normal(size=(10_000, 4)), dtype=torch.float32)
    assert difference(network, gates, kept, small, x) < 1e-5
    assert small.architecture.activation == activation


def test_difference_sees_a_wrong_network():
    network = build(Mlp(hidden=(6, 5)), mean=[0.0] * 4, std=[1.0] * 4, classes=3, seed=2)
    kept = ((0, 1, 2), (1, 3))
    small = compact(network, torch.ones(11), kept)
    with torch.no_grad():
        small.linear[1].weight += 1e-3
    assert difference(network, torch.ones(11), kept, small, torch.randn(100, 4)) > 1e-5


def test_closed_gates_are_exactly_zero():
    network = build(Mlp(hidden=(3, 2)), mean=[0.0], std=[1.0], classes=2)
    gates = closed(torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]), network.layers(), ((1,), (0,)))
    assert gates.tolist() == pytest.approx([0, 0.8, 0, 0.6, 0])


def test_cut_follows_weights_and_what_is_remembered_of_them():
    network = build(Mlp(hidden=(3, 2)), mean=[0.0] * 4, std=[1.0] * 4, classes=2)
    weights = dict(network.named_parameters())
    taken = cut(weights, network.layers(), ((0, 2), (1,)))
    assert torch.equal(taken["linear.0.weight"], weights["linear.0.weight"][[0, 2]])
    assert torch.equal(taken["linear.1.weight"], weights["linear.1.weight"][[1]][:, [0, 2]])
    assert torch.equal(taken["linear.2.weight"], weights["linear.2.weight"][:, [1]])
    assert torch.equal(taken["linear.2.bias"], weights["linear.2.bias"])
