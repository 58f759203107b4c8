"""The loop, its freeze, its checkpoints, and the folder a run leaves."""

import copy
import csv
import math

import numpy as np
import pytest
import torch
from small_samples import card, small, write_root

from ftag_prune.architecture import Mlp
from ftag_prune.compact import cut
from ftag_prune.config import Adam, Epochs, Gated, Run, Sgd, Training
from ftag_prune.errors import ConfigError, FtagPruneError, TrainingError
from ftag_prune.gates import Budget, Sigmoid
from ftag_prune.model import load_model
from ftag_prune.prepare import prepare
from ftag_prune.pressure import Fixed, Ladder, Memory
from ftag_prune.rates import OneRate, TwoRates
from ftag_prune.record import read_json
from ftag_prune.spec import validated
from ftag_prune.tensors import Description, Jets, JetsOnDisk, description, load, load_within
from ftag_prune.train import fit, train_runs
from ftag_prune.train.checkpoints import resume, save
from ftag_prune.train.losing import freeze
from ftag_prune.train.state import start

torch.set_num_threads(1)


def jets(number=600, seed=0):
    """Two classes on either side of a curved line in two of four inputs."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(number, 4)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] ** 2 > 0.5).astype(np.int64)
    return Jets(torch.tensor(x), None, None, torch.tensor(y), torch.ones(number))


def described():
    return Description(
        task="single_b",
        classes=("b", "c"),
        inputs=("a", "b", "c", "d"),
        mean=(0.0,) * 4,
        std=(1.0,) * 4,
        fingerprint="jets",
        counts={},
    )


def a_run(**changes):
    chosen = {
        "name": "run",
        "task": "single_b",
        "label": "w16",
        "network": Mlp(hidden=(16, 12)),
        "strategy": "budget",
        "how": how(),
        "training": Training(epochs=Epochs(dense=2, gated=3, tuned=2), batch_size=100),
        "target": 1 - 9 / 28,
        "keep": 9,
        "seed": 1,
    }
    if "keep" in changes:
        keep = changes["keep"]
        changes = {"target": 0.0 if keep is None else max(1 - keep / 28, 1e-9), **changes}
    return Run(**{**chosen, **changes})


def how(**changes):
    return Gated(**{"gate": Budget(), "rates": TwoRates(weights=1e-2), **changes})


def fitted(run, **options):
    return fit(run, start(run, described()), jets(), jets(300, seed=1), **options)


def same(first, second):
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def equal(first, second):
    """Histories to the bit; what is not measured (nan) is not measured in either."""
    return repr(first) == repr(second)


@pytest.mark.parametrize("keep", [2, 3, 9, 27, 28])
def test_exactly_the_asked_number_of_nodes_is_left(keep):
    done = fitted(a_run(keep=keep))
    assert sum(done.network.architecture.hidden) == keep
    assert min(done.network.architecture.hidden) >= 1
    assert [len(one) for one in done.kept.values()] == list(done.network.architecture.hidden)
    assert done.frozen.difference < 1e-5


def test_the_budget_reaches_the_count_by_itself():
    assert fitted(a_run(keep=9)).frozen.reached == 9


def test_dense_runs_learn_and_lose_no_node():
    done = fitted(a_run(keep=None))
    assert done.network.architecture.hidden == (16, 12)
    assert done.frozen is None
    assert done.history[-1]["val_loss"] < 0.75 * math.log(2)
    assert {row["phase"] for row in done.history} == {"dense"}


def test_the_history_tells_the_phases():
    rows = fitted(a_run()).history
    assert [row["epoch"] for row in rows] == list(range(1, 8))
    assert [row["phase"] for row in rows] == ["dense"] * 2 + ["gated"] * 3 + ["tuned"] * 2
    assert [row["pruned"] for row in rows[:2]] == [0, 0]
    assert rows[-1]["pruned"] == rows[-1]["pruned"] == pytest.approx(1 - 9 / 28)
    assert rows[-1]["active"] == pytest.approx(9 / 28)


def test_a_diluted_pressure_prunes_nothing_and_says_so():
    """The users' disease: one small rate, fixed pressure; the freeze must not hide it."""
    run = a_run(
        how=how(gate=Sigmoid(), rates=OneRate(rate=1e-3)),
        training=Training(epochs=Epochs(dense=0, gated=4, tuned=0), optimiser=Sgd()),
    )
    done = fitted(run)
    assert done.frozen.reached == 28
    assert sum(done.network.architecture.hidden) == 9
    assert all(row["pruned"] == 0 for row in done.history)


