"""What a network costs: terms by hand, slopes against differences, counts against torch."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ftag_prune.architecture import Mlp
from ftag_prune.compact import compact
from ftag_prune.cost import Cost, Term, of_nodes
from ftag_prune.goal import Goal
from ftag_prune.networks import Axis, Layer, build, cost_of
from ftag_prune.shadow import prunable

CUBIC = Cost(
    "parameters",
    (4, 3),
    (Term(2.0, (0, 1)), Term(0.5, (1, 1)), Term(3.0, (0,)), Term(7.0, ())),
    47.5,
)


def polynomial(first, second):
    return 2 * first * second + 0.5 * second**2 + 3 * first + 7


@st.composite
def pruned(draw):
    """A perceptron, whether its inputs may go, and the nodes that stay."""
    hidden = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    inputs = draw(st.booleans())
    sizes = ([4] if inputs else []) + list(hidden)
    kept = [draw(st.sets(st.integers(0, size - 1), min_size=1)) for size in sizes]
    return hidden, inputs, tuple(tuple(sorted(one)) for one in kept)


def a_network(hidden):
    return build(Mlp(hidden=hidden), mean=[0.0] * 4, std=[1.0] * 4, classes=3)


def cost_in(network, goal):
    layers = prunable(network, goal)
    return cost_of(layers, dict(network.named_parameters()), unit=goal.unit)


def test_a_cost_is_its_polynomial():
    assert CUBIC.of((4, 3)) == polynomial(4, 3) == CUBIC.whole
    assert CUBIC.of((0, 0)) == 7
    assert CUBIC.slopes((4, 3)) == [2 * 3 + 3, 2 * 4 + 3]


def test_counts_may_be_arrays_and_tensors():
    first, second = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    np.testing.assert_array_equal(CUBIC.of([first, second]), polynomial(first, second))
    counts = torch.tensor([1.5, 2.5], requires_grad=True)
    cost = CUBIC.of(list(counts))
    cost.backward()
    assert float(cost.detach()) == polynomial(1.5, 2.5)
    assert counts.grad.tolist() == CUBIC.slopes((1.5, 2.5))


@given(st.floats(0, 50), st.floats(0, 50))
def test_slopes_are_those_of_small_steps(first, second):
    step = 1e-3  # exact for a polynomial of second order, but for rounding
    for layer, slope in enumerate(CUBIC.slopes((first, second))):
        moved = [
            CUBIC.of([first + sign * step * (layer == 0), second + sign * step * (layer == 1)])
            for sign in (1, -1)
        ]
        assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(slope, abs=1e-6)


def test_every_node_costs_one():
    cost = of_nodes([3, 4])
    assert (cost.unit, cost.sizes, cost.whole) == ("nodes", (3, 4), 7)
    assert cost.of((1, 2)) == 3
    assert cost.slopes((1, 2)) == [1, 1]
    assert of_nodes([3, 4], whole=20).whole == 20


def test_other_sizes_leave_the_whole_as_it_was():
    cost = CUBIC.resized([1, 2])
    assert (cost.sizes, cost.whole, cost.terms) == ((1, 2), 47.5, CUBIC.terms)


@given(pruned())
def test_costs_are_the_counts_of_the_compacted_network(case):
    hidden, inputs, kept = case
    network = a_network(hidden)
    layers = prunable(network, Goal(inputs=inputs))
    counts = [len(one) for one in kept]
    gates = torch.ones(sum(layer.nodes for layer in layers))
    small = compact(network, layers, gates, kept)
    found = {
        unit: cost_in(network, Goal(unit=unit, inputs=inputs)).of(counts)
        for unit in ("nodes", "parameters", "multiplications")
    }
    assert found == {
        "nodes": sum(counts),
        "parameters": small.parameter_count(),
        "multiplications": small.multiplications(),
    }


@given(pruned())
def test_the_whole_is_the_dense_network(case):
    hidden, inputs, _ = case
    network = a_network(hidden)
    parameters = cost_in(network, Goal(unit="parameters", inputs=inputs))
    assert parameters.whole == network.parameter_count() == parameters.of(parameters.sizes)
    multiplications = cost_in(network, Goal(unit="multiplications", inputs=inputs))
    assert multiplications.whole == network.multiplications()


def test_layers_that_stay_cost_what_they_cost():
    """4-5-6-3 inputs, nodes and outputs, of which only the 6 may go."""
    cost = cost_in(a_network((5, 6)), Goal(unit="parameters", layers=("hidden2",)))
    assert cost.of((2,)) == (4 + 1) * 5 + (5 + 1) * 2 + (2 + 1) * 3


def test_weights_that_act_often_multiply_often():
    """A kernel 3 x 3 on 10 pixels, and a dense layer that sees 10 pixels of each channel."""
    layer = Layer("conv", 8, (Axis("k", 0), Axis("b", 0)), (Axis("w", 1, inner=10),))
    tensors = {"k": torch.zeros(8, 2, 3, 3), "b": torch.zeros(8), "w": torch.zeros(5, 80)}
    parameters = cost_of([layer], tensors, unit="parameters", applied={"k": 10})
    assert parameters.of((3,)) == 3 * 2 * 9 + 3 + 5 * 30
    multiplications = cost_of([layer], tensors, unit="multiplications", applied={"k": 10})
    assert multiplications.of((3,)) == 10 * 3 * 2 * 9 + 5 * 30


def test_heads_have_their_rows_in_three_blocks():
    """A packed projection (3 blocks, heads, 4 rows) of 6 features, and what uses it."""
    layer = Layer("heads", 5, (Axis("p", 0, outer=3, inner=4),), (Axis("o", 1, inner=4),))
    tensors = {"p": torch.zeros(60, 6), "o": torch.zeros(6, 20)}
    cost = cost_of([layer], tensors, unit="parameters")
    assert cost.whole == 60 * 6 + 6 * 20
    assert cost.of((2,)) == 24 * 6 + 6 * 8
