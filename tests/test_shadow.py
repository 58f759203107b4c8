"""The shadow network: gates folded into the next weights act as if they multiplied the nodes."""

import pytest
import torch

from ftag_prune.architecture import Mlp
from ftag_prune.cost import of_nodes
from ftag_prune.errors import TrainingError
from ftag_prune.gates import Budget, HardConcrete, Sigmoid
from ftag_prune.goal import Goal
from ftag_prune.networks import build
from ftag_prune.pruning_loss import Squared
from ftag_prune.shadow import (
    Gates,
    Part,
    Shadow,
    by_layer,
    chosen,
    gated,
    open_nodes,
    parts_of,
    per_part,
    prunable,
    resized,
)


def a_network(*hidden, inputs=3):
    return build(Mlp(hidden=hidden), mean=[0.0] * inputs, std=[1.0] * inputs, classes=2, seed=1)


@pytest.fixture
def network():
    return a_network(6, 5, 4)


def shadow_of(network, gate, *, target=0.5, **goal):
    wanted = Goal(**goal)
    parts = parts_of(network, wanted, target=target)
    return Shadow(prunable(network, wanted), gate, parts, floor=wanted.floor)


def hidden(network):
    return prunable(network, Goal())


def slow_twin(network, gates, x):
    """Multiply each hidden layer's output by its gates, one after another."""
    *inner, last = network.linear
    for linear, gate in zip(inner, gates.split([one.out_features for one in inner])):
        x = torch.relu(linear(x)) * gate
    return last(x)


def fast(network, gates, x):
    return gated(network, hidden(network), gates, (x,))


# -- gates at work -------------------------------------------------------------------------------


def test_gates_multiply_node_outputs(network):
    x = torch.randn(20, 3)
    gates = torch.rand(15)
    torch.testing.assert_close(fast(network, gates, x), slow_twin(network, gates, x))


def test_gradients_are_those_of_multiplied_outputs(network):
    x = torch.randn(20, 3)
    found = []
    for forward in (fast, slow_twin):
        gates = torch.rand(15, generator=torch.Generator().manual_seed(0)).requires_grad_()
        network.zero_grad()
        forward(network, gates, x).square().sum().backward()
        found.append([gates.grad, *(one.grad.clone() for one in network.parameters())])
    for quick, slow in zip(*found, strict=True):
        torch.testing.assert_close(quick, slow, rtol=1e-4, atol=1e-5)


def test_open_gates_change_nothing(network):
    x = torch.randn(20, 3)
    assert torch.equal(fast(network, torch.ones(15), x), network(x))


def test_gates_of_inputs_multiply_the_normalised_inputs(network):
    """A closed input is as good as one that is missing: it stands at its mean."""
    layers, x = prunable(network, Goal(inputs=True)), torch.randn(20, 3)
    gates = torch.ones(18)
    gates[:3] = torch.tensor([0.0, 0.5, 1.0])
    found = gated(network, layers, gates, (x,))
    torch.testing.assert_close(found, network(x * gates[:3]))
    torch.testing.assert_close(
        gated(network, layers, (gates > 0.5).float(), (x,)),
        network(torch.stack([x[:, 0] * torch.nan, x[:, 1] * torch.nan, x[:, 2]], 1)),
    )


def test_gates_of_one_layer_leave_the_others_alone(network):
    layers, x = prunable(network, Goal(layers=("hidden2",))), torch.randn(20, 3)
    gates = torch.rand(5)
    everywhere = torch.cat([torch.ones(6), gates, torch.ones(4)])
    torch.testing.assert_close(
        gated(network, layers, gates, (x,)), slow_twin(network, everywhere, x)
    )


def test_the_shadow_leaves_the_network_alone(network):
    before = {name: one.clone() for name, one in network.state_dict().items()}
    shadow = shadow_of(network, Sigmoid(start_value=0.8))
    gates = shadow(progress=0.5)
    fast(network, gates.value, torch.randn(4, 3)).sum().backward()
    assert [name for name, _ in shadow.named_parameters()] == ["theta"]
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
    torch.testing.assert_close(gates.value.detach(), torch.full((15,), 0.8))


def test_gates_count_as_open_from_one_half_on():
    assert open_nodes(torch.tensor([0.0, 0.4999, 0.5, 1.0])) == 2


