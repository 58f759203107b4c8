"""Networks of tracks: the textbook's numbers, no leak from empty slots, no order of tracks."""

import math
import warnings
from itertools import pairwise

import numpy as np
import pytest
import torch
from network_kinds import INPUTS, KINDS, SLOTS, TRACKS, network_of, some_jets, trained
from onnxruntime import InferenceSession
from torch.nn.functional import cross_entropy, layer_norm, relu

from ftag_prune.architecture import DeepSets, TrackOrigin, Transformer
from ftag_prune.compact import compact
from ftag_prune.errors import ConfigError, TrainingError
from ftag_prune.goal import Goal
from ftag_prune.networks import build, cost_of
from ftag_prune.networks.attention import Attention
from ftag_prune.networks.packed import packed
from ftag_prune.shadow import prunable

OF_TRACKS = [name for name, one in KINDS.items() if one.needs_tracks]

each_kind = pytest.mark.parametrize("kind", OF_TRACKS)


def ready(kind, jets):
    network = network_of(kind)
    trained(network, jets, steps=5)
    return network.eval()


def logits(network, jets):
    with torch.no_grad():
        return network(*network.arguments(jets))


def some_of(jets, first, last):
    return jets._make(None if one is None else one[first:last] for one in jets)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


# -- padding ---------------------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("junk", [1e30, torch.nan, torch.inf])
@pytest.mark.parametrize("training", [True, False])
def test_what_stands_in_an_empty_slot_changes_nothing(kind, junk, training):
    jets = some_jets()
    network = ready(kind, jets).train(training)
    dirty = jets._replace(tracks=jets.tracks.masked_fill(~jets.valid[..., None], junk))
    torch.manual_seed(0)
    clean = network(*network.arguments(jets))
    torch.manual_seed(0)
    found = network(*network.arguments(dirty))
    assert torch.equal(found, clean)
    network.zero_grad()
    cross_entropy(found, jets.y).backward()
    assert all(one.grad.isfinite().all() for one in network.counted().values())


@each_kind
def test_the_number_of_slots_changes_nothing(kind):
    jets = some_jets()
    network = ready(kind, jets)
    more = torch.full((len(jets.y), 24, len(TRACKS)), 1e30)
    longer = jets._replace(
        tracks=torch.cat([jets.tracks, more], 1),
        valid=torch.cat([jets.valid, torch.zeros(len(jets.y), 24, dtype=torch.bool)], 1),
    )
    close(logits(network, longer), logits(network, jets))


@each_kind
def test_the_order_of_the_tracks_changes_nothing(kind):
    jets = some_jets()
    network = ready(kind, jets)
    order = torch.rand(jets.valid.shape, generator=torch.Generator().manual_seed(0)).argsort(1)
    turned = jets._replace(
        tracks=jets.tracks.take_along_dim(order[..., None], 1),
        valid=jets.valid.take_along_dim(order, 1),
    )
    close(logits(network, turned), logits(network, jets))


@each_kind
def test_jets_do_not_see_each_other(kind):
    """Enough of them for several groups, and one by one."""
    jets = some_jets(700)
    network = ready(kind, jets)
    whole = logits(network, jets)
    some = range(0, 700, 35)
    alone = [logits(network, some_of(jets, one, one + 1)) for one in some]
    close(torch.cat(alone), whole[list(some)])


@each_kind
def test_jets_without_tracks_are_finite_and_all_alike_but_for_their_inputs(kind):
    jets = some_jets(20)
    network = ready(kind, jets)
    bare = jets._replace(valid=torch.zeros_like(jets.valid), x=jets.x[:1].expand(20, -1))
    found = network(*network.arguments(bare))
    assert found.isfinite().all()
    close(found, found[:1].expand_as(found))
    found.square().sum().backward()
    grads = [one.grad for one in network.parameters() if one.grad is not None]
    assert all(one.isfinite().all() for one in grads)
    none = some_of(jets, 0, 0)
    assert logits(network, none).shape == (0, 3)


# -- inputs ----------------------------------------------------------------------------------------


@each_kind
def test_missing_inputs_of_a_track_stand_at_their_mean(kind):
    jets = some_jets()
    network = ready(kind, jets)
    missing = torch.rand(jets.tracks.shape, generator=torch.Generator().manual_seed(0)) < 0.2
    means = torch.zeros(len(TRACKS)).index_copy(0, network.columns, network.track_mean)
    expected = logits(network, jets._replace(tracks=torch.where(missing, means, jets.tracks)))
    for value in (torch.nan, torch.inf, -torch.inf):
        holes = jets._replace(tracks=jets.tracks.masked_fill(missing, value))
        close(logits(network, holes), expected)


