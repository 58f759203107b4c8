"""A smaller network that gives the same logits."""

import numpy as np
import pytest
import torch

from ftag_prune.architecture import Mlp
from ftag_prune.compact import closed, compact, cut, difference, rounding
from ftag_prune.cost import of_nodes
from ftag_prune.goal import Goal
from ftag_prune.networks import Axis, build
from ftag_prune.selection import choose
from ftag_prune.shadow import gated, prunable
from ftag_prune.tensors import Jets


def jets_of(x):
    return Jets(x, None, None, torch.zeros(len(x), dtype=torch.int64), torch.ones(len(x)))


def layers_of(network):
    return prunable(network, Goal())


@pytest.mark.parametrize("hidden", [(7,), (6, 5), (16, 8, 4)])
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
@pytest.mark.parametrize("inputs", [False, True])
def test_compacted_equals_masked(hidden, activation, inputs):
    architecture = Mlp(hidden=hidden, activation=activation)
    network = build(architecture, mean=[0.3] * 4, std=[2.0] * 4, classes=3, seed=2)
    with torch.no_grad():  # logits of fresh weights are nearly constant
        drawn = torch.Generator().manual_seed(0)
        for linear in network.linear:
            linear.weight.normal_(0, 2 * linear.in_features**-0.5, generator=drawn)
    layers = prunable(network, Goal(inputs=inputs))
    sizes = [layer.nodes for layer in layers]
    rng = np.random.default_rng(4)
    gates = torch.tensor(rng.uniform(0.3, 1, sum(sizes)), dtype=torch.float32)
    kept = choose(rng.random(sum(sizes)), of_nodes(sizes), budget=2 * sum(sizes) // 3, floor=2)
    small = compact(network, layers, gates, kept)
    left = {layer.name: len(one) for layer, one in zip(layers, kept, strict=True)}
    assert {**small.architecture.nodes, "inputs": len(small.mean)} == {"inputs": 4, **left}
    assert sum(left.values()) == 2 * sum(sizes) // 3
    x = torch.tensor(rng.normal(size=(10_000, 4)), dtype=torch.float32)
    assert difference(network, layers, gates, kept, small, jets_of(x)) < 1e-5
    assert small.architecture.activation == activation
    assert small(*small.arguments(jets_of(x))).std(0).min() > 0.01, "the jets are told apart"


def test_difference_sees_a_wrong_network():
    network = build(Mlp(hidden=(6, 5)), mean=[0.0] * 4, std=[1.0] * 4, classes=3, seed=2)
    layers, kept = layers_of(network), ((0, 1, 2), (1, 3))
    small = compact(network, layers, torch.ones(11), kept)
    with torch.no_grad():
        small.linear[1].weight += 1e-3
    jets = jets_of(torch.randn(100, 4))
    assert difference(network, layers, torch.ones(11), kept, small, jets) > 1e-5


def test_large_logits_round_by_more_and_rounding_says_by_how_much():
    """The same weights, a thousand times as large at the end: so is all that float32 is off."""
    network = build(Mlp(hidden=(64, 64)), mean=[0.0] * 4, std=[1.0] * 4, classes=3, seed=2)
    layers, kept = layers_of(network), (tuple(range(40)), tuple(range(5, 60)))
    gates, jets = torch.rand(128), jets_of(torch.randn(2000, 4))
    small_logits = rounding(network, layers, gates, kept, jets)
    with torch.no_grad():
        network.linear[-1].weight *= 1024
        network.linear[-1].bias *= 1024
    large_logits = rounding(network, layers, gates, kept, jets)
    assert large_logits == pytest.approx(1024 * small_logits, rel=1e-6)
    small = compact(network, layers, gates, kept)
    gap = difference(network, layers, gates, kept, small, jets)
    assert 1e-5 < gap < 3 * large_logits


def test_difference_leaves_both_networks_in_their_mode():
    network = build(Mlp(hidden=(3,)), mean=[0.0], std=[1.0], classes=2)
    layers, jets = layers_of(network), jets_of(torch.randn(4, 1))
    for training in (True, False):
        network.train(training)
        small = compact(network, layers, torch.ones(3), ((0,),))
        difference(network, layers, torch.ones(3), ((0,),), small, jets)
        assert (network.training, small.training) == (training, training)


def test_a_network_without_some_inputs_picks_its_own_of_every_jet():
    """Twice cut: the inputs 1 and 3 of 4, and then the second of them."""
    network = build(Mlp(hidden=(5,)), mean=[1.0, 2, 3, 4], std=[1.0] * 4, classes=2, seed=3)
    layers = prunable(network, Goal(inputs=True))
    once = compact(network, layers, torch.ones(9), ((1, 3), (0, 1, 2, 3, 4)))
    again = prunable(once, Goal(inputs=True))
    twice = compact(once, again, torch.ones(7), ((1,), (0, 1, 2, 3, 4)))
    assert (once.mean.tolist(), twice.mean.tolist()) == ([2, 4], [4])
    jets = jets_of(torch.randn(50, 4))
    assert torch.equal(once.arguments(jets)[0], jets.x[:, [1, 3]])
    assert torch.equal(twice.arguments(jets)[0], jets.x[:, [3]])
    gates = closed(torch.ones(9), layers, ((3,), (0, 1, 2, 3, 4)))
    expected = gated(network, layers, gates, network.arguments(jets))
    torch.testing.assert_close(twice(*twice.arguments(jets)), expected)


def test_the_network_that_is_compacted_stays_as_it_was():
    network = build(Mlp(hidden=(6, 5)), mean=[0.0] * 4, std=[1.0] * 4, classes=3, seed=2)
    before = {name: one.clone() for name, one in network.state_dict().items()}
    compact(network, layers_of(network), torch.full((11,), 0.5), ((0, 1), (2,)))
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())


def test_closed_gates_are_exactly_zero():
    network = build(Mlp(hidden=(3, 2)), mean=[0.0], std=[1.0], classes=2)
    gates = closed(torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5]), layers_of(network), ((1,), (0,)))
    assert gates.tolist() == pytest.approx([0, 0.8, 0, 0.6, 0])


def test_cut_follows_weights_and_what_is_remembered_of_them():
    network = build(Mlp(hidden=(3, 2)), mean=[0.0] * 4, std=[1.0] * 4, classes=2)
    weights = dict(network.named_parameters())
    taken = cut(weights, layers_of(network), ((0, 2), (1,)))
    assert torch.equal(taken["linear.0.weight"], weights["linear.0.weight"][[0, 2]])
    assert torch.equal(taken["linear.1.weight"], weights["linear.1.weight"][[1]][:, [0, 2]])
    assert torch.equal(taken["linear.2.weight"], weights["linear.2.weight"][:, [1]])
    assert torch.equal(taken["linear.2.bias"], weights["linear.2.bias"])


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        (Axis("w", 0), [1, 3]),  # neurons
        (Axis("w", 1, inner=2), [2, 3, 6, 7]),  # channels with two pixels each
        (Axis("w", 0, outer=3), [1, 3, 5, 7, 9, 11]),  # three blocks of four
        (Axis("w", 0, outer=2, inner=2), [2, 3, 6, 7, 10, 11, 14, 15]),  # heads of two rows
    ],
)
def test_nodes_have_their_entries_along_an_axis(axis, expected):
    """The second and the fourth of four nodes."""
    assert axis.entries(4, [1, 3]).tolist() == expected