def test_the_ladder_climbs_in_the_history():
    run = a_run(how=how(gate=Sigmoid(), pressure=Ladder(every=1, last=50)))
    pressures = [row["pressure"] for row in fitted(run).history]
    assert pressures == [0, 0, 1, 10, 50, 0, 0]


def test_strong_pressure_with_two_rates_prunes():
    run = a_run(how=how(gate=Sigmoid(), pressure=Fixed(value=1e3), rates=TwoRates(gates=0.3)))
    assert fitted(run).frozen.reached < 28


def test_the_same_run_gives_the_same_bits_and_another_seed_others():
    first, again, other = fitted(a_run()), fitted(a_run()), fitted(a_run(seed=2))
    assert same(first.network, again.network)
    assert equal(first.history, again.history)
    assert other.history != first.history


@pytest.mark.parametrize("stop", range(1, 7))
@pytest.mark.parametrize("keep", [9, None])
def test_a_training_resumes_to_the_same_bits(tmp_path, stop, keep):
    run, path = a_run(keep=keep, how=how(pressure=Ladder(every=1))), tmp_path / "checkpoint.pt"

    class KilledError(Exception):
        pass

    def after_epoch(state):
        save(path, state, identity="mine")
        if state.epoch == stop:
            raise KilledError

    with pytest.raises(KilledError):
        fitted(run, after_epoch=after_epoch)
    state = resume(path, run, described(), identity="mine")
    assert state.epoch == stop
    done = fit(run, state, jets(), jets(300, seed=1))
    whole = fitted(run)
    assert same(done.network, whole.network)
    assert equal(done.history, whole.history)
    assert done.frozen == whole.frozen


def test_the_optimisers_memory_follows_the_cut():
    run, val = a_run(), jets(300, seed=1)
    states = []

    def after_epoch(state):
        if state.epoch == 5:  # the last gated epoch
            states.append(copy.deepcopy(state))

    fitted(run, after_epoch=after_epoch)
    (before,) = states
    after = freeze(run, before, val)
    names = [name for name, _ in before.network.named_parameters()]
    for key in ("exp_avg", "exp_avg_sq"):
        old = dict(zip(names, (m[key] for m in before.optimiser.state.values())))
        expected = cut(old, before.layers(run), tuple(after.kept.values()))
        for name, parameter in after.network.named_parameters():
            assert torch.equal(after.optimiser.state[parameter][key], expected[name])
            assert expected[name].abs().sum() > 0


def test_gates_do_not_decay():
    run = a_run(training=Training(optimiser=Adam(weight_decay=0.1)))
    weights, gates = start(run, described()).optimiser.param_groups
    assert (weights["weight_decay"], gates["weight_decay"]) == (0.1, 0)


def test_a_network_that_changed_when_it_was_cut_stops_the_run(monkeypatch):
    monkeypatch.setattr("ftag_prune.train.losing.difference", lambda *_: 2e-5)
    with pytest.raises(TrainingError, match="differs from the gated one by 2e-05 in a logit"):
        fitted(a_run())