@each_kind
def test_inputs_are_normalised_inside(kind):
    jets = some_jets()
    architecture = KINDS[kind]
    rng = np.random.default_rng(0)
    mean, std = rng.normal(size=len(TRACKS)), rng.uniform(0.5, 2, len(TRACKS))
    scaled = jets._replace(
        tracks=torch.tensor(jets.tracks.double().numpy() * std + mean, dtype=torch.float32)
    )
    plain, normal = (
        build(
            architecture, mean=[0.0] * INPUTS, std=[1.0] * INPUTS, classes=3, tracks=TRACKS, **more
        ).eval()
        for more in ({}, {"track_mean": mean.tolist(), "track_std": std.tolist()})
    )
    close(logits(normal, scaled), logits(plain, jets))


def test_tracks_are_taken_by_their_names():
    jets, chosen = some_jets(), ("hits", "d0")
    network = build(DeepSets(tracks=chosen), mean=[], std=[], classes=3, tracks=TRACKS, seed=2)
    assert network.columns.tolist() == [5, 0]
    fewer = build(DeepSets(), mean=[], std=[], classes=3, tracks=chosen, seed=2)
    expected = fewer(jets.x, jets.tracks[..., [5, 0]], jets.valid)
    torch.testing.assert_close(network(jets.x, jets.tracks, jets.valid), expected)


@pytest.mark.parametrize("kind", [DeepSets, Transformer])
def test_jets_that_have_not_what_it_takes_are_one_sentence(kind):
    with pytest.raises(ConfigError, match="takes the track input 'd1', which the jets do not have"):
        build(kind(tracks=("d1",)), mean=[0.0], std=[1.0], classes=3, tracks=TRACKS)
    with pytest.raises(ConfigError, match="these jets have no track inputs; prepare them with"):
        build(kind(), mean=[0.0], std=[1.0], classes=3)
    network = build(kind(), mean=[0.0], std=[1.0], classes=3, tracks=TRACKS)
    with pytest.raises(TrainingError, match="sees the tracks of a jet, and these jets have none"):
        network.arguments(some_jets()._replace(tracks=None, valid=None))


@each_kind
def test_inputs_that_were_cut_are_not_looked_at(kind):
    jets = some_jets()
    network = ready(kind, jets)
    layers = prunable(network, Goal(inputs=True))
    kept = tuple(
        (1, 2) if layer.name == "track_inputs" else tuple(range(layer.nodes)) for layer in layers
    )
    small = compact(network, layers, torch.ones(sum(layer.nodes for layer in layers)), kept)
    seen = network.columns[[1, 2]]
    assert torch.equal(small.columns, seen)
    others = [place for place in range(len(TRACKS)) if place not in seen]
    changed = jets._replace(tracks=jets.tracks.index_fill(2, torch.tensor(others), 7.0))
    assert torch.equal(logits(small, changed), logits(small, jets))
    assert not torch.equal(logits(network, changed), logits(network, jets))


# -- the textbook ----------------------------------------------------------------------------------


def through(stack, hidden, beside=0.0):
    """Hidden layers without norms, one after another."""
    for index, linear in enumerate(stack.linear):
        hidden = linear(hidden) + (beside if index == 0 else 0.0)
        hidden = relu(hidden) if index < len(stack.hidden) else hidden
    return hidden


def normalised(network, jets, jet):
    """Inputs of one jet, and of its tracks that are there."""
    tracks = jets.tracks[jet][jets.valid[jet]][:, network.columns]
    x = jets.x[jet].nan_to_num(nan=0.5)
    return (x - 0.5) / 2.0, (tracks - 0.1) / 1.5


@pytest.mark.parametrize("kind", ["deepsets", "deepsets mean"])
def test_deep_sets_are_the_textbook_formula(kind):
    jets = some_jets(30)
    network = ready(kind, jets)
    found = logits(network, jets)
    for jet in range(30):
        x, tracks = normalised(network, jets, jet)
        summed = through(network.track, tracks).sum(0)
        if kind == "deepsets mean":
            summed = summed / max(1, len(tracks))
        beside = network.beside.weight @ x if kind == "deepsets mean" else 0.0
        close(found[jet], through(network.jet, summed, beside))


