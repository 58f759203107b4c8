"""Checkpoints between batches, two of them, with a seal; what is damaged is not gone on from."""

import json
import os
import random
import time

import pytest
import torch
from test_train import a_run, described, equal, fitted, how, jets, prepared, same  # noqa: F401

from ftag_prune.architecture import Mlp
from ftag_prune.config import OneShot, Training
from ftag_prune.errors import StoppedError
from ftag_prune.gates import HardConcrete, Sigmoid
from ftag_prune.model import load_tensors, save_tensors
from ftag_prune.pressure import Dual, Dwa
from ftag_prune.process import machine
from ftag_prune.record import read_json
from ftag_prune.train import Stop, fit, loop, train_runs
from ftag_prune.train.checkpoints import previous_of, resume, save
from ftag_prune.train.sealed import seal

BATCHES = 6  # of an epoch

RUNS = {
    "budget": a_run(),
    "dropout": a_run(network=Mlp(hidden=(16, 12), norm="batch", dropout=0.2)),
    "drawn gates": a_run(how=how(gate=HardConcrete(), pressure=Dwa())),
    "ratchet": a_run(how=how(gate=Sigmoid(), pressure=Dual(rate=3.0), ratchet=1)),
    "best": a_run(training=a_run().training.model_copy(update={"keep": "best"})),
    "once": a_run(how=OneShot(criterion="taylor")),
    "bfloat16": a_run(training=a_run().training.model_copy(update={"precision": "bfloat16"})),
}


class KilledError(Exception):
    """As if the power had gone."""


def interrupted(run, path, *, epoch, batch):
    """State of a checkpoint after so many batches of an epoch (from 0)."""

    def after_batch(state):
        if (state.epoch, len(state.begun.steps)) == (epoch, batch):
            save(path, state, identity="mine")
            raise KilledError

    with pytest.raises(KilledError):
        fitted(run, after_batch=after_batch)
    return resume(path, run, described(), identity="mine")


@pytest.fixture(scope="module", params=RUNS)
def whole(request):
    return RUNS[request.param], fitted(RUNS[request.param])


@pytest.mark.parametrize(("epoch", "batch"), [(0, 1), (1, 6), (2, 1), (4, 3), (5, 2), (6, 5)])
def test_a_training_goes_on_within_an_epoch_to_the_same_bits(whole, tmp_path, epoch, batch):
    run, done = whole
    state = interrupted(run, tmp_path / "checkpoint.pt", epoch=epoch, batch=batch)
    assert (state.epoch, len(state.begun.steps)) == (epoch, batch)
    again = fit(run, state, jets(), jets(300, seed=1))
    assert same(again.network, done.network)
    assert equal(again.history, done.history)
    assert again.frozen == done.frozen
    assert again.nodes == done.nodes


def at_epochs(run, path, *epochs):
    """Checkpoints after some epochs, the last one newest."""

    def after_epoch(state):
        if state.epoch in epochs:
            if path.exists():
                path.replace(previous_of(path))
            save(path, state, identity="mine")

    fitted(run, after_epoch=after_epoch)


def truncated(content, chance):
    return content[: chance.randrange(len(content))]


def flipped(content, chance):
    place = chance.randrange(len(content))
    return (
        content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
    )


@pytest.mark.parametrize("harm", [truncated, flipped])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, caplog, harm):
    """At forty random places; a bit that is flipped where nothing is read harms nobody."""
    run, path, chance = a_run(), tmp_path / "checkpoint.pt", random.Random(1)  # noqa: S311
    at_epochs(run, path, 3, 4)
    good, whole = path.read_bytes(), fitted(run)
    right = {
        3: resume(previous_of(path), run, described(), identity="mine"),
        4: resume(path, run, described(), identity="mine"),
    }
    found = {3: 0, 4: 0}
    for _ in range(40):
        path.write_bytes(harm(good, chance))
        caplog.clear()
        kept = resume(path, run, described(), identity="mine")
        found[kept.epoch] += 1
        assert same(kept.network, right[kept.epoch].network)
        warned = [one for one in caplog.records if "goes on from the one before" in one.message]
        assert len(caplog.records) == len(warned) == (kept.epoch == 3)
    assert found[3] > 20
    done = fit(run, kept, jets(), jets(300, seed=1))
    assert same(done.network, whole.network)
    assert equal(done.history, whole.history)


def test_two_damaged_checkpoints_are_one_warning_and_a_new_start(tmp_path, caplog):
    run, path = a_run(), tmp_path / "checkpoint.pt"
    for one in (path, previous_of(path)):
        one.write_bytes(b"PK nothing")
    assert resume(path, run, described(), identity="mine").epoch == 0
    assert [one.message.rpartition("; ")[2] for one in caplog.records] == [
        "the training starts anew"
    ]


def test_a_checkpoint_whose_newest_was_lost_in_a_rename_goes_on(tmp_path, caplog):
    run, path = a_run(), tmp_path / "checkpoint.pt"
    at_epochs(run, path, 3, 4)
    path.unlink()
    assert resume(path, run, described(), identity="mine").epoch == 3
    assert not caplog.records


def test_the_seal_knows_every_tensor_and_number(tmp_path):
    tensors = {"a": [torch.zeros(2), {"b": torch.ones(3, dtype=torch.int64)}], "rate": 0.1}
    save_tensors(tmp_path / "x", tensors, epoch=3, kept=(1, 2))
    about = {"epoch": 3, "kept": [1, 2]}
    assert seal(*load_tensors(tmp_path / "x")) == seal(tensors, about)
    for other in (
        {**tensors, "rate": 0.2},
        {**tensors, "a": [torch.zeros(2).reshape(1, 2), tensors["a"][1]]},
        {**tensors, "a": [torch.tensor([0.0, -0.0]), tensors["a"][1]]},
    ):
        assert seal(other, about) != seal(tensors, about)
    assert seal(tensors, {**about, "epoch": 4}) != seal(tensors, about)


