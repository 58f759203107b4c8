"""The networks themselves: published sizes, known outputs, missing inputs."""

import numpy as np
import pytest
import torch
from torch import nn

from ftag_prune.architecture import Mlp
from ftag_prune.networks import build
from ftag_prune.networks.norms import SharedNorm


def mlp(hidden=None, inputs=5, classes=3, seed=0, **kind):
    architecture = Mlp(hidden=hidden, **kind)
    return build(architecture, mean=[0.0] * inputs, std=[1.0] * inputs, classes=classes, seed=seed)


@pytest.mark.parametrize(
    ("shape", "inputs", "classes", "nodes", "parameters"),
    [
        ("dl1", 36, 3, 570, 56_087),  # DL1r, less its batch-norms
        ("xbb", 15, 4, 1500, 318_754),  # ATLAS Xbb
        ("hls4ml", 16, 5, 128, 4_389),  # hls4ml jet tagger
    ],
)
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_published_sizes(shape, inputs, classes, nodes, parameters, norm):
    network = mlp(inputs=inputs, classes=classes, shape=shape, norm=norm)
    first, *layers = network.layers()
    assert (first.name, first.nodes) == ("inputs", inputs)
    assert sum(layer.nodes for layer in layers) == nodes
    assert {layer.name: layer.nodes for layer in layers} == network.architecture.nodes
    # A norm has a factor and a shift a node.
    assert network.parameter_count() == parameters + (0 if norm == "none" else 2 * nodes)
    assert network.multiplications() == parameters - nodes - classes


def test_forward_is_the_textbook_formula():
    network = build(Mlp(hidden=(4, 3)), mean=[1.0, 2.0], std=[2.0, 0.5], classes=2, seed=3)
    x = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    hidden = (x - [1.0, 2.0]) / [2.0, 0.5]
    weights = [one.detach().numpy() for one in network.parameters()]
    for weight, bias in [weights[0:2], weights[2:4]]:
        hidden = np.maximum(hidden @ weight.T + bias, 0)
    expected = hidden @ weights[4].T + weights[5]
    np.testing.assert_allclose(network(torch.tensor(x)).detach().numpy(), expected, atol=1e-5)


def test_missing_inputs_stand_at_their_mean():
    network = build(Mlp(hidden=(4,)), mean=[1.0, 2.0], std=[1.0, 1.0], classes=2)
    whole = network(torch.tensor([[1.0, 5.0], [1.0, 5.0], [1.0, 5.0]]))
    holes = network(torch.tensor([[torch.nan, 5.0], [torch.inf, 5.0], [-torch.inf, 5.0]]))
    assert torch.equal(whole, holes)


def test_the_seed_alone_makes_the_weights():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = mlp((8,), seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    second = mlp((8,), seed=5)
    other = mlp((8,), seed=6)
    assert all(torch.equal(*pair) for pair in zip(first.parameters(), second.parameters()))
    assert not torch.equal(first.linear[0].weight, other.linear[0].weight)


# -- norms, dropout, links ---------------------------------------------------------------------


def test_a_layer_norm_is_that_of_torch_until_gates_share():
    ours, theirs, x = SharedNorm(6), nn.LayerNorm(6), 3 + 2 * torch.randn(20, 6)
    with torch.no_grad():
        for name in ("weight", "bias"):
            theirs.get_parameter(name).copy_(ours.get_parameter(name).normal_())
    torch.testing.assert_close(ours(x), theirs(x))


def test_shares_weigh_the_nodes_of_a_layer_norm():
    norm = SharedNorm(3)
    with torch.no_grad():
        norm.share.copy_(torch.tensor([1.0, 0.5, 0.0]))
    x = torch.tensor([[1.0, 4.0, 1e6]])
    variance = ((1 - 2) ** 2 + 0.5 * (4 - 2) ** 2) / 1.5  # about the mean (1 + 0.5 * 4) / 1.5 = 2
    expected = (x - 2) / np.sqrt(variance + 1e-5)
    torch.testing.assert_close(norm(x), expected)


def test_shares_of_nothing_are_finite():
    norm, x = SharedNorm(3), torch.randn(4, 3)
    share = torch.zeros(3, requires_grad=True)
    out = torch.func.functional_call(norm, {"share": share}, (x,))
    out.sum().backward()
    assert out.isfinite().all()
    assert share.grad.isfinite().all()


def test_shares_are_no_weights():
    """Neither trained nor decayed, nor counted."""
    network = mlp((6, 5), norm="layer")
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.1)
    network(torch.randn(8, 5)).square().sum().backward()
    optimiser.step()
    assert (network.norm[0].share == 1).all()
    assert "norm.0.share" not in network.counted()


@pytest.mark.parametrize("jets", [0, 1])
def test_a_batch_of_one_jet_is_no_batch_to_normalise_with(jets):
    network = mlp((6,), norm="batch").train()
    network(torch.randn(8, 5))
    remembered = {name: one.clone() for name, one in network.named_buffers()}
    x = torch.randn(jets, 5)
    found = network(x)
    assert all(torch.equal(one, remembered[name]) for name, one in network.named_buffers())
    torch.testing.assert_close(found, network.eval()(x))


def test_linked_layers_add_what_came_in():
    network = build(
        Mlp(hidden=(4, 4, 3), residual=True), mean=[0.0] * 2, std=[1.0] * 2, classes=2, seed=3
    )
    x = torch.randn(6, 2)
    first, second, third, last = network.linear
    one = torch.relu(first(x))
    two = one + torch.relu(second(one))
    torch.testing.assert_close(network(x), last(torch.relu(third(two))))
    assert {layer.name: layer.nodes for layer in network.layers()[1:]} == {
        "hidden1-2": 4,
        "hidden3": 3,
    }
    assert network.parameter_count() == mlp((4, 4, 3), inputs=2, classes=2).parameter_count()


def test_dropout_acts_in_training_alone():
    network, x = mlp((40,), dropout=0.5), torch.randn(8, 5)
    torch.manual_seed(0)
    first, second = network(x), network(x)
    assert not torch.allclose(first, second)
    torch.manual_seed(0)
    assert torch.equal(network(x), first)
    network.eval()
    torch.testing.assert_close(network(x), mlp((40,))(x))