@pytest.mark.parametrize("kind", ["transformer", "transformer bare"])
def test_the_transformer_is_the_textbook_formula(kind):
    jets = some_jets(30)
    network = ready(kind, jets)
    found = logits(network, jets)
    for jet in range(30):
        x, tracks = normalised(network, jets, jet)
        beside = 0.0 if network.beside is None else network.beside.weight @ x
        seen = through(network.track, tracks, beside)
        for block in network.blocks:
            seen = seen + by_hand(block.attention, block.norm1(seen))
            seen = seen + through(block.ff, block.norm2(seen))
        seen = layer_norm(seen, (8,), network.norm.weight, network.norm.bias)
        pooled = (seen * network.pool(seen).softmax(0)).sum(0)
        close(found[jet], through(network.jet, pooled))


def by_hand(attention, x):
    """Attention among the tracks (tracks, embedding) of one jet, head after head."""
    heads, dim = attention.heads, attention.head_dim
    query, key, value = attention.projection(x).view(-1, 3, heads, dim).unbind(1)
    seen = [
        (query[:, head] @ key[:, head].T / math.sqrt(dim)).softmax(1) @ value[:, head]
        for head in range(heads)
    ]
    return attention.output(torch.cat(seen, 1))


@pytest.mark.parametrize("filled", [0.5, 1.0])
@pytest.mark.parametrize("jets", [3, 700])
def test_attention_without_empty_slots_is_that_with_them(jets, filled):
    torch.manual_seed(0)
    attention, x = Attention(8, 4, head_dim=3), torch.randn(jets, SLOTS, 8)
    valid = torch.rand(jets, SLOTS) < filled
    places = packed(valid)
    found = places.put(attention.among(places.taken(x), places.groups()))
    expected = attention(x, valid).masked_fill(~valid[..., None], 0.0)
    close(found, expected)


