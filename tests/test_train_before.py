"""A run may build on what another has left: its shape, or its tagger."""

import numpy as np
import pytest
import torch
from test_train import a_run, described, jets, same
from test_train import prepared as prepared  # a fixture

from ftag_prune.architecture import FirstStep, Mlp, TwoStep
from ftag_prune.errors import TrainingError
from ftag_prune.model import load_model
from ftag_prune.record import read_json
from ftag_prune.tensors import Jets
from ftag_prune.train import train_runs
from ftag_prune.train.before import before_of
from ftag_prune.train.checkpoints import identity_of

NAMES = ("s1_a", "s1_b", "s1_c", "s1_d", "s2_d", "s2_c", "s2_b", "s2_a", "pt")


def large_jets(number=300, *, seed=0):
    """Jets of two subjets that are as those of the first step."""
    one, other = jets(number, seed=seed), jets(number, seed=seed + 1)
    x = np.concatenate([one.x, other.x.flip(1), np.ones((number, 1))], 1, dtype=np.float32)
    return Jets(torch.tensor(x), None, None, one.y, torch.ones(number))


def of_large_jets():
    size = len(NAMES)
    return described()._replace(
        task="hbb_cc",
        classes=("hbb", "qcd"),
        inputs=NAMES,
        mean=(0.0,) * size,
        std=(1.0,) * size,
        fingerprint="large",
    )


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A folder of prepared large-R jets, as far as the job that trains a chunk is concerned."""
    folder = tmp_path / "large"
    loaded = {folder / "train.h5": large_jets(), folder / "val.h5": large_jets(100, seed=5)}

    def enter():
        monkeypatch.setattr("ftag_prune.train.runs.description", lambda path: of_large_jets())
        monkeypatch.setattr("ftag_prune.train.runs.load_within", lambda path, _memory: loaded[path])
        return folder

    return enter


def second(**changes):
    network = TwoStep(
        first=FirstStep(network="w16", strategy="budget", target=0.5),
        second=Mlp(hidden=(6, 5)),
        subjets=("s1_", "s2_"),
        beside=("pt",),
    )
    chosen = {"name": "second", "task": "hbb_cc", "network": network, "first": "first"}
    return a_run(**{**chosen, "keep": 6, "target": 5 / 11, **changes})


def test_the_second_step_is_trained_on_the_first_as_it_was_pruned(prepared, large, tmp_path):
    out = tmp_path / "runs"
    train_runs([a_run(name="first")], prepared, out)
    train_runs([second()], large(), out)
    first, both = (load_model(out / name / "model.pt").network for name in ("first", "second"))
    assert same(both.first, first)
    assert sum(first.architecture.hidden) == 9
    assert both.architecture.found.architecture == first.architecture
    assert sum(both.architecture.second.hidden) == 6
    told = read_json(out / "second" / "run.json")
    assert told["parameters"] == first.parameter_count() + both.second.parameter_count()
    assert told["compaction_difference"] < 1e-5


def test_another_first_tagger_makes_another_run(prepared, large, tmp_path):
    out = tmp_path / "runs"
    train_runs([a_run(name="first")], prepared, out)
    folder = large()
    train_runs([second()], folder, out)
    assert train_runs([second()], folder, out)[0].skipped
    identity = identity_of(second(), of_large_jets(), before=before_of(second(), out))
    assert identity == read_json(out / "second" / "run.json")["identity"]
    (out / "first" / "model.pt").write_bytes((out / "second" / "model.pt").read_bytes())
    assert identity != identity_of(second(), of_large_jets(), before=before_of(second(), out))


def test_a_first_tagger_that_is_not_there_is_named(large, tmp_path):
    with pytest.raises(TrainingError, match=r"needs the finished run 'first' before: .*no such"):
        train_runs([second()], large(), tmp_path / "runs")


def test_only_a_perceptron_scores_subjets(prepared, large, tmp_path):
    out, folder = tmp_path / "runs", None
    train_runs([a_run(name="first")], prepared, out)
    folder = large()
    train_runs([second()], folder, out)
    with pytest.raises(TrainingError, match="kind 'two_step' cannot score subjets"):
        train_runs([second(name="third", first="second")], folder, out)
