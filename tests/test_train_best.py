"""Early stopping, and the weights that a training keeps: those of its best epoch or of its last."""

import pytest
import torch
from resuming import resumed
from test_train import a_run, described, equal, fitted, same
from test_train import prepared as prepared  # a fixture
from test_train_controls import controlled

from ftag_prune.config import Dense, Epochs, Iterative, OneShot, Scratch, Training
from ftag_prune.diagnose import explain
from ftag_prune.model import load_model
from ftag_prune.record import read_csv, read_json
from ftag_prune.train import history, train_runs
from ftag_prune.train.best import best_of, out_of_patience
from ftag_prune.train.state import start

PHASES = Epochs(dense=2, gated=3, tuned=5)


def training(**changes):
    return Training(**{"epochs": PHASES, "batch_size": 100, **changes})


@pytest.fixture
def told(monkeypatch):
    """Validation losses that the epochs are told to have, in their order."""
    losses = []

    def row(run, state, *rest, **options):
        found = history.row(run, state, *rest, **options)
        return {**found, "val_loss": losses[state.epoch]}

    monkeypatch.setattr("ftag_prune.train.loop.row", row)
    return losses


def weights_of_epochs(run):
    """Tensors of the network after each epoch, by its number."""
    found = {}

    def after_epoch(state):
        tensors = state.network.state_dict()
        found[state.epoch] = {name: one.clone() for name, one in tensors.items()}

    return fitted(run, after_epoch=after_epoch), found


def is_of(network, tensors):
    return all(torch.equal(one, tensors[name]) for name, one in network.state_dict().items())


# -- the best epoch ------------------------------------------------------------------------------


def test_the_best_epoch_after_the_freeze_is_kept_and_the_last_beside_it(told):
    told += [0.1, 0.1, 0.1, 0.1, 0.1, 0.9, 0.7, 0.6, 0.8, 0.65]
    done, weights = weights_of_epochs(a_run(training=training()))
    assert (done.best_epoch, done.early) == (8, False)
    assert is_of(done.network, weights[8])
    assert is_of(done.last, weights[10])


def test_where_the_last_is_the_best_there_is_one(told):
    told += [0.5] * 9 + [0.4]
    done, weights = weights_of_epochs(a_run(training=training()))
    assert (done.best_epoch, done.last) == (10, None)
    assert is_of(done.network, weights[10])


def test_of_equals_the_first_is_the_best(told):
    told += [0.5] * 10
    assert fitted(a_run(training=training())).best_epoch == 6


def test_the_last_is_kept_on_demand_and_the_best_is_still_named(told):
    told += [0.5] * 6 + [0.3] + [0.5] * 3
    done, weights = weights_of_epochs(a_run(training=training(keep="last")))
    assert (done.best_epoch, done.last) == (7, None)
    assert is_of(done.network, weights[10])


@pytest.mark.parametrize(
    ("run", "best"),
    [
        (controlled(Dense, keep=None, training=training()), 1),
        (controlled(Scratch, training=training()), 1),
        (controlled(OneShot, training=training()), 6),
        (controlled(Iterative, rounds=3, training=training()), 5),
        (a_run(training=training()), 6),
        (a_run(training=training(epochs=Epochs(dense=2, gated=3, tuned=0))), None),
    ],
    ids=["dense", "scratch", "one_shot", "iterative", "gated", "untuned"],
)
def test_epochs_of_the_final_shape_are_compared(told, run, best):
    """From the first one on if nothing is cut; losses that rise make the first the best."""
    told += [0.1 * epoch for epoch in range(1, 11)]
    done = fitted(run)
    assert done.best_epoch == best
    assert (done.last is None) == (best is None)


# -- patience ------------------------------------------------------------------------------------


def test_patience_ends_the_tuned_epochs_and_no_others(told):
    told += [0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 0.8, 0.85, 0.85, 0.1]
    done = fitted(a_run(training=training(patience=2)))
    assert [row["epoch"] for row in done.history] == list(range(1, 10))
    assert (done.best_epoch, done.early) == (7, True)
    assert sum(done.network.architecture.hidden) == 9


@pytest.mark.parametrize("kind", [Dense, Scratch])
def test_patience_ends_a_training_without_cuts_as_a_whole(told, kind):
    told += [0.5, 0.4, 0.45, 0.45, 0.45, 0.1, 0.1, 0.1, 0.1, 0.1]
    keep = None if kind is Dense else 9
    done = fitted(controlled(kind, keep=keep, training=training(patience=3)))
    assert (len(done.history), done.best_epoch, done.early) == (5, 2, True)