# -- places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("jets", [0, 1, 63, 64, 200, 1000])
def test_groups_hold_every_track_once(jets):
    rng = torch.Generator().manual_seed(jets)
    valid = torch.rand(jets, 7, generator=rng) < torch.rand(jets, 1, generator=rng)
    places = packed(valid)
    groups = places.groups()
    assert sum(group.jets for group in groups) == jets
    assert sum(group.tracks for group in groups) == len(places.jet) == valid.sum()
    assert len(groups) == max(1, min(8, jets // 64))
    mosts = [group.most for group in groups]
    assert mosts == sorted(mosts)
    for group in groups:
        assert (group.rank < group.most).all()
        there = torch.ones_like(group.absent).index_put(
            (group.jet, group.rank), torch.tensor(False)
        )
        assert torch.equal(there, group.absent)
    values = torch.rand(jets, 7, 2, generator=rng)
    wanted = values * valid[..., None]
    assert torch.equal(places.put(places.taken(values)), wanted)
    torch.testing.assert_close(places.summed(places.taken(values)), wanted.sum(1))


def test_shares_are_a_softmax_over_the_tracks_of_a_jet():
    valid = torch.tensor([[True, False, True], [False] * 3, [True, True, True]])
    places, scores = packed(valid), torch.randn(3, 3, 1)
    found = places.put(places.shares(places.taken(scores)))[..., 0]
    expected = scores[..., 0].masked_fill(~valid, -torch.inf).softmax(1).nan_to_num(0.0)
    torch.testing.assert_close(found, expected)


# -- what it costs ---------------------------------------------------------------------------------


def test_multiplications_of_deep_sets_by_hand():
    architecture = DeepSets(track=(7, 6), jet=(5,), jet_inputs=True, slots=11)
    network = build(architecture, mean=[0.0] * 4, std=[1.0] * 4, classes=3, tracks=TRACKS)
    assert network.multiplications() == 11 * (6 * 7 + 7 * 6) + (6 + 4) * 5 + 5 * 3


def test_multiplications_of_the_transformer_by_hand():
    architecture = Transformer(
        track=(7,), embedding=12, layers=2, heads=3, head_dim=5, ff=9, jet=(8,), slots=11
    )
    network = build(architecture, mean=[0.0] * 4, std=[1.0] * 4, classes=3, tracks=TRACKS)
    block = 12 * 3 * 15 + 15 * 12 + 12 * 9 + 9 * 12
    compared = 2 * 11 * 11 * 15  # queries with keys, weights with values
    tracks = 11 * (6 * 7 + 7 * 12 + 2 * block + 12) + 2 * compared
    assert network.multiplications() == tracks + 4 * 7 + 12 * 8 + 8 * 3
    cost = cost_of(
        network.layers(), network.counted(), unit="multiplications", applied=network.applied()
    )
    assert cost.whole == pytest.approx(network.multiplications(), abs=1e-6)


def test_dips_has_its_size():
    network = build(DeepSets(norm="batch"), mean=[], std=[], classes=4, tracks=TRACKS)
    widths = [len(TRACKS), 100, 100, 128, 100, 100, 100, 30, 4]
    hidden = sum(widths[1:-1])
    expected = sum(one * two + two for one, two in pairwise(widths)) + 2 * hidden
    assert network.parameter_count() == expected
    assert sum(network.architecture.nodes.values()) == hidden == 658


# -- origins of tracks -----------------------------------------------------------------------------


def test_origins_do_not_change_the_tagger():
    jets = some_jets()
    told, plain = (
        build(
            Transformer(track=(9,), embedding=8, layers=2, heads=4, ff=10, track_origin=origin),
            mean=[0.5] * INPUTS,
            std=[2.0] * INPUTS,
            classes=3,
            seed=1,
            tracks=TRACKS,
        )
        for origin in (TrackOrigin(), None)
    )
    expected = logits(plain, jets)
    assert torch.equal(logits(told, jets), expected)
    found, origins = told.forward_with_origins(*told.arguments(jets))
    assert torch.equal(found, expected)
    assert origins.shape == (*jets.valid.shape, TrackOrigin.classes)
    assert (origins[~jets.valid] == 0).all()
    assert origins[jets.valid].std(0).min() > 1e-3
    assert told.architecture.nodes == plain.architecture.nodes
    assert told.parameter_count() == plain.parameter_count()
    assert told.multiplications() == plain.multiplications()
    with pytest.raises(TrainingError, match="only with `track_origin`, which is missing"):
        plain.forward_with_origins(*plain.arguments(jets))


def test_origins_are_those_of_the_tracks_in_their_slots():
    """The hidden layer of an origin sees its track and its jet."""
    jets = some_jets(30)
    network = ready("transformer origin", jets)
    _, origins = network.forward_with_origins(*network.arguments(jets))
    for jet in range(1, 30):
        x, tracks = normalised(network, jets, jet)
        seen = through(network.track, tracks, network.beside.weight @ x)
        for block in network.blocks:
            seen = seen + by_hand(block.attention, block.norm1(seen))
            seen = seen + through(block.ff, block.norm2(seen))
        seen = network.norm(seen)
        pooled = (seen * network.pool(seen).softmax(0)).sum(0)
        expected = through(network.origin.track, seen, network.origin.beside.weight @ pooled)
        close(origins[jet][jets.valid[jet]], expected)


def test_origins_are_learned_and_survive_a_cut():
    jets = some_jets()
    network = ready("transformer origin", jets)
    _, origins = network.forward_with_origins(*network.arguments(jets))
    origins.square().sum().backward()
    assert all(one.grad is not None for one in network.origin.parameters())
    layers = network.layers()
    whole = tuple(tuple(range(layer.nodes)) for layer in layers)
    small = compact(network, layers, torch.ones(sum(map(len, whole))), whole).eval()
    close(small.forward_with_origins(*small.arguments(jets))[1], origins)


# -- exported --------------------------------------------------------------------------------------


@each_kind
def test_it_can_be_exported_for_any_number_of_jets_and_slots(kind, tmp_path):
    jets = some_jets(12)
    network, file = ready(kind, some_jets()), tmp_path / "one.onnx"
    names = ["x", "tracks", "valid"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            network.arguments(jets),
            file,
            dynamo=False,
            opset_version=17,
            input_names=names,
            dynamic_axes={name: {0: "jets", 1: "slots"} for name in names[1:]} | {"x": {0: "jets"}},
        )
    session = InferenceSession(file)
    taken = [one.name for one in session.get_inputs()]
    empty = jets._replace(valid=torch.zeros_like(jets.valid))
    for others in (some_jets(700), some_jets(30, slots=33), some_jets(10, slots=1), empty):
        given = dict(zip(names, network.arguments(others), strict=True))
        (found,) = session.run(None, {name: given[name].numpy() for name in taken})
        close(torch.tensor(found), logits(network, others))
