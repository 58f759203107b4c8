"""What goes wrong in a training says where, and what is left to go on from."""

import re

import pytest
import torch
from test_train import a_run, described, fitted, how
from test_train import prepared as prepared  # a fixture

from ftag_prune.config import Epochs, Scratch, Sgd, Training
from ftag_prune.errors import TrainingError
from ftag_prune.goal import Goal
from ftag_prune.model import load_tensors
from ftag_prune.rates import OneRate
from ftag_prune.train import loop, train_runs
from ftag_prune.train.losses import Losses
from ftag_prune.train.state import start

WHOLE = 10_000  # one batch an epoch


def training(**changes):
    return Training(**{"epochs": Epochs(dense=2, gated=3, tuned=2), "batch_size": 100, **changes})


def exploding(**changes):
    """A rate that makes the weights infinite in a step or two."""
    return a_run(
        how=how(rates=OneRate(rate=1e30, decay="none")),
        training=training(optimiser=Sgd(), **changes),
    )


@pytest.fixture
def poisoned(monkeypatch):
    """Jets whose loss is not a number, from a step of an epoch on."""

    def at(epoch, batch):
        steps = iter(range(1, 10_000))
        right, wanted = loop.losses, (epoch - 1) * 6 + batch  # 600 jets in batches of 100

        def spoilt(*arguments):
            found = right(*arguments)
            return Losses(found.classes * torch.nan) if next(steps) >= wanted else found

        monkeypatch.setattr("ftag_prune.train.loop.losses", spoilt)

    return at


@pytest.mark.parametrize(("epoch", "batch"), [(1, 1), (2, 6), (4, 3), (7, 6)])
def test_a_loss_that_is_not_a_number_names_epoch_and_batch(poisoned, epoch, batch):
    poisoned(epoch, batch)
    sentence = f"run: the loss is nan in epoch {epoch}, batch {batch} of 6; a lower learning rate"
    with pytest.raises(TrainingError, match=sentence):
        fitted(a_run())


def test_the_last_good_checkpoint_is_named_and_good(poisoned, prepared, tmp_path):
    """After three epochs; the run goes on from there when its loss is a number again."""
    poisoned(4, 3)
    path = tmp_path / "run" / "checkpoint.pt"
    sentence = (
        "1 of 1 runs failed: run: the loss is nan in epoch 4, batch 3 of 6; a lower learning rate "
        f"may help; the last good checkpoint is {path}"
    )
    with pytest.raises(TrainingError, match=re.escape(sentence)):
        train_runs([a_run()], prepared, tmp_path, checkpoint_seconds=0)
    tensors, told = load_tensors(path)
    assert told["epoch"] == 3
    assert all(bool(one.isfinite().all()) for one in tensors["network"].values())


def test_without_a_checkpoint_none_is_named(poisoned, prepared, tmp_path):
    poisoned(1, 2)
    with pytest.raises(TrainingError) as caught:
        train_runs([a_run()], prepared, tmp_path, checkpoint_seconds=0)
    assert "checkpoint" not in str(caught.value)
    assert not list(tmp_path.glob("run/*"))


def test_weights_that_break_in_the_last_step_of_an_epoch_are_no_good_checkpoint(prepared, tmp_path):
    """Nothing is wrong with the loss of the only batch; what is left after its step is useless."""
    with pytest.raises(TrainingError) as caught:
        train_runs([exploding(batch_size=WHOLE)], prepared, tmp_path, checkpoint_seconds=0)
    assert "run: the loss is nan in epoch 1, on the validation jets; a low" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_the_checkpoint_of_a_common_training_is_named(poisoned, prepared, tmp_path):
    run = a_run(
        how=how(one_training=True), keep=None, target=0.5, stops=(0.5, 0.9), training=training()
    )
    poisoned(4, 3)
    path = tmp_path / run.trunk / "checkpoint.pt"
    sentence = (
        f"run: {run.trunk}: the loss is nan in epoch 4, batch 3 of 6; a lower learning rate may "
        f"help; the last good checkpoint is {path}"
    )
    with pytest.raises(TrainingError, match=re.escape(sentence)):
        train_runs([run], prepared, tmp_path, checkpoint_seconds=0)
    assert load_tensors(path)[1]["epoch"] == 3


def test_a_run_like_one_that_failed_does_not_take_the_others_with_it(prepared, tmp_path):
    runs = [
        a_run(name="alike", how=Scratch(like="budget"), like="pruned"),
        a_run(name="good", training=training(epochs=Epochs(dense=0, gated=1, tuned=0))),
    ]
    sentence = r"1 of 2 runs failed: alike: .*pruned: wanted a finished run"
    with pytest.raises(TrainingError, match=sentence):
        train_runs(runs, prepared, tmp_path)
    assert (tmp_path / "good" / "run.json").exists()


def test_a_failed_run_goes_on_from_its_checkpoint(poisoned, prepared, tmp_path, monkeypatch):
    right = loop.losses
    poisoned(4, 3)
    with pytest.raises(TrainingError):
        train_runs([a_run()], prepared, tmp_path, checkpoint_seconds=0)
    monkeypatch.setattr("ftag_prune.train.loop.losses", right)
    again = tmp_path / "again"
    train_runs([a_run()], prepared, tmp_path)
    train_runs([a_run()], prepared, again)
    one, other = (folder / "run" / "model.pt" for folder in (tmp_path, again))
    assert one.read_bytes() == other.read_bytes()


def test_a_run_that_asks_for_too_little_does_not_take_the_others_with_it(prepared, tmp_path):
    small = a_run(name="small", how=how(goal=Goal(inputs=True)), keep=None, target=0.95)
    sentence = r"1 of 2 runs failed: small: cannot keep 2 of 32 nodes: the 3 layers need at least 3"
    with pytest.raises(TrainingError, match=sentence):
        train_runs([small, a_run(name="good")], prepared, tmp_path)
    assert (tmp_path / "good" / "run.json").exists()


@pytest.mark.parametrize("keep", [1, 29])
def test_a_number_of_nodes_that_cannot_be_is_refused_in_the_spec(keep):
    with pytest.raises(ValueError, match=f"asks to keep {keep} nodes; its network has 28 and need"):
        a_run(keep=keep, target=0.5)


def test_the_dense_run_may_have_any_goal():
    run = a_run(how=how(goal=Goal(unit="parameters", floor=20)), keep=None)
    assert start(run, described()).shadow is None
