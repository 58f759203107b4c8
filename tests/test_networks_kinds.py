"""What every kind of network promises: a new one is a line in KINDS."""

import json

import numpy as np
import pytest
import torch
from network_kinds import CLASSES, INPUTS, KINDS, TRACKS, network_of, some_jets, trained
from pydantic import TypeAdapter

from ftag_prune.architecture import Architecture
from ftag_prune.compact import compact, cut, difference
from ftag_prune.config import Epochs, Gated, Run, Training
from ftag_prune.gates import Budget
from ftag_prune.goal import Goal
from ftag_prune.model import About, Model, load_model, save_model
from ftag_prune.networks import INPUTS as INPUT_LAYERS
from ftag_prune.networks import restored
from ftag_prune.rates import TwoRates
from ftag_prune.shadow import gated, parts_of, prunable
from ftag_prune.tensors import Description
from ftag_prune.train import fit
from ftag_prune.train.checkpoints import resume, save
from ftag_prune.train.criteria import scores
from ftag_prune.train.state import start

each_kind = pytest.mark.parametrize("kind", KINDS)


def some_kept(layers, rng):
    """At least half of the nodes of each layer."""
    kept = []
    for layer in layers:
        number = rng.integers((layer.nodes + 2) // 2, layer.nodes + 1)
        kept.append(tuple(sorted(rng.choice(layer.nodes, number, replace=False).tolist())))
    return tuple(kept)


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
    inputs = {layer.name for layer in network.layers()} & set(INPUT_LAYERS)
    assert network.architecture.selects_inputs == bool(inputs)
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
    network, jets = network_of(kind), some_jets()
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


# -- trained ---------------------------------------------------------------------------------------


def described():
    return Description(
        task="single_b",
        classes=("b", "c", "u"),
        inputs=tuple("abcde"),
        mean=(0.5,) * INPUTS,
        std=(2.0,) * INPUTS,
        fingerprint="jets",
        counts={},
        track_inputs=TRACKS,
        track_mean=(0.1,) * len(TRACKS),
        track_std=(1.5,) * len(TRACKS),
    )


def a_run(kind, **how):
    return Run(
        name="run",
        task="single_b",
        label="one",
        network=KINDS[kind],
        strategy="budget",
        how=Gated(gate=Budget(), rates=TwoRates(weights=5e-3), **how),
        training=Training(epochs=Epochs(dense=1, gated=2, tuned=1), batch_size=50),
        target=0.5,
        seed=1,
    )


@each_kind
@pytest.mark.parametrize("goal", [Goal(), Goal(unit="multiplications", inputs=True)], ids=str)
def test_a_training_ends_within_its_budget(kind, goal):
    run, train, val = a_run(kind, goal=goal), some_jets(101), some_jets(100, seed=1)
    done = fit(run, start(run, described()), train, val)
    (part,) = done.parts
    assert done.frozen.difference < 1e-5
    counted = {"nodes": sum(map(len, done.kept.values())), "multiplications": None}[goal.unit]
    left = done.network.multiplications() if counted is None else counted
    assert part.cost.of([len(one) for one in done.kept.values()]) == left <= part.budget


@each_kind
def test_an_interrupted_training_ends_the_same(kind, tmp_path):
    run, train, val = a_run(kind, ratchet=1), some_jets(100), some_jets(100, seed=1)
    whole = fit(run, start(run, described()), train, val)
    state, path = start(run, described()), tmp_path / "checkpoint.pt"
    fit(run, state, train, val, until=3, after_epoch=lambda now: save(path, now, identity="one"))
    back = resume(path, run, described(), identity="one")
    assert back.epoch == 3
    again = fit(run, back, train, val)
    assert whole.network.architecture == again.network.architecture
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name]), name


@each_kind
def test_the_criteria_of_the_controls_know_its_nodes(kind):
    """Squares of all weights of a node, and its weights times their gradients, by its axes."""
    network, jets = network_of(kind), some_jets()
    trained(network, jets, steps=3)
    layers = prunable(network, Goal(inputs=True))
    found = scores(network, layers, "magnitude", iter([jets]), rng=torch.Generator())
    for layer, one in zip(layers, found.split(sizes_of(layers)), strict=True):
        torch.testing.assert_close(one / one.mean(), magnitudes(network, layer))
    slopes = scores(network, layers, "taylor", iter([jets]), rng=torch.Generator())
    assert slopes.isfinite().all()
    assert slopes.max() > 0


def magnitudes(network, layer):
    weights = dict(network.named_parameters())
    total = torch.zeros(layer.nodes)
    for axis in (*layer.made, *layer.used):
        if axis.tensor.endswith(".weight"):
            squares = weights[axis.tensor].detach().square().movedim(axis.dim, 0)
            total += squares.reshape(axis.outer, layer.nodes, -1).sum((0, 2))
    return total / total.mean()
