"""The shadow network: gates folded into the next weights act as if they multiplied the nodes."""

import pytest
import torch

from ftag_prune.architecture import Mlp
from ftag_prune.gates import Budget, Sigmoid
from ftag_prune.networks import build
from ftag_prune.shadow import Shadow, gated, pruning_loss


@pytest.fixture
def network():
    return build(Mlp(hidden=(6, 5, 4)), mean=[0.0] * 3, std=[1.0] * 3, classes=2, seed=1)


def slow_twin(network, gates, x):
    """Multiply each hidden layer's output by its gates, one after another."""
    *inner, last = network.linear
    for linear, gate in zip(inner, gates.split([one.out_features for one in inner])):
        x = torch.relu(linear(x)) * gate
    return last(x)


def test_gates_multiply_node_outputs(network):
    x = torch.randn(20, 3)
    gates = torch.rand(15)
    torch.testing.assert_close(gated(network, gates, x), slow_twin(network, gates, x))


def test_gradients_are_those_of_multiplied_outputs(network):
    x = torch.randn(20, 3)
    found = []
    for forward in (gated, slow_twin):
        gates = torch.rand(15, generator=torch.Generator().manual_seed(0)).requires_grad_()
        network.zero_grad()
        forward(network, gates, x).square().sum().backward()
        found.append([gates.grad, *(one.grad.clone() for one in network.parameters())])
    for fast, slow in zip(*found, strict=True):
        torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-5)


def test_open_gates_change_nothing(network):
    x = torch.randn(20, 3)
    assert torch.equal(gated(network, torch.ones(15), x), network(x))


def test_the_shadow_leaves_the_network_alone(network):
    before = {name: one.clone() for name, one in network.state_dict().items()}
    shadow = Shadow(network.layers(), Sigmoid(start_value=0.8))
    gates = shadow(progress=0.5, target=0.5)
    gated(network, gates, torch.randn(4, 3)).sum().backward()
    assert [name for name, _ in shadow.named_parameters()] == ["theta"]
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
    torch.testing.assert_close(gates.detach(), torch.full((15,), 0.8))


def test_pruning_loss_is_the_squared_distance_from_the_wanted_fraction():
    gates = torch.tensor([1.0, 0.0, 1.0, 0.0])
    assert pruning_loss(gates, target=0.75).item() == pytest.approx((0.5 - 0.25) ** 2)
    assert pruning_loss(gates, target=0.5).item() == 0


def test_dilution_of_the_squared_loss():
    """dL_pru/dtheta_i = 2 (a - t) z' / N: the slope that big networks do not feel."""
    for nodes in (10, 1000):
        shadow = Shadow(
            build(Mlp(hidden=(nodes,)), mean=[0.0], std=[1.0], classes=2).layers(), Sigmoid()
        )
        pruning_loss(shadow(progress=0, target=0.75), target=0.75).backward()
        expected = 2 * (0.9 - 0.25) * 0.9 * 0.1 / nodes
        torch.testing.assert_close(shadow.theta.grad, torch.full((nodes,), expected))


def test_the_budget_has_no_pruning_loss_to_get_stuck(network):
    shadow = Shadow(network.layers(), Budget())
    pruning_loss(shadow(progress=0.5, target=0.6), target=0.6).backward()
    assert float(shadow.theta.grad.abs().max()) < 1e-7