def test_small_falls_use_up_the_patience_and_are_kept_all_the_same(told):
    """Falls of 0.01 where 0.05 is a gain: 0.5, then nothing until 0.44."""
    told += [0.5, 0.49, 0.48, 0.44, 0.43, 0.42, 0.41, 0.1, 0.1, 0.1]
    lazy = training(patience=3, least_gain=0.05)
    done = fitted(controlled(Dense, keep=None, training=lazy))
    assert (len(done.history), done.best_epoch) == (7, 7)


def test_patience_that_runs_out_in_the_last_epoch_ends_nothing_early(told):
    told += [0.5] * 10
    done = fitted(controlled(Dense, keep=None, training=training(patience=9)))
    assert (len(done.history), done.early) == (10, False)


def test_the_rates_are_those_of_the_planned_epochs(told):
    told += [0.5] * 10
    whole = fitted(controlled(Dense, keep=None, training=training()))
    short = fitted(controlled(Dense, keep=None, training=training(patience=2)))
    assert equal(short.history, whole.history[:3])


def test_without_patience_no_history_is_too_long():
    state = start(a_run(training=training()), described())
    state.history = [{"epoch": n, "phase": "tuned", "val_loss": 1.0 + n} for n in range(1, 500)]
    assert not out_of_patience(a_run(training=training()), state)
    assert out_of_patience(a_run(training=training(patience=498)), state)
    assert not out_of_patience(a_run(training=training(patience=499)), state)
    assert best_of(a_run(training=training()), state) == 1


@pytest.mark.parametrize("stop", range(1, 8))
@pytest.mark.parametrize("keep", [9, None])
def test_a_training_resumes_to_the_same_best_and_the_same_end(told, tmp_path, stop, keep):
    told += [0.9, 0.6, 0.7, 0.5, 0.8, 0.8, 0.7, 0.75, 0.72, 0.1]
    run = a_run(keep=keep, training=training(patience=2 if keep else 3))
    whole, second = resumed(run, tmp_path, stop=stop)
    assert (whole.best_epoch, len(whole.history)) == ((7, 9) if keep else (4, 7))
    assert (second.best_epoch, second.early) == (whole.best_epoch, whole.early)
    assert same(whole.last, second.last)
    assert not same(whole.network, whole.last)


# -- what is written -----------------------------------------------------------------------------


def test_the_folder_holds_best_and_last_apart(prepared, tmp_path, told):
    told += [0.5, 0.4, 0.5, 0.5, 0.1, 0.9, 0.7, 0.75, 0.8, 0.1]
    lines = []
    train_runs([a_run(training=training(patience=2))], prepared, tmp_path, progress=lines.append)
    found = read_json(tmp_path / "run" / "run.json")
    assert (found["epochs"], found["best_epoch"], found["stopped_early"]) == (9, 7, True)
    assert found["val_loss"] == {"best": 0.7, "last": 0.8}
    assert len(read_csv(tmp_path / "run" / "history.csv")) == 9
    best, last = (load_model(tmp_path / "run" / name) for name in ("model.pt", "last.pt"))
    assert best.about == last.about
    assert not same(best.network, last.network)
    assert "val loss 0.7000 after epoch 7, kept; stopped after 9 epochs; " in lines[0]


def test_last_weights_of_another_training_do_not_stay(prepared, tmp_path, told):
    told += [0.5] * 10
    for keep, there in (("best", True), ("last", False)):
        train_runs([a_run(training=training(keep=keep))], prepared, tmp_path)
        assert (tmp_path / "run" / "last.pt").exists() == there
        assert read_json(tmp_path / "run" / "run.json")["best_epoch"] == 6


def test_without_epochs_after_the_freeze_there_is_no_best(prepared, tmp_path):
    short = training(epochs=Epochs(dense=1, gated=2, tuned=0), patience=1)
    train_runs([a_run(training=short)], prepared, tmp_path)
    found = read_json(tmp_path / "run" / "run.json")
    assert (found["epochs"], found["best_epoch"], found["stopped_early"]) == (3, None, False)
    assert found["val_loss"]["best"] is None


def test_a_run_that_was_stopped_is_explained_as_any_other(prepared, tmp_path, told):
    """Its gated epochs are all there."""
    told += [0.5] * 10
    train_runs([a_run(training=training(patience=1))], prepared, tmp_path)
    folder = tmp_path / "run"
    rows = read_csv(folder / "history.csv")
    assert len(rows) == 7
    sentences = explain(read_json(folder / "spec.json"), rows, read_json(folder / "run.json"))
    assert "keep 9 of 28" in sentences[0]
    assert any("in one word" in one for one in sentences)
