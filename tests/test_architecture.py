"""Architectures in a study: what can be asked for, and what they tell before they are built."""

import pytest
from pydantic import TypeAdapter

from ftag_prune.architecture import Mlp
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