def test_jets_count_with_their_weight():
    """Jets without weight change nothing, whatever they are; half the batch, half the loss."""
    run, some, junk = a_run(keep=None), jets(100), jets(100, seed=5)
    x, y = torch.cat([some.x, junk.x]), torch.cat([some.y, 1 - junk.y])
    both = Jets(x, None, None, y, torch.cat([torch.ones(100), torch.zeros(100)]))
    losses = []
    for train, size in ((some, 100), (both, 200)):
        settings = Training(epochs=Epochs(dense=1, tuned=0), batch_size=size)
        one = run.model_copy(update={"training": settings})
        losses.append(fit(one, start(one, described()), train, some).history[0]["class_loss"])
    assert losses[1] == pytest.approx(losses[0] / 2, rel=1e-5)


def test_the_memory_of_the_pressure_is_in_the_checkpoint(tmp_path):
    run = a_run()
    state = start(run, described())
    state.memory = Memory(123.0)
    save(tmp_path / "checkpoint.pt", state, identity="mine")
    found = resume(tmp_path / "checkpoint.pt", run, described(), identity="mine")
    assert found.memory == Memory(123.0)


def test_a_checkpoint_of_another_spec_is_not_used(tmp_path, caplog):
    path = tmp_path / "checkpoint.pt"
    fitted(a_run(), after_epoch=lambda state: save(path, state, identity="mine"))
    state = resume(path, a_run(), described(), identity="another")
    assert state.epoch == 0
    assert "of another spec or other jets; the training starts anew" in caplog.text


def test_a_broken_checkpoint_is_not_used(tmp_path, caplog):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"PK\x03\x04 not a checkpoint")
    assert resume(path, a_run(), described(), identity="mine").epoch == 0
    assert "not a model or checkpoint of ours" in caplog.text


def test_a_loss_that_is_not_a_number_stops_with_the_place():
    run = a_run(how=how(rates=OneRate(rate=1e30, decay="none")), training=Training(optimiser=Sgd()))
    with pytest.raises(TrainingError, match=r"run: the loss is (nan|inf) in epoch 1?\d"):
        fitted(run)


# -- jets that stay on the disk ------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """Folder with prepared jets of four classes and three inputs."""
    folder = tmp_path_factory.mktemp("disk")
    prepare(card(), [write_root(folder / "sample.root", small(1500))], folder)
    return folder


def test_a_training_from_disk_is_the_same_interrupted_or_not(on_disk, tmp_path):
    run, about = a_run(), description(on_disk / "train.h5")
    train, val = (load_within(on_disk / name, 8000) for name in ("train.h5", "val.h5"))
    assert isinstance(train, JetsOnDisk)
    path, states = tmp_path / "checkpoint.pt", []

    def keep(state):
        states.append(state.epoch)
        if state.epoch == 3:
            save(path, state, identity="mine")

    whole = fit(run, start(run, about), train, val, after_epoch=keep)
    second = fit(run, resume(path, run, about, identity="mine"), train, val)
    assert same(whole.network, second.network)
    assert equal(whole.history, second.history)
    mapped = fit(run, start(run, about), load(train.path), load(on_disk / "val.h5"))
    assert not same(whole.network, mapped.network), "another order of the same jets"
    for mine, theirs in zip(whole.history, mapped.history):
        assert mine["val_loss"] == pytest.approx(theirs["val_loss"], rel=0.1)


def test_a_network_sees_the_same_validation_jets_from_disk(on_disk):
    run = a_run(keep=None, training=Training(epochs=Epochs(dense=1, tuned=0)))
    about, train = description(on_disk / "train.h5"), load(on_disk / "train.h5")
    first, second = (
        fit(run, start(run, about), train, val).history[-1]["val_loss"]
        for val in (load(on_disk / "val.h5"), load_within(on_disk / "val.h5", 1))
    )
    assert first == second


