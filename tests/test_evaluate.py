"""Scores and rejections of one tagger, on jets of known class."""

import h5py
import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from small_samples import card, small, write_root

from ftag_prune.architecture import Mlp
from ftag_prune.evaluate import EFFICIENCIES, evaluate_runs, probabilities, score
from ftag_prune.flavours import TASKS
from ftag_prune.goal import Goal
from ftag_prune.model import About, Model, load_model, save_model
from ftag_prune.networks import build
from ftag_prune.prepare import prepare
from ftag_prune.record import read_json, write_json
from ftag_prune.tensors import Jets, description, load
from ftag_prune.train.runs import train_runs

TASK = TASKS["single_b"]


def made_up(number=4000, seed=0):
    """Probabilities of a tagger that knows something, and the classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(4, size=number)
    logits = rng.normal(size=(number, 4))
    logits[np.arange(number), y] += 1.5
    weight = np.exp(logits)
    return weight / weight.sum(axis=1, keepdims=True), y


def test_probabilities_are_the_softmax_of_the_logits():
    network = build(Mlp(hidden=(5,)), mean=[0.0] * 3, std=[1.0] * 3, classes=4)
    x = torch.randn(25_000, 3)
    jets = Jets(x, None, None, torch.zeros(25_000).long(), torch.ones(25_000))
    found = probabilities(network, jets)
    expected = network(x).softmax(1).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)


def test_cross_entropy_is_that_of_scikit_learn():
    probability, y = made_up()
    assert score(probability, y, TASK)["cross_entropy"] == pytest.approx(log_loss(y, probability))


def test_rejections_are_counted_jets():
    """A slow twin: order the signal by hand, cut, count the background that passes."""
    probability, y = made_up()
    told = score(probability, y, TASK)["discriminants"]["b"]
    value = np.log(
        probability[:, 0]
        / (0.2 * probability[:, 1] + 0.79 * probability[:, 2] + 0.01 * probability[:, 3])
    )
    signal, background = value[y == 0], value[y == 1]
    place = EFFICIENCIES.index(0.7)
    curve = told["backgrounds"]["c"]
    cut = np.sort(signal)[::-1][round(0.7 * len(signal)) - 1]
    passing = int((background >= cut).sum())
    assert curve["passing"][place] == passing
    assert curve["rejection"][place] == pytest.approx(len(background) / passing)
    assert curve["efficiency"][place] == pytest.approx(0.7, abs=1 / len(signal))


def test_a_perfect_tagger_has_limits_instead_of_rejections():
    y = np.repeat(np.arange(4), 100)
    curve = score(np.eye(4)[y] * 0.96 + 0.01, y, TASK)["discriminants"]["b"]["backgrounds"]["c"]
    place = EFFICIENCIES.index(0.7)
    assert curve["rejection"][place] is None
    assert curve["limit"][place] == pytest.approx(100 / -np.log(0.05), rel=0.02)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Small runs, trained and evaluated: pruned, dense, and one that also selects its inputs."""
    from test_train import a_run, how

    folder = tmp_path_factory.mktemp("evaluated")
    sample = write_root(folder / "sample.root", small(800))
    jets = prepare(card(), [sample], folder / "jets")
    selecting = how(goal=Goal(inputs=True))
    runs = [
        a_run(name="pruned"),
        a_run(name="dense", keep=None),
        a_run(name="selected", how=selecting, keep=None, target=0.9),
    ]
    train_runs(runs, folder / "jets", folder / "runs")
    evaluate_runs(runs, jets.test, folder / "runs")
    return folder


def test_scores_open_as_the_ftag_tools_expect(evaluated):
    with h5py.File(evaluated / "runs" / "pruned" / "scores.h5") as file:
        table = file["jets"][:]
    assert table.dtype.names[-4:] == ("pruned_pb", "pruned_pc", "pruned_pu", "pruned_ptau")
    with h5py.File(evaluated / "jets" / "test.h5") as file:
        known = file["jets"][:]
    for name in ("event", "label", "pt", "eta"):
        np.testing.assert_array_equal(table[name], known[name])
    total = sum(table[name] for name in table.dtype.names[-4:])
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_metrics_tell_the_sizes_of_the_compacted_network(evaluated):
    told = read_json(evaluated / "runs" / "pruned" / "metrics.json")
    assert (told["nodes"], told["left"], told["pruned"]) == (28, 9, 1 - 9 / 28)
    assert (told["unit"], told["whole"], told["asked"], told["nodes_left"]) == ("nodes", 28, 9, 9)
    assert sum(told["layers"].values()) == 9
    assert told["parameters"] == read_json(evaluated / "runs" / "pruned" / "run.json")["parameters"]
    assert read_json(evaluated / "runs" / "dense" / "metrics.json")["pruned"] == 0
    with h5py.File(evaluated / "jets" / "test.h5") as file:
        assert sum(told["test_jets"].values()) == len(file["jets"])


def test_a_tagger_without_some_inputs_is_scored_on_its_own(evaluated):
    """Three of 31 nodes are left, one of them an input, which is found by its name."""
    folder = evaluated / "runs" / "selected"
    told, model = read_json(folder / "metrics.json"), load_model(folder / "model.pt")
    assert (told["whole"], told["left"], told["nodes_left"]) == (31, 3, 3)
    assert told["layers"] == {"inputs": 1, "hidden1": 1, "hidden2": 1}
    assert len(model.about.inputs) == 1
    jets = load(evaluated / "jets" / "test.h5", inputs=model.about.inputs)
    expected = score(probabilities(model.network, jets), jets.y.numpy(), TASK)
    assert told["cross_entropy"] == expected["cross_entropy"]


def test_jets_that_stay_on_disk_are_scored_alike(evaluated, monkeypatch):
    from test_train import a_run

    path = evaluated / "runs" / "pruned" / "metrics.json"
    before = read_json(path)
    monkeypatch.setattr("ftag_prune.evaluate.allowed_memory", lambda: 1)
    evaluate_runs([a_run(name="pruned")], evaluated / "jets" / "test.h5", evaluated / "runs")
    assert read_json(path) == before


def test_metrics_are_those_of_the_model_file(evaluated, tmp_path):
    """Another network under the same name gives other numbers: nothing is remembered."""
    from test_train import a_run

    test = evaluated / "jets" / "test.h5"
    inputs = description(test).inputs
    nothing, one = [0.0] * len(inputs), [1.0] * len(inputs)
    network = build(Mlp(hidden=(3,)), mean=nothing, std=one, classes=4, seed=9)
    about = About("single_b", TASK.classes, inputs)
    save_model(tmp_path / "pruned" / "model.pt", Model(network, about))
    write_json(
        tmp_path / "pruned" / "run.json",
        read_json(evaluated / "runs" / "pruned" / "run.json"),
    )
    evaluate_runs([a_run(name="pruned")], test, tmp_path)
    one, other = (
        read_json(folder / "pruned" / "metrics.json")["cross_entropy"]
        for folder in (tmp_path, evaluated / "runs")
    )
    assert one != other
