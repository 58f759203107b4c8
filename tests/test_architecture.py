"""Architectures in a study: what can be asked for, and what they tell before they are built."""

import pytest
from pydantic import TypeAdapter

from ftag_prune.architecture import DeepSets, Mlp, TrackOrigin, Transformer
from ftag_prune.errors import ConfigError
from ftag_prune.spec import validated


def checked(kind, **content):
    return validated(kind, content, where="study")


# -- perceptrons -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "hidden"),
    [
        ({"hidden": [5, 4]}, (5, 4)),
        ({"width": 7, "depth": 3}, (7, 7, 7)),
        ({"shape": "dl1"}, (256, 128, 60, 48, 36, 24, 12, 6)),
        ({"shape": "xbb"}, (250,) * 6),
        ({"shape": "hls4ml"}, (64, 32, 32)),
    ],
)
def test_widths_are_given_in_one_of_three_ways(asked, hidden):
    found = checked(Mlp, **asked)
    assert found == Mlp(hidden=hidden)
    assert found.hidden == hidden
    assert found.nodes == {f"hidden{index}": nodes for index, nodes in enumerate(hidden, start=1)}
    assert TypeAdapter(Mlp).validate_python(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({}, "wanted one of hidden, shape, or width with depth; found none"),
        ({"hidden": [3], "shape": "dl1"}, "found hidden and shape"),
        ({"width": 3}, "found width"),
        ({"hidden": [3], "depth": 2}, "found depth and hidden"),
        ({"shape": "dl2"}, r"shape: input should be 'dl1', 'xbb' or 'hls4ml', found 'dl2'$"),
        ({"width": "250", "depth": 2}, r"width: input should be a valid integer, found '250'$"),
        ({"width": True, "depth": 2}, r"width: input should be a valid integer, found True$"),
        ({"width": 2, "depth": 0}, r"depth: input should be greater than or equal to 1, found 0$"),
        ({"width": 2, "depth": 10**9}, "depth: input should be less than or equal to 1000"),
        ({"hidden": []}, "hidden: tuple should have at least 1 item"),
        ({"hidden": [3, 0]}, "hidden.1: input should be greater than or equal to 1, found 0"),
        ({"hidden": [3], "dropout": 1.0}, "dropout: input should be less than 1"),
        ({"hidden": [3], "norm": "group"}, "norm: input should be 'none', 'batch' or 'layer'"),
        ({"hidden": [3, 4], "residual": True}, "residual: no two neighbouring hidden layers have"),
        ({"hidden": [3, 3], "residual": [1]}, "residual: no hidden layer 1 with one before it"),
        (
            {"hidden": [3, 3], "residual": [3]},
            "no hidden layer 3 with one before it; there is 2 to",
        ),
        ({"hidden": [3, 4], "residual": [2]}, "hidden layer 2 has 4 neurons, the one before 3"),
    ],
)
def test_what_cannot_be_is_one_sentence(asked, sentence):
    with pytest.raises(ConfigError, match=sentence):
        checked(Mlp, **asked)


def test_linked_layers_are_one_layer_of_nodes():
    network = checked(Mlp, hidden=[9, 9, 9, 4, 4, 9], residual=True)
    assert network.skips == (1, 2, 4)
    assert network.nodes == {"hidden1-3": 9, "hidden4-5": 4, "hidden6": 9}
    assert checked(Mlp, hidden=[9, 9, 9], residual=[3]).nodes == {"hidden1": 9, "hidden2-3": 9}
    assert Mlp(hidden=(9, 9)).skips == ()


def test_pruned_neighbours_of_the_same_size_are_not_linked():
    network = Mlp(hidden=(9, 9, 7), residual=True).resized({"hidden1-2": 7})
    assert network.hidden == (7, 7, 7)
    assert network.nodes == {"hidden1-2": 7, "hidden3": 7}
    assert TypeAdapter(Mlp).validate_python(network.model_dump(mode="json")) == network
    assert Mlp(hidden=(9, 7)).resized({"hidden1": 7}).nodes == {"hidden1": 7, "hidden2": 7}


# -- networks of tracks ----------------------------------------------------------------------------


def test_deep_sets_have_the_widths_of_dips():
    network = DeepSets()
    assert network.nodes == {
        **{"track1": 100, "track2": 100, "track3": 128},
        **{"jet1": 100, "jet2": 100, "jet3": 100, "jet4": 30},
    }
    assert (network.needs_tracks, network.tracks, network.jet_inputs) == (True, (), False)


def test_pruned_deep_sets_are_deep_sets():
    network = checked(DeepSets, track=[9, 8], jet=[7], pooling="mean")
    small = network.resized({"track2": 3, "jet1": 2})
    assert small == DeepSets(track=(9, 3), jet=(2,), pooling="mean")


def test_the_nodes_of_a_transformer_are_neurons_and_heads():
    network = Transformer(track=(9,), embedding=8, layers=2, heads=4, ff=10, jet=(7, 6))
    names = ["track1", "heads1", "ff1", "heads2", "ff2", "jet1", "jet2"]
    assert network.nodes == dict(zip(names, [9, 4, 10, 4, 10, 7, 6], strict=True))
    assert network.head_width == 2
    small = network.resized({"heads2": 1, "ff1": 3, "jet2": 2})
    assert list(small.nodes.values()) == [9, 4, 3, 1, 10, 7, 2]
    assert small.head_width == 2
    back = TypeAdapter(Transformer).validate_python(small.model_dump(mode="json"))
    assert back == small
    assert Transformer(track=()).nodes.keys() == Transformer().nodes.keys() - {"track1"}


def test_origins_of_tracks_add_no_nodes():
    network = checked(Transformer, track_origin={"weight": 0.3})
    assert network.track_origin == TrackOrigin(weight=0.3)
    assert network.nodes == Transformer().nodes


@pytest.mark.parametrize(
    ("kind", "asked", "sentence"),
    [
        (DeepSets, {"track": []}, "track: tuple should have at least 1 item"),
        (DeepSets, {"jet": []}, "jet: tuple should have at least 1 item"),
        (DeepSets, {"pooling": "max"}, "pooling: input should be 'sum' or 'mean', found 'max'"),
        (DeepSets, {"tracks": ["d0", "z0", "d0"]}, "tracks: 'd0' stands twice"),
        (DeepSets, {"heads": 2}, "no key 'heads'"),
        (Transformer, {"embedding": 10}, "heads: 4 do not divide an embedding of 10; give a head"),
        (Transformer, {"sizes": [1, 2]}, "sizes: 2 numbers of nodes; there are 9 layers of nodes"),
        (Transformer, {"head": 2}, "no key 'head'; nearest: 'heads'"),
        (Transformer, {"track_origin": {"weight": 0}}, "track_origin.weight: input should be gre"),
    ],
)
def test_what_a_network_of_tracks_cannot_be_is_one_sentence(kind, asked, sentence):
    with pytest.raises(ConfigError, match=sentence):
        checked(kind, **asked)