# -- the pruning loss ----------------------------------------------------------------------------


def test_pruning_loss_is_the_squared_distance_from_the_wanted_fraction():
    gates = torch.tensor([1.0, 0.0, 1.0, 0.0])
    for target, expected in ((0.75, (0.5 - 0.25) ** 2), (0.5, 0.0)):
        shadow = shadow_of(a_network(4), Sigmoid(), target=target)
        found = shadow.pruning_loss(Gates(gates, gates), Squared())
        assert found.item() == pytest.approx(expected)


def test_dilution_of_the_squared_loss():
    """dL_pru/dtheta_i = 2 (a - t) z' / N: the slope that big networks do not feel."""
    for nodes in (8, 1000):
        shadow = shadow_of(a_network(nodes, inputs=1), Sigmoid(), target=0.75)
        shadow.pruning_loss(shadow(progress=0), Squared()).backward()
        expected = 2 * (0.9 - 0.25) * 0.9 * 0.1 / nodes
        torch.testing.assert_close(shadow.theta.grad, torch.full((nodes,), expected))


def test_the_budget_has_no_pruning_loss_to_get_stuck(network):
    shadow = shadow_of(network, Budget(), target=0.6)
    shadow.pruning_loss(shadow(progress=0.5), Squared()).backward()
    assert float(shadow.theta.grad.abs().max()) < 1e-7


def test_what_is_cut_out_still_counts_in_the_active_fraction():
    """3 of 8 nodes are left, all open: a = 3/8, whatever the smaller network says."""
    shadow = Shadow(hidden(a_network(3)), Sigmoid(), [Part(of_nodes([3], whole=8), 2)])
    (active,) = shadow.active(Gates(torch.ones(3), torch.ones(3)))
    assert float(active) == 3 / 8
    found = shadow.pruning_loss(Gates(torch.ones(3), torch.ones(3)), Squared())
    assert float(found) == pytest.approx((3 / 8 - 2 / 8) ** 2)


def test_the_active_fraction_of_parameters_is_their_share(network):
    """Hard gates: exactly the parameters of a network without the closed nodes."""
    shadow = shadow_of(network, Sigmoid(), unit="parameters")
    gates = torch.tensor([1.0] * 2 + [0] * 4 + [1] * 3 + [0] * 2 + [1] + [0] * 3)
    (active,) = shadow.active(Gates(gates, gates))
    small = a_network(2, 3, 1).parameter_count()
    assert float(active) == pytest.approx(small / network.parameter_count())


def test_with_a_layer_s_own_target_the_loss_is_the_mean_over_layers(network):
    """Gates all open where a third, three fifths and a half are wanted."""
    shadow = shadow_of(network, Sigmoid(), target=8 / 15, scope="layer")
    wanted = [part.budget / layer for part, layer in zip(shadow.parts, (6, 5, 4), strict=True)]
    assert sum(part.budget for part in shadow.parts) == 7
    gates = torch.ones(15)
    expected = sum((1 - one) ** 2 for one in wanted) / 3
    assert float(shadow.pruning_loss(Gates(gates, gates), Squared())) == pytest.approx(expected)


def test_drawn_gates_are_counted_by_their_probability():
    """The loss of a hard concrete gate does not see what was drawn."""
    shadow = shadow_of(a_network(50), HardConcrete())
    first, second = (
        shadow(progress=0.5, noise=torch.rand(50, generator=torch.Generator().manual_seed(seed)))
        for seed in (1, 2)
    )
    assert not torch.equal(first.value, second.value)
    assert torch.equal(first.active, second.active)
    rest = shadow(progress=0.5)
    assert torch.equal(rest.active, first.active)


def test_open_nodes_cost_what_they_would_cost_alone(network):
    gates = torch.tensor([0.9] * 2 + [0.4] * 4 + [0.5] * 3 + [0.1] * 2 + [1] + [0] * 3)
    small = a_network(2, 3, 1)
    for unit, expected in (
        ("nodes", 6),
        ("parameters", small.parameter_count()),
        ("multiplications", small.multiplications()),
    ):
        shadow = shadow_of(network, Sigmoid(), unit=unit)
        assert shadow.open_cost(gates) == expected
        assert shadow.open_share(gates) == expected / shadow.parts[0].cost.whole
    assert shadow_of(network, Sigmoid(), scope="layer").open_cost(gates) == 6