@pytest.mark.parametrize(("share", "on"), [(1e-9, JetsOnDisk), (0.5, Jets)])
def test_the_share_of_the_memory_decides(on_disk, tmp_path, monkeypatch, share, on):
    seen = []

    def record(run, state, train, val, **options):
        seen.extend([type(train), type(val)])
        return fit(run, state, train, val, **options)

    monkeypatch.setattr("ftag_prune.train.runs.fit", record)
    run = a_run(training=Training(epochs=Epochs(dense=0, gated=1, tuned=0), memory_share=share))
    train_runs([run], on_disk, tmp_path)
    assert seen == [on, on]


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_a_share_lies_between_nothing_and_all(share):
    with pytest.raises(ConfigError, match=r"training: memory_share: input should be "):
        validated(Training, {"memory_share": share}, where="training")


# -- the folder of a run -------------------------------------------------------------------------


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """A folder of prepared jets, as far as the job that trains a chunk is concerned."""
    folder = tmp_path / "jets"
    monkeypatch.setattr("ftag_prune.train.runs.description", lambda path: described())
    loaded = {folder / "train.h5": jets(), folder / "val.h5": jets(300, seed=1)}
    monkeypatch.setattr("ftag_prune.train.runs.load_within", lambda path, _memory: loaded[path])
    return folder


def test_a_run_leaves_its_folder(prepared, tmp_path):
    out = tmp_path / "runs"
    train_runs([a_run()], prepared, out, checkpoint_seconds=0)
    names = {path.name for path in (out / "run").iterdir()}
    assert names == {"spec.json", "model.pt", "history.csv", "nodes.csv", "run.json"}
    told = read_json(out / "run" / "run.json")
    assert (told["nodes"], told["asked"], told["left"], told["reached"]) == (28, 9, 9, 9)
    model = load_model(out / "run" / "model.pt")
    assert sum(model.network.architecture.hidden) == 9
    assert told["parameters"] == model.network.parameter_count()
    assert model.about.inputs == ("a", "b", "c", "d")
    rows = list(csv.DictReader((out / "run" / "history.csv").read_text().splitlines()))
    assert len(rows) == 7


def test_finished_runs_are_skipped_and_damaged_ones_are_not(prepared, tmp_path):
    out = tmp_path / "runs"
    runs = [a_run(name="one"), a_run(name="two", seed=2)]
    first = train_runs(runs, prepared, out)
    assert [one.skipped for one in first] == [False, False]
    model = out / "one" / "model.pt"
    model.write_bytes(model.read_bytes()[:-1])
    second = train_runs(runs, prepared, out)
    assert [one.skipped for one in second] == [False, True]
    assert first[0].model_checksum == second[0].model_checksum
    (out / "two" / "run.json").write_text("[]")
    assert [one.skipped for one in train_runs(runs, prepared, out)] == [True, False]
    changed = [a_run(name="one"), a_run(name="two", seed=3)]
    assert [one.skipped for one in train_runs(changed, prepared, out)] == [True, False]


def test_other_jets_are_trained_on_anew(prepared, tmp_path, monkeypatch):
    train_runs([a_run()], prepared, tmp_path)
    other = described()._replace(fingerprint="other jets")
    monkeypatch.setattr("ftag_prune.train.runs.description", lambda path: other)
    assert [one.skipped for one in train_runs([a_run()], prepared, tmp_path)] == [False]


def test_one_failing_member_leaves_the_others_their_results(prepared, tmp_path):
    bad = a_run(
        name="bad",
        how=how(rates=OneRate(rate=1e30, decay="none")),
        training=Training(optimiser=Sgd()),
    )
    with pytest.raises(TrainingError, match="1 of 2 runs failed: bad: the loss is"):
        train_runs([bad, a_run(name="good")], prepared, tmp_path)
    assert (tmp_path / "good" / "run.json").exists()
    assert not (tmp_path / "bad" / "model.pt").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 1000])
def test_what_is_no_model_is_one_sentence(tmp_path, content):
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(FtagPruneError, match="not a model or checkpoint of ours"):
        load_model(tmp_path / "model.pt")
    with pytest.raises(FtagPruneError, match="no such file"):
        load_model(tmp_path / "absent.pt")
