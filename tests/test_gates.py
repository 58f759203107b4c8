"""Gate families: exact sums, exact gradients, no dead ends."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ftag_prune.gates import Budget, Sigmoid

thetas = st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=40).map(torch.tensor)


@given(theta=thetas, progress=st.floats(0, 1), target=st.floats(0.1, 0.9))
def test_budget_gates_sum_to_the_budget(theta, progress, target):
    gate = Budget()
    values = gate.values(theta, progress=progress, target=target)
    budget = gate.budget(len(theta), progress=progress, target=target)
    assert float(values.sum()) == pytest.approx(min(budget, len(theta) * (1 - 1e-4)), rel=2e-4)


def test_budget_falls_along_a_cubic_from_all_nodes_to_the_target():
    gate = Budget(settle=0.8)
    assert gate.budget(100, progress=0.0, target=0.75) == 100
    assert gate.budget(100, progress=0.4, target=0.75) == pytest.approx(100 * (1 - 0.75 * 7 / 8))
    assert gate.budget(100, progress=0.8, target=0.75) == pytest.approx(25)
    assert gate.budget(100, progress=1.0, target=0.75) == pytest.approx(25)


def test_equal_nodes_share_the_budget():
    values = Budget().values(torch.zeros(10), progress=1.0, target=0.7)
    np.testing.assert_allclose(values.numpy(), 0.3, rtol=1e-6)


def test_budget_gradient_is_that_of_the_solved_gates():
    """Against finite differences of gates that are solved anew for every moved theta."""
    gate = Budget(steepness=2.0, last_steepness=2.0)
    theta = torch.tensor([-0.4, 0.1, 0.3, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda one: gate.values(one, progress=0.9, target=0.5), (theta,), eps=1e-6, atol=1e-6
    )


def test_no_direction_changes_the_sum():
    theta = torch.randn(50, dtype=torch.float64, requires_grad=True)
    Budget().values(theta, progress=0.3, target=0.6).sum().backward()
    assert float(theta.grad.abs().max()) < 1e-12


def test_steep_budget_is_nearly_hard():
    theta = torch.linspace(-1, 1, 21)
    values = Budget().values(theta, progress=1.0, target=16 / 21)
    assert int((values >= 0.5).sum()) == 5
    assert torch.equal(values.argsort(descending=True)[:5].sort().values, torch.arange(16, 21))


def test_sigmoid_starts_where_it_is_told():
    gate = Sigmoid(start_value=0.9, steepness=3.0)
    theta = torch.full((3,), gate.start())
    np.testing.assert_allclose(gate.values(theta, progress=0, target=0.5).numpy(), 0.9, rtol=1e-6)


def test_sigmoid_slope_survives_saturation():
    """Beyond 17 a float32 sigmoid is exactly one and its gradient exactly zero; ours is neither."""
    plain = torch.full((1,), 20.0, requires_grad=True)
    plain.sigmoid().backward()
    assert float(plain.grad) == 0.0
    theta = torch.full((1,), 20.0, requires_grad=True)
    value = Sigmoid(limit=7.0).values(theta, progress=0, target=0.5)
    value.backward()
    at_limit = 1 / (1 + math.exp(-7))
    assert float(value.detach()) == pytest.approx(at_limit, rel=1e-6)
    assert float(theta.grad) == pytest.approx(at_limit * (1 - at_limit), rel=1e-3)
