"""The pruning loss: shapes and reductions by hand, with their gradients."""

import pytest
import torch
from pydantic import TypeAdapter

from ftag_prune.errors import ConfigError
from ftag_prune.pruning_loss import Absolute, OneSided, PruningLoss, Squared
from ftag_prune.spec import validated

SHAPES = [Squared, Absolute, OneSided]
NODES = 8


def by_hand(kind, gap):
    """Value and slope of a shape."""
    return {
        Squared: (gap**2, 2 * gap),
        Absolute: (abs(gap), (gap > 0) - (gap < 0)),
        OneSided: (max(0.0, gap) ** 2, 2 * max(0.0, gap)),
    }[kind]


def measured(loss, gap, *, wanted=0.25):
    """Loss of eight equal gates, and its gradient on each of them."""
    gates = torch.full((NODES,), wanted + gap, dtype=torch.float64, requires_grad=True)
    found = loss.of(gates.mean(), gates, wanted=wanted)
    found.backward()
    assert torch.equal(gates.grad, gates.grad[:1].expand(NODES))
    return float(found.detach()), float(gates.grad[0])


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("gap", [0.5, 0.0, -0.125])
def test_a_mean_loss_is_its_shape(kind, gap):
    """The gradient on a gate has the 1/N of dilution."""
    value, slope = by_hand(kind, gap)
    assert measured(kind(), gap) == (pytest.approx(value), pytest.approx(slope / NODES))


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("gap", [0.5, 0.0, -0.125])
def test_a_sum_is_the_shape_of_the_number_of_nodes_too_many(kind, gap):
    value, slope = by_hand(kind, NODES * gap)
    found = measured(kind(reduction="sum"), gap)
    assert found == (pytest.approx(value), pytest.approx(slope))


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("gap", [0.5, 0.0, -0.125])
def test_a_scaled_loss_is_the_mean_times_the_nodes(kind, gap):
    """So that the gradient on a gate does not depend on the size of the network."""
    value, slope = by_hand(kind, gap)
    found = measured(kind(reduction="scaled"), gap)
    assert found == (pytest.approx(NODES * value), pytest.approx(slope))


@pytest.mark.parametrize("kind", SHAPES)
def test_binarise_pushes_gates_away_from_one_half(kind):
    """At the wanted fraction only ``mean z (1 - z)`` is left, with slope (1 - 2 z) / N."""
    half_open = [0.125, 0.375, 0.625, 0.875]
    gates = torch.tensor(half_open, dtype=torch.float64, requires_grad=True)
    found = kind(binarise=3.0).of(gates.mean(), gates, wanted=0.5)
    assert float(found.detach()) == sum(3 * z * (1 - z) / 4 for z in half_open)
    found.backward()
    assert gates.grad.tolist() == pytest.approx([3 * (1 - 2 * z) / 4 for z in half_open])


def test_binarise_adds_to_the_loss_whatever_its_reduction():
    gates = torch.tensor([1.0, 0.5, 0.5, 0.0])
    for reduction, expected in (("mean", 0.0625), ("sum", 1.0), ("scaled", 0.25)):
        loss = Squared(reduction=reduction, binarise=2.0)
        assert float(loss.of(gates.mean(), gates, wanted=0.25)) == expected + 2 * 0.125


def test_hard_gates_pay_nothing_for_binarise():
    gates = torch.tensor([1.0, 1.0, 0.0, 0.0])
    assert float(Squared(binarise=9.0).of(gates.mean(), gates, wanted=0.5)) == 0


def test_the_active_fraction_may_be_of_a_cost():
    """It is what the shape sees; the gates only tell how many nodes there are."""
    active, gates = torch.tensor(0.75), torch.zeros(4)
    assert float(Squared(reduction="sum").of(active, gates, wanted=0.25)) == 4.0
    assert float(OneSided().of(active, gates, wanted=0.8)) == 0


@pytest.mark.parametrize("kind", SHAPES)
def test_every_loss_comes_back_from_its_json(kind):
    loss = kind(reduction="scaled", binarise=0.5)
    assert TypeAdapter(PruningLoss).validate_json(loss.model_dump_json()) == loss


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"reduction": "max"}, "loss: reduction: input should be 'mean', 'sum' or 'scaled'"),
        ({"binarise": -1}, "loss: binarise: input should be greater than or equal to 0"),
        ({"binarize": 1}, "loss: no key 'binarize'; nearest: 'binarise'"),
    ],
)
def test_mistakes_are_one_sentence(content, sentence):
    with pytest.raises(ConfigError) as caught:
        validated(Squared, content, where="loss")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
