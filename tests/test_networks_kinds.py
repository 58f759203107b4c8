"""What every kind of network promises: a new one is a line in KINDS."""

import json

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch.nn.functional import cross_entropy

from ftag_prune.architecture import Architecture, DeepSets, Mlp, TrackOrigin, Transformer
from ftag_prune.compact import compact, cut, difference
from ftag_prune.goal import Goal
from ftag_prune.model import About, Model, load_model, save_model
from ftag_prune.networks import build, restored
from ftag_prune.shadow import gated, parts_of, prunable
from ftag_prune.tensors import Jets

INPUTS, CLASSES, SLOTS = 5, 3, 9
TRACKS = ("d0", "z0", "deta", "dphi", "log_ptfrac", "hits")

KINDS = {
    "mlp": Mlp(hidden=(9, 7, 7)),
    "mlp batch": Mlp(hidden=(9, 7, 7), norm="batch", activation="silu", dropout=0.1),
    "mlp layer": Mlp(hidden=(9, 7, 7), norm="layer", activation="gelu"),
    "mlp residual": Mlp(width=8, depth=4, residual=True, activation="tanh"),
    "mlp linked": Mlp(hidden=(9, 9, 7, 7, 7), residual=(2, 5), norm="layer"),
    "mlp linked batch": Mlp(hidden=(9, 9, 7, 7, 7), residual=(2, 5), norm="batch"),
    "deepsets": DeepSets(track=(9, 8, 7), jet=(7, 6), tracks=("log_ptfrac", "d0", "z0", "deta")),
    "deepsets mean": DeepSets(track=(9,), jet=(7,), jet_inputs=True, pooling="mean"),
    "deepsets batch": DeepSets(track=(9, 7), jet=(7, 5), norm="batch", dropout=0.1),
    "deepsets layer": DeepSets(track=(9, 7), jet=(7, 5), norm="layer", jet_inputs=True),
    "transformer": Transformer(track=(9,), embedding=8, layers=2, heads=4, ff=10, jet=(9, 7)),
    "transformer bare": Transformer(
        track=(), embedding=8, layers=1, heads=3, head_dim=5, ff=10, jet=(9,), jet_inputs=False
    ),
    "transformer norms": Transformer(
        track=(9, 8), embedding=8, layers=1, heads=2, ff=9, jet=(9,), norm="layer", dropout=0.1
    ),
    "transformer origin": Transformer(
        track=(9,), embedding=8, layers=2, heads=4, ff=10, jet=(9,), track_origin=TrackOrigin()
    ),
}

each_kind = pytest.mark.parametrize("kind", KINDS)


def network_of(kind, seed=1):
    return build(
        KINDS[kind],
        mean=[0.5] * INPUTS,
        std=[2.0] * INPUTS,
        classes=CLASSES,
        seed=seed,
        tracks=TRACKS,
        track_mean=[0.1] * len(TRACKS),
        track_std=[1.5] * len(TRACKS),
    )


