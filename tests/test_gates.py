"""Gate families: exact sums, exact gradients, no dead ends."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from ftag_prune.cost import Cost, Term, of_nodes
from ftag_prune.errors import ConfigError
from ftag_prune.gates import (
    Annealed,
    Budget,
    Gate,
    HardConcrete,
    HardSigmoid,
    Sigmoid,
    StraightThrough,
)
from ftag_prune.goal import Aim
from ftag_prune.spec import validated

KINDS = get_args(get_args(Gate)[0])
PRESSED = [kind for kind in KINDS if kind.pressed]

thetas = st.lists(st.floats(-5, 5, width=32), min_size=4, max_size=40).map(torch.tensor)


def asked(nodes, *, progress=1.0, target=0.5):
    """An aim at a fraction of nodes of one layer."""
    return Aim(progress, nodes * (1 - target), of_nodes([nodes]))


def perceptron(inputs, *sizes, outputs=2):
    """Parameters of a perceptron as a cost, written down by hand."""
    first, *rest = range(len(sizes))
    terms = [Term(inputs, (first,)), Term(1, (first,))]
    for before, layer in zip([first, *rest], rest):
        terms += [Term(1, (before, layer)), Term(1, (layer,))]
    terms += [Term(outputs, (len(sizes) - 1,)), Term(outputs, ())]
    cost = Cost("parameters", tuple(sizes), tuple(terms), 0.0)
    return cost._replace(whole=float(cost.of(sizes)))


def counts(values, sizes):
    return [float(one.sum()) for one in torch.split(values, list(sizes))]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_gate_comes_back_from_its_json_and_knows_no_other_key(kind):
    gate = kind()
    assert TypeAdapter(Gate).validate_json(gate.model_dump_json()) == gate
    with pytest.raises(ConfigError, match="gate: no key 'stepness'"):
        validated(kind, {"stepness": 2}, where="gate")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(theta=thetas, progress=st.floats(0, 1), target=st.floats(0.1, 0.9))
def test_gates_lie_between_off_and_on_and_have_finite_slopes(kind, theta, progress, target):
    theta = theta.requires_grad_()
    values = kind().values(theta, asked(len(theta), progress=progress, target=target))
    assert float(values.detach().min()) >= 0
    assert float(values.detach().max()) <= 1
    (slopes,) = torch.autograd.grad((values * torch.arange(len(theta))).sum(), theta)
    assert bool(slopes.isfinite().all())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_larger_theta_never_closes_a_gate(kind):
    theta = torch.linspace(-6, 6, 25)
    values = kind().values(theta, asked(25, progress=0.5))
    assert bool((values.diff() >= 0).all())
    assert float(values[-1] - values[0]) > 0.9


@pytest.mark.parametrize("kind", PRESSED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("start", [0.6, 0.9])
def test_pressed_gates_start_where_they_are_told(kind, start):
    gate = kind(start_value=start)
    theta = torch.full((3,), gate.start())
    values = gate.values(theta, asked(3, progress=0.0))
    np.testing.assert_allclose(values.numpy(), start, rtol=1e-6)


# -- budget --------------------------------------------------------------------------------------


@given(theta=thetas, progress=st.floats(0, 1), target=st.floats(0.1, 0.9))
def test_budget_gates_sum_to_the_budget(theta, progress, target):
    gate, aim = Budget(), asked(len(theta), progress=progress, target=target)
    values = gate.values(theta, aim)
    budget = gate.least(aim)
    assert float(values.sum()) == pytest.approx(min(budget, len(theta) * (1 - 1e-4)), rel=2e-4)


def test_budget_falls_along_a_cubic_from_all_nodes_to_the_target():
    gate = Budget(settle=0.8)
    assert gate.least(asked(100, progress=0.0, target=0.75)) == 100
    assert gate.least(asked(100, progress=0.4, target=0.75)) == pytest.approx(
        100 * (1 - 0.75 * 7 / 8)
    )
    assert gate.least(asked(100, progress=0.8, target=0.75)) == pytest.approx(25)
    assert gate.least(asked(100, progress=1.0, target=0.75)) == pytest.approx(25)


def test_equal_nodes_share_the_budget():
    values = Budget().values(torch.zeros(10), asked(10, target=0.7))
    np.testing.assert_allclose(values.numpy(), 0.3, rtol=1e-6)


def test_budget_gradient_is_that_of_the_solved_gates():
    """Against finite differences of gates that are solved anew for every moved theta."""
    gate, aim = Budget(steepness=2.0, last_steepness=2.0), asked(4, progress=0.9)
    theta = torch.tensor([-0.4, 0.1, 0.3, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda one: gate.values(one, aim), (theta,), eps=1e-6, atol=1e-6
    )


def test_no_direction_changes_the_sum():
    theta = torch.randn(50, dtype=torch.float64, requires_grad=True)
    Budget().values(theta, asked(50, progress=0.3, target=0.6)).sum().backward()
    assert float(theta.grad.abs().max()) < 1e-12


def test_steep_budget_is_nearly_hard():
    theta = torch.linspace(-1, 1, 21)
    values = Budget().values(theta, asked(21, target=16 / 21))
    assert int((values >= 0.5).sum()) == 5
    assert torch.equal(values.argsort(descending=True)[:5].sort().values, torch.arange(16, 21))


def test_what_was_cut_out_counts_as_gone():
    """10 of 40 nodes are there: a budget of 8 is met by them, one of 20 asks for all of them."""
    theta = torch.randn(10, generator=torch.Generator().manual_seed(0))
    for budget, expected in ((8, 8.0), (20, 10 * (1 - 1e-4))):
        aim = Aim(1.0, budget, of_nodes([10], whole=40))
        assert float(Budget().values(theta, aim).sum()) == pytest.approx(expected, rel=2e-4)


@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    progress=st.floats(0, 1),
    share=st.floats(0.05, 0.9),
    seed=st.integers(0, 99),
)
def test_budget_gates_cost_the_budget_in_parameters(sizes, progress, share, seed):
    cost = perceptron(3, *sizes)
    fixed = cost.of([0] * len(sizes))
    aim = Aim(progress, fixed + share * (cost.whole - fixed), cost)
    theta = torch.randn(sum(sizes), generator=torch.Generator().manual_seed(seed)).double()
    gate = Budget()
    values = gate.values(theta, aim)
    expected = min(gate.least(aim), cost.whole * (1 - 1e-4))
    assert float(cost.of(counts(values, sizes))) == pytest.approx(expected, rel=1e-6)


def test_budget_gradient_in_parameters_is_that_of_the_solved_gates():
    cost = perceptron(2, 3, 2)
    gate = Budget(steepness=2.0, last_steepness=2.0)
    aim = Aim(0.9, 0.5 * cost.whole, cost)
    theta = torch.tensor([-0.4, 0.1, 0.3, 0.9, 0.2], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda one: gate.values(one, aim), (theta,), eps=1e-6, atol=1e-6
    )


def test_no_direction_changes_the_cost():
    cost = perceptron(4, 20, 10)
    generator = torch.Generator().manual_seed(3)
    theta = torch.randn(30, dtype=torch.float64, generator=generator).requires_grad_()
    values = Budget().values(theta, Aim(0.3, 0.3 * cost.whole, cost))
    cost.of([one.sum() for one in torch.split(values, [20, 10])]).backward()
    assert float(theta.grad.abs().max()) < 1e-9


# -- straight through ----------------------------------------------------------------------------


@given(theta=thetas, progress=st.floats(0, 1), target=st.floats(0.1, 0.9))
def test_straight_through_opens_whole_nodes_at_once(theta, progress, target):
    gate, nodes = StraightThrough(), len(theta)
    aim = Aim(progress, max(1, nodes - round(target * nodes)), of_nodes([nodes]))
    values = gate.values(theta, aim)
    assert set(values.tolist()) <= {0.0, 1.0}
    assert int(values.sum()) == math.ceil(gate.least(aim) - 1e-6)


def test_straight_through_opens_the_best():
    values = StraightThrough().values(torch.tensor([3.0, 1.0, 2.0, -4.0]), asked(4))
    assert values.tolist() == [1, 0, 1, 0]


def test_straight_through_leaves_no_layer_without_its_floor():
    aim = Aim(1.0, 4, of_nodes([3, 3]), floor=2)
    values = StraightThrough().values(torch.tensor([9.0, 8, 7, -1, -2, -3]), aim)
    assert values.tolist() == [1, 1, 0, 1, 1, 0]


@given(share=st.floats(0.3, 1), seed=st.integers(0, 99))
def test_straight_through_stays_within_a_budget_of_parameters(share, seed):
    cost = perceptron(3, 8, 5)
    theta = torch.randn(13, generator=torch.Generator().manual_seed(seed))
    values = StraightThrough().values(theta, Aim(1.0, share * cost.whole, cost))
    found = [int(one) for one in counts(values, cost.sizes)]
    assert cost.of(found) <= share * cost.whole * (1 + 1e-9)
    for layer, there in enumerate(cost.sizes):
        if found[layer] < there:
            more = [count + (index == layer) for index, count in enumerate(found)]
            assert cost.of(more) > share * cost.whole


def test_straight_through_has_the_slope_of_a_sigmoid():
    theta = torch.tensor([-2.0, 0.0, 0.5, 3.0], requires_grad=True)
    StraightThrough().values(theta, asked(4)).sum().backward()
    soft = theta.detach().sigmoid()
    np.testing.assert_allclose(theta.grad.numpy(), (soft * (1 - soft)).numpy(), rtol=1e-6)


# -- sigmoids ------------------------------------------------------------------------------------


def test_sigmoid_slope_survives_saturation():
    """Beyond 17 a float32 sigmoid is exactly one and its gradient exactly zero; ours is neither."""
    plain = torch.full((1,), 20.0, requires_grad=True)
    plain.sigmoid().backward()
    assert float(plain.grad) == 0.0
    theta = torch.full((1,), 20.0, requires_grad=True)
    value = Sigmoid(limit=7.0).values(theta, asked(1, progress=0.0))
    value.backward()
    at_limit = 1 / (1 + math.exp(-7))
    assert float(value.detach()) == pytest.approx(at_limit, rel=1e-6)
    assert float(theta.grad) == pytest.approx(at_limit * (1 - at_limit), rel=1e-3)


def test_an_annealed_gate_becomes_a_switch():
    """Steepness 1, 7, 49: the geometric way from the first to the last."""
    gate, theta = Annealed(last_steepness=49.0, limit=100.0), torch.tensor([-0.5, 0.5])
    for progress, steepness in ((0.0, 1), (0.5, 7), (1.0, 49)):
        values = gate.values(theta, asked(2, progress=progress))
        high = 1 / (1 + math.exp(-0.5 * steepness))
        np.testing.assert_allclose(values.numpy(), [1 - high, high], rtol=1e-4)
        assert gate.steepness_at(progress) == pytest.approx(steepness)


def test_an_annealed_gate_at_its_limit_still_has_a_slope():
    theta = torch.tensor([3.0], requires_grad=True)
    Annealed(last_steepness=50.0, limit=7.0).values(theta, asked(1)).backward()
    at_limit = 1 / (1 + math.exp(-7))
    assert float(theta.grad) == pytest.approx(50 * at_limit * (1 - at_limit), rel=1e-3)


def test_a_hard_sigmoid_is_a_ramp_with_ends():
    gate = HardSigmoid(steepness=2.0)
    theta = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0], requires_grad=True)
    values = gate.values(theta, asked(7))
    assert values.tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1]
    values.sum().backward()
    inside = theta.grad[[2, 3, 4]]
    np.testing.assert_allclose(inside.numpy(), 2.0 / 4)  # as steep as the sigmoid in its middle
    assert theta.grad[[0, -1]].tolist() == [0, 0]


def test_a_leak_lets_a_share_of_the_slope_pass_and_changes_no_gate():
    theta = torch.tensor([-9.0, 0.0, 9.0], requires_grad=True)
    values = HardSigmoid(leak=0.1).values(theta, asked(3))
    assert values.tolist() == [0, 0.5, 1]
    values.sum().backward()
    np.testing.assert_allclose(theta.grad.numpy(), [0.025, 0.25, 0.025], rtol=1e-6)


# -- hard concrete -------------------------------------------------------------------------------


def test_hard_concrete_at_rest_is_equation_13():
    theta = torch.tensor([-4.0, -1.0, 0.0, 1.0, 4.0])
    values = HardConcrete().values(theta, asked(5)).numpy()
    expected = np.clip(1.2 / (1 + np.exp(-theta.numpy())) - 0.1, 0, 1)
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert (values[0], values[-1]) == (0, 1)


def test_hard_concrete_draws_are_equations_10_and_11():
    gate, noise = HardConcrete(), np.array([0.01, 0.4, 0.6, 0.99])
    drawn = gate.values(torch.full((4,), 0.3), asked(4), noise=torch.tensor(noise))
    steep = (np.log(noise / (1 - noise)) + 0.3) / gate.temperature
    expected = np.clip(1.2 / (1 + np.exp(-steep)) - 0.1, 0, 1)
    np.testing.assert_allclose(drawn.numpy(), expected, atol=1e-6)
    assert (float(drawn[0]), float(drawn[-1])) == (0, 1)


@pytest.mark.parametrize("theta", [-2.0, -0.5, 0.0, 1.0])
def test_hard_concrete_counts_the_gates_that_it_would_draw_above_zero(theta):
    """Equation 12 against a million draws; five standard deviations of a binomial."""
    gate, number = HardConcrete(), 1_000_000
    alike = torch.full((number,), theta)
    noise = torch.rand(number, generator=torch.Generator().manual_seed(1))
    drawn = gate.values(alike, asked(number), noise=noise)
    one = torch.tensor([theta])
    expected = float(gate.active(one, gate.values(one, asked(1)), asked(1)))
    found = float((drawn > 0).double().mean())
    assert abs(found - expected) < 5 * math.sqrt(expected * (1 - expected) / number)


def test_hard_concrete_beyond_its_limit_stands_there_and_can_return():
    gate, theta = HardConcrete(limit=3.0), torch.tensor([30.0], requires_grad=True)
    value = gate.values(theta, asked(1))
    active = gate.active(theta, value, asked(1))
    at_limit = gate.active(torch.tensor([3.0]), value, asked(1))
    assert torch.equal(active.detach(), at_limit)
    active.backward()
    expected = float(at_limit * (1 - at_limit))
    assert float(theta.grad) == pytest.approx(expected, rel=1e-4)


def test_extreme_draws_are_finite():
    noise = torch.tensor([0.0, 1.0 - 1e-7, 1.0])
    drawn = HardConcrete().values(torch.zeros(3, requires_grad=True), asked(3), noise=noise)
    assert drawn.tolist() == [0, 1, 1]
    drawn.sum().backward()


def test_a_start_beyond_the_limit_is_one_sentence():
    """At 0.95 theta starts at log(7); a limit below could never give that gate."""
    with pytest.raises(ConfigError, match=r"start_value \(0\.95\) lies beyond the limit of theta"):
        validated(HardConcrete, {"start_value": 0.95, "limit": 1.9}, where="gate")
