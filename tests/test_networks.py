"""The networks themselves: published sizes, known outputs, missing inputs."""

import numpy as np
import pytest
import torch

from ftag_prune.architecture import Mlp
from ftag_prune.networks import build


def mlp(hidden, inputs=5, classes=3, seed=0, **kind):
    architecture = Mlp(hidden=hidden, **kind)
    return build(architecture, mean=[0.0] * inputs, std=[1.0] * inputs, classes=classes, seed=seed)


@pytest.mark.parametrize(
    ("inputs", "hidden", "classes", "nodes", "parameters"),
    [
        (36, (256, 128, 60, 48, 36, 24, 12, 6), 3, 570, 56_087),  # DL1r, less its batch-norms
        (15, (250,) * 6, 4, 1500, 318_754),  # ATLAS Xbb
        (16, (64, 32, 32), 5, 128, 4_389),  # hls4ml jet tagger
    ],
)
def test_published_sizes(inputs, hidden, classes, nodes, parameters):
    network = mlp(hidden, inputs=inputs, classes=classes)
    first, *layers = network.layers()
    assert (first.name, first.nodes) == ("inputs", inputs)
    assert sum(layer.nodes for layer in layers) == nodes
    assert {layer.name: layer.nodes for layer in layers} == network.architecture.nodes
    assert network.parameter_count() == parameters
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