def some_jets(number=200, seed=0, slots=SLOTS):
    """Jets whose class shows in their inputs and in their tracks; some have no track."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, CLASSES, number)
    x = rng.normal(size=(number, INPUTS)) + 3 * np.eye(CLASSES, INPUTS)[y]
    tracks = rng.normal(size=(number, slots, len(TRACKS)))
    tracks += 2 * np.eye(CLASSES, len(TRACKS))[y][:, None]
    tracks[..., 2:4] *= 0.2
    valid = rng.random((number, slots)) < 0.6
    valid[:: number // 10] = False
    x[rng.random(x.shape) < 0.05] = np.nan
    tracks[~valid] = 0
    return Jets(
        torch.tensor(x, dtype=torch.float32),
        torch.tensor(tracks, dtype=torch.float32),
        torch.tensor(valid),
        torch.tensor(y),
        torch.ones(number),
    )


def trained(network, jets, steps=40):
    """Losses of a few steps, so that norms remember something and logits differ."""
    torch.manual_seed(0)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2, fused=True)
    losses = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = cross_entropy(network(*network.arguments(jets)), jets.y)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def some_kept(layers, rng):
    return tuple(
        tuple(
            sorted(
                rng.choice(
                    layer.nodes, rng.integers((layer.nodes + 2) // 2, layer.nodes + 1), False
                ).tolist()
            )
        )
        for layer in layers
    )


def sizes_of(layers):
    return [layer.nodes for layer in layers]


# -- built -----------------------------------------------------------------------------------------


@each_kind
def test_the_seed_alone_makes_the_weights(kind):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = network_of(kind, seed=5)
    again, other = network_of(kind, seed=5), network_of(kind, seed=6)
    resized = first.resized({layer.name: 1 for layer in first.layers()})
    restored(first.architecture, first.state_dict(), classes=CLASSES)
    assert torch.equal(torch.get_rng_state(), before)
    assert [one.nodes for one in resized.layers()] == [1] * len(first.layers())
    for one, same in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, same)
    assert any(not torch.equal(*two) for two in zip(first.parameters(), other.parameters()))


@each_kind
def test_the_architecture_tells_the_nodes(kind):
    network = network_of(kind)
    hidden = {layer.name: layer.nodes for layer in prunable(network, Goal())}
    assert hidden == network.architecture.nodes
    known = TypeAdapter(Architecture).validate_python(json.loads(KINDS[kind].model_dump_json()))
    assert known == KINDS[kind]


@each_kind
def test_every_axis_is_one_of_its_tensor(kind):
    network = network_of(kind)
    tensors = network.state_dict()
    for layer in network.layers():
        for axis in (*layer.made, *layer.used):
            assert tensors[axis.tensor].shape[axis.dim] == axis.outer * layer.nodes * axis.inner


@each_kind
def test_it_learns(kind):
    losses = trained(network_of(kind), some_jets())
    assert losses[-1] < 0.6 * losses[0]


# -- cut -------------------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("inputs", [False, True])
def test_compacted_equals_masked(kind, inputs):
    """Twice in a row, with soft gates that stay in the weights."""
    network, jets = network_of(kind), some_jets(300)
    trained(network, jets)
    goal, rng, spreads = Goal(inputs=inputs), np.random.default_rng(4), []
    for _ in range(2):
        layers = prunable(network, goal)
        gates = torch.tensor(rng.uniform(0.3, 1, sum(sizes_of(layers))), dtype=torch.float32)
        kept = some_kept(layers, rng)
        small = compact(network, layers, gates, kept)
        assert sizes_of(prunable(small, goal)) == [len(one) for one in kept]
        gap = difference(network, layers, gates, kept, small, jets)
        assert gap < 1e-5
        spreads.append(small.eval()(*small.arguments(jets)).std(0).max().item())
        network = small
    assert max(spreads) > 0.01, "the jets are told apart"


@each_kind
def test_a_closed_node_says_nothing_while_it_is_trained(kind):
    """Gates of zero stop what a node says, whatever it is; also in the batch's own norms."""
    network, jets = network_of(kind).train(), some_jets()
    layers = prunable(network, Goal())
    rng = np.random.default_rng(5)
    kept = some_kept(layers, rng)
    gates = torch.cat(
        [
            torch.zeros(layer.nodes).index_fill(0, torch.tensor(one), 1.0)
            for layer, one in zip(layers, kept)
        ]
    )
    small = compact(network, layers, gates, kept)
    torch.manual_seed(0)
    with torch.no_grad():
        masked = gated(network, layers, gates, network.arguments(jets))
        found = small(*small.arguments(jets))
    if KINDS[kind].dropout == 0:
        torch.testing.assert_close(found, masked, rtol=0, atol=1e-5)


@each_kind
@pytest.mark.parametrize("unit", ["parameters", "multiplications"])
@pytest.mark.parametrize("inputs", [False, True])
def test_a_smaller_network_costs_what_the_polynomial_says(kind, unit, inputs):
    network, rng = network_of(kind), np.random.default_rng(6)
    goal = Goal(unit=unit, inputs=inputs)
    layers = prunable(network, goal)
    (part,) = parts_of(network, goal, target=0.1)
    kept = some_kept(layers, rng)
    small = compact(network, layers, torch.ones(sum(sizes_of(layers))), kept)
    counted = {
        "parameters": (network.parameter_count(), small.parameter_count()),
        "multiplications": (network.multiplications(), small.multiplications()),
    }
    assert (part.cost.whole, part.cost.of([len(one) for one in kept])) == counted[unit]


@each_kind
def test_what_the_optimiser_remembers_is_cut_alike(kind):
    network = network_of(kind)
    layers, rng = network.layers(), np.random.default_rng(7)
    kept = some_kept(layers, rng)
    taken = cut(dict(network.named_parameters()), layers, kept)
    small = compact(network, layers, torch.ones(sum(sizes_of(layers))), kept)
    assert {name: one.shape for name, one in taken.items()} == {
        name: one.shape for name, one in small.named_parameters()
    }


# -- kept ------------------------------------------------------------------------------------------


@each_kind
def test_a_model_comes_back_from_its_file(kind, tmp_path):
    network, jets = network_of(kind), some_jets()
    trained(network, jets, steps=3)
    layers = prunable(network, Goal())
    kept = some_kept(layers, np.random.default_rng(8))
    small = compact(network, layers, torch.full((sum(sizes_of(layers)),), 0.7), kept).eval()
    about = About("single_b", ("b", "c", "u"), tuple("abcde"))
    save_model(tmp_path / "model.pt", Model(small, about))
    back = load_model(tmp_path / "model.pt").network
    assert back.architecture == small.architecture
    assert torch.equal(back(*back.arguments(jets)), small(*small.arguments(jets)))
    assert back.parameter_count() == small.parameter_count()