def test_a_shadow_wants_the_budgets_of_its_parts(network):
    for scope in ("network", "layer"):
        assert shadow_of(network, Sigmoid(), target=0.6, scope=scope).wanted == 6 / 15


# -- what may be pruned, and how far -------------------------------------------------------------


@pytest.mark.parametrize(
    ("goal", "names"),
    [
        (Goal(), ["hidden1", "hidden2", "hidden3"]),
        (Goal(inputs=True), ["inputs", "hidden1", "hidden2", "hidden3"]),
        (Goal(layers=("hidden3", "hidden1")), ["hidden1", "hidden3"]),
        (Goal(layers=("hidden2",), inputs=True), ["inputs", "hidden2"]),
    ],
)
def test_layers_may_be_pruned_as_the_goal_says(network, goal, names):
    assert [layer.name for layer in prunable(network, goal)] == names


def test_an_unknown_layer_is_one_sentence(network):
    with pytest.raises(TrainingError, match=r"no layer 'hiden2'; nearest: 'hidden2'"):
        prunable(network, Goal(layers=("hiden2",)))


def test_a_network_without_prunable_nodes_is_one_sentence(network, monkeypatch):
    only_inputs = network.layers()[:1]
    monkeypatch.setattr(network, "layers", lambda: only_inputs)
    with pytest.raises(TrainingError, match="has no node that may be switched off"):
        prunable(network, Goal())


def test_budgets_are_whole_nodes(network):
    (part,) = parts_of(network, Goal(), target=0.7)
    assert part == (of_nodes([6, 5, 4]), 15 - round(0.7 * 15))
    (part,) = parts_of(network, Goal(inputs=True), target=0.5)
    assert (part.cost.sizes, part.budget) == ((3, 6, 5, 4), 9)
    (part,) = parts_of(network, Goal(), target=0.7, keep=9)
    assert part.budget == 9


def test_budgets_of_parameters_are_of_the_whole_network(network):
    whole = network.parameter_count()
    (part,) = parts_of(network, Goal(unit="parameters", layers=("hidden2",)), target=0.2)
    assert (part.cost.whole, part.budget) == (whole, whole - round(0.2 * whole))
    (part,) = parts_of(network, Goal(unit="multiplications"), target=0.2)
    assert part.cost.whole == network.multiplications()


def test_every_layer_gets_its_share(network):
    parts = parts_of(network, Goal(scope="layer"), target=0.5, keep=7)
    assert [(part.cost.sizes, part.budget) for part in parts] == [((6,), 3), ((5,), 2), ((4,), 2)]


def test_resized_parts_keep_their_whole_and_their_budget(network):
    small = a_network(3, 5, 1)
    for goal in (Goal(), Goal(scope="layer"), Goal(unit="parameters")):
        parts = parts_of(network, goal, target=0.5)
        after = resized(parts, prunable(small, goal))
        assert [part.budget for part in after] == [part.budget for part in parts]
        assert [part.cost.whole for part in after] == [part.cost.whole for part in parts]
        assert [size for part in after for size in part.cost.sizes] == [3, 5, 1]


def test_numbers_of_layers_are_cut_into_parts(network):
    one, each = (parts_of(network, Goal(scope=scope), target=0.5) for scope in ("network", "layer"))
    assert per_part(one, [1, 2, 3]) == [[1, 2, 3]]
    assert per_part(each, [1, 2, 3]) == [[1], [2], [3]]


def test_the_best_nodes_of_each_part_are_chosen(network):
    scores = torch.arange(15.0)  # later layers are better
    (part,) = parts_of(network, Goal(), target=0.5, keep=7)
    kept = chosen(scores, [part], floor=1)
    assert kept == ((5,), (3, 4), (0, 1, 2, 3))
    parts = parts_of(network, Goal(scope="layer"), target=0.5, keep=7)
    assert chosen(scores, parts, floor=1) == ((3, 4, 5), (3, 4), (2, 3))
    assert chosen(scores, parts, floor=1, budgets=[1, 1, 1]) == ((5,), (4,), (3,))


def test_gates_are_cut_into_those_of_each_layer(network):
    parts = by_layer(torch.arange(15), hidden(network))
    assert [one.tolist() for one in parts] == [
        [0, 1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10],
        [11, 12, 13, 14],
    ]