# -- in the folder of a run ------------------------------------------------------------------------


def stopping_at(stop, number, monkeypatch):
    """Ask to stop during a batch, counted over the whole job."""
    count, real = iter(range(10**6)), loop._step

    def step(*given, **named):
        if next(count) == number:
            stop.ask()
        return real(*given, **named)

    monkeypatch.setattr(loop, "_step", step)


@pytest.mark.parametrize("number", [0, 8, 17, 41])
def test_a_stop_keeps_the_batch_and_the_run_goes_on(prepared, tmp_path, monkeypatch, number):  # noqa: F811
    stop, out = Stop(), tmp_path / "out"
    stopping_at(stop, number, monkeypatch)
    kept = f"run: {number // BATCHES} epochs and {number % BATCHES + 1} batches kept: stopped by"
    with pytest.raises(StoppedError, match=kept):
        train_runs([a_run()], prepared, out, stop=stop)
    assert {path.name for path in (out / "run").iterdir()} == {"checkpoint.pt"}
    train_runs([a_run()], prepared, out)
    train_runs([a_run()], prepared, tmp_path / "whole")
    one, other = (folder / "run" / "model.pt" for folder in (out, tmp_path / "whole"))
    assert one.read_bytes() == other.read_bytes()
    assert not list((out / "run").glob("*checkpoint*"))


def test_a_job_that_is_stopped_begins_no_further_run(prepared, tmp_path):  # noqa: F811
    stop = Stop()
    stop.ask()
    with pytest.raises(StoppedError, match="run: not begun: stopped by SIGTERM"):
        train_runs([a_run()], prepared, tmp_path / "out", stop=stop)
    assert not (tmp_path / "out").exists()


def test_a_stop_within_a_common_training(prepared, tmp_path, monkeypatch):  # noqa: F811
    run = a_run(how=how(one_training=True), keep=None, target=0.5, stops=(0.5, 0.75))
    stop, out = Stop(), tmp_path / "out"
    stopping_at(stop, 14, monkeypatch)
    with pytest.raises(StoppedError):
        train_runs([run], prepared, out, stop=stop)
    train_runs([run], prepared, out)
    train_runs([run], prepared, tmp_path / "whole")
    one, other = (folder / "run" / "model.pt" for folder in (out, tmp_path / "whole"))
    assert one.read_bytes() == other.read_bytes()
    assert {path.name for path in (out / run.trunk).iterdir()} == {"stop-0.5.pt", "stop-0.75.pt"}


def test_one_run_without_memory_does_not_take_the_others_with_it(
    prepared,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    real = loop._step

    def step(run, *given, **named):
        if run.name == "large":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(run, *given, **named)

    monkeypatch.setattr(loop, "_step", step)
    runs = [a_run(name="large"), a_run(name="good")]
    with pytest.raises(Exception, match="1 of 2 runs failed: large: CUDA out of memory"):
        train_runs(runs, prepared, tmp_path / "out")
    assert (tmp_path / "out/good/run.json").exists()


def test_results_that_moved_are_still_done(prepared, tmp_path):  # noqa: F811
    train_runs([a_run()], prepared, tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    (again,) = train_runs([a_run()], prepared, tmp_path / "elsewhere")
    assert again.skipped


def test_a_clock_that_goes_backwards_changes_nothing(prepared, tmp_path, monkeypatch):  # noqa: F811
    moments = iter(range(10**9, 0, -3600))
    monkeypatch.setattr("time.time", lambda: float(next(moments)))
    train_runs([a_run()], prepared, tmp_path / "out", checkpoint_seconds=0)
    assert read_json(tmp_path / "out/run/run.json")["seconds"] >= 0


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_a_clock_that_is_set_between_two_calls_changes_nothing(
    prepared,  # noqa: F811
    tmp_path,
    monkeypatch,
    days,
):
    """A stopped training, with what a killed process has left, as of another day."""
    stop, out = Stop(), tmp_path / "out"
    stopping_at(stop, 17, monkeypatch)
    with pytest.raises(StoppedError):
        train_runs([a_run()], prepared, out, stop=stop)
    dead = {"host": "here", "process": [machine(), 2**30, 1], "job": None, "mark": "0", "beat": "1"}
    (out / "run/claim.json").write_text(json.dumps(dead))
    for path in tmp_path.rglob("*"):
        os.utime(path, (time.time() + 86_400 * days,) * 2)
    (first,) = train_runs([a_run()], prepared, out)
    (whole,) = train_runs([a_run()], prepared, tmp_path / "whole")
    assert first == whole
    assert not first.skipped


def test_what_a_killed_process_left_is_removed_when_its_run_is_done(prepared, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    (out / "run").mkdir(parents=True)
    strays = [".model.00000000-123-0123abcd.pt", "checkpoint.next.pt", "checkpoint.previous.pt"]
    for name in strays:
        (out / "run" / name).write_bytes(b"half")
    train_runs([a_run()], prepared, out)
    left = {path.name for path in (out / "run").iterdir()}
    assert left == {"spec.json", "model.pt", "history.csv", "nodes.csv", "run.json"}
    (out / "run" / "checkpoint.pt").write_bytes(b"old")
    train_runs([a_run()], prepared, out)
    assert {path.name for path in (out / "run").iterdir()} == left


def test_training_settings_do_not_hold_what_changes_no_number():
    """The time between checkpoints belongs to the job: changing it must not train anew."""
    assert not [name for name in Training.model_fields if "checkpoint" in name]
