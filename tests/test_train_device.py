"""Where a training computes, and in which precision; here there is a CPU and nothing else."""

import pytest
import torch
from resuming import resumed
from test_train import a_run, described, equal, fitted, how, jets, same
from test_train import prepared as prepared  # a fixture
from test_train_controls import controlled

from ftag_prune.compact import compact
from ftag_prune.config import Epochs, Iterative, Sgd, Training
from ftag_prune.errors import TrainingError
from ftag_prune.gates import Sigmoid
from ftag_prune.model import load_model
from ftag_prune.networks import Network
from ftag_prune.record import read_json
from ftag_prune.shadow import Shadow
from ftag_prune.tensors import Jets
from ftag_prune.train import fit, train_runs
from ftag_prune.train.checkpoints import resume, save
from ftag_prune.train.device import available, device_of, fused, mixed, place, scaler_of
from ftag_prune.train.losses import class_loss
from ftag_prune.train.state import State, start

CPU, ELSEWHERE = torch.device("cpu"), torch.device("meta")
PHASES = Epochs(dense=2, gated=3, tuned=2)
HALVES = ["bfloat16", "float16"]


def training(**changes):
    return Training(**{"epochs": PHASES, "batch_size": 100, **changes})


@pytest.fixture
def machine(monkeypatch):
    """A machine with the given devices, as far as one can tell without asking them."""

    def has(*names):
        monkeypatch.setattr("ftag_prune.train.device.available", lambda: names)

    return has


# -- the device ----------------------------------------------------------------------------------


def test_auto_is_the_cpu_where_there_is_nothing_else(machine):
    machine("cpu")
    assert device_of(training(device="auto")) == device_of(training()) == CPU


def test_auto_is_the_quickest(machine, monkeypatch):
    machine("cuda", "mps", "cpu")
    monkeypatch.setattr(torch, "empty", lambda _number, device: torch.tensor(0).to("meta"))
    assert device_of(training(device="auto")) == ELSEWHERE, "not the CPU"


@pytest.mark.parametrize(
    ("cuda", "mps", "here"),
    [(False, False, ("cpu",)), (True, False, ("cuda", "cpu")), (False, True, ("mps", "cpu"))],
)
def test_torch_is_asked_what_there_is(monkeypatch, cuda, mps, here):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert available() == here


@pytest.mark.parametrize(
    ("wanted", "here", "sentence"),
    [
        ("cuda", ("cpu",), "training.device: wanted cuda, which is not on this machine; available"),
        ("mps", ("cuda", "cpu"), "wanted mps, which is not on this machine; available: cuda, cpu"),
    ],
)
def test_a_device_that_is_not_there_is_one_sentence(machine, wanted, here, sentence):
    machine(*here)
    with pytest.raises(TrainingError, match=sentence):
        start(a_run(training=training(device=wanted)), described())


def test_the_device_is_told(prepared, tmp_path):
    train_runs([a_run(training=training(device="auto"))], prepared, tmp_path)
    assert read_json(tmp_path / "run" / "run.json")["device"] == available()[0]


def test_a_job_says_where_its_runs_are_trained_and_they_stay_the_same_runs(prepared, tmp_path):
    run = a_run(training=training(device="cuda"))
    (first,) = train_runs([run], prepared, tmp_path, device="cpu")
    assert read_json(tmp_path / "run" / "run.json")["device"] == "cpu"
    assert read_json(tmp_path / "run" / "spec.json") == run.model_dump(mode="json")
    (again,) = train_runs([run], prepared, tmp_path)
    assert (first.skipped, again.skipped) == (False, True)


def test_a_job_that_wants_another_device_than_it_has_is_one_sentence(prepared, tmp_path, machine):
    machine("cpu")
    with pytest.raises(TrainingError, match="wanted cuda, which is not on this machine"):
        train_runs([a_run(training=training())], prepared, tmp_path, device="cuda")


def test_optimisers_are_fused_where_that_is_known_to_work():
    assert fused(CPU)
    assert not fused(torch.device("mps"))


def test_what_a_network_takes_of_jets_moves_with_it():
    network = start(a_run(), described()).network
    network.taken = torch.tensor([0, 2])
    place(ELSEWHERE, network)
    assert {one.device for one in network.state_dict().values()} == {ELSEWHERE}
    assert network.taken.device == ELSEWHERE


def test_jets_move_as_a_whole_and_stay_where_they_are():
    some = jets(5)._replace(tracks=torch.zeros(5, 2, 3), valid=torch.ones(5, 2) > 0)
    assert some.to(CPU) is some
    assert {one.device for one in some.to(ELSEWHERE) if one is not None} == {ELSEWHERE}
    assert some.to(ELSEWHERE).valid.shape == (5, 2)


@pytest.fixture
def moves(monkeypatch):
    """What is moved in trainings that take a part of the CPU for another device."""
    found = {"networks": [], "batches": 0}

    def move(device, *modules):
        for module in (one for one in modules if one is not None):
            module.where = device
            found["networks"] += [device.type] if isinstance(module, Network) else []

    def to(some, device):
        assert device == ELSEWHERE
        found["batches"] += 1
        return some

    def on_cpu(network, *rest):
        assert network.where == CPU
        return compact(network, *rest)

    monkeypatch.setattr("ftag_prune.train.state.device_of", lambda _training: ELSEWHERE)
    monkeypatch.setattr("ftag_prune.train.state.place", move)
    monkeypatch.setattr("ftag_prune.train.losing.compact", on_cpu)
    monkeypatch.setattr(State, "device", property(lambda one: getattr(one.network, "where", CPU)))
    monkeypatch.setattr(Jets, "to", to)
    return found


RUNS = {
    "dense": (a_run(keep=None, training=training()), 0),
    "gated": (a_run(training=training()), 1),
    "sgd": (a_run(training=training(optimiser=Sgd())), 1),
    "iterative": (controlled(Iterative, rounds=2, training=training()), 2),
    "ratchet": (a_run(how=how(ratchet=1), training=training()), 3),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_training_elsewhere_comes_to_the_cpu_for_its_cuts_and_its_end(moves, monkeypatch, name):
    """Nothing is lost on the way there and back: the same bits as if it had stayed."""
    run, cuts = RUNS[name]
    away = fitted(run)
    assert moves["networks"] == ["meta", *["cpu", "meta"] * cuts, "cpu"]
    assert moves["batches"] == 7 * (6 + 1), "six of training and one of validation an epoch"
    assert away.device == "meta"
    monkeypatch.undo()
    stayed = fitted(run)
    assert same(away.network, stayed.network)
    assert equal(away.history, stayed.history)


# -- the precision -------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("keep", [9, None])
def test_half_precision_learns_nearly_the_same(precision, keep):
    plain = fitted(a_run(keep=keep, training=training()))
    half = fitted(a_run(keep=keep, training=training(precision=precision)))
    assert not same(plain.network, half.network)
    for mine, theirs in zip(half.history, plain.history, strict=True):
        assert mine["class_loss"] == pytest.approx(theirs["class_loss"], rel=0.02)
        assert mine["val_loss"] == pytest.approx(theirs["val_loss"], rel=0.02)
    assert half.frozen is None or half.frozen.difference < 1e-5


@pytest.mark.parametrize("precision", HALVES)
def test_what_is_written_is_float32(prepared, tmp_path, precision):
    train_runs([a_run(training=training(precision=precision))], prepared, tmp_path)
    network = load_model(tmp_path / "run" / "model.pt").network
    assert {one.dtype for one in network.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("precision", [*HALVES, "float32"])
def test_the_class_loss_of_training_is_all_that_has_half_precision(monkeypatch, precision):
    """Not validation, not the pruning loss, and not what is measured of gates."""
    run = a_run(how=how(gate=Sigmoid()), training=training(precision=precision))
    state, seen, of_gates = start(run, described()), set(), Shadow.pruning_loss

    def hook(network, *_):
        seen.add(("training" if network.training else "at rest", torch.is_autocast_enabled("cpu")))

    def pruning_loss(shadow, gates, loss):
        seen.add(("gates", torch.is_autocast_enabled("cpu")))
        assert gates.value.dtype == torch.float32
        return of_gates(shadow, gates, loss)

    monkeypatch.setattr(Shadow, "pruning_loss", pruning_loss)
    state.network.register_forward_hook(hook)
    fit(run, state, jets(), jets(300, seed=1), until=5)
    half = precision != "float32"
    assert seen == {("training", half), ("at rest", False), ("gates", False)}


@pytest.mark.parametrize("precision", HALVES)
def test_a_loss_is_summed_in_float32(precision):
    run = a_run(training=training(precision=precision))
    with mixed(run.training, CPU):
        loss = class_loss(start(run, described()).network, None, None, jets())
    assert loss.dtype == torch.float32


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("stop", [1, 4, 5])
def test_a_training_in_half_precision_resumes_to_the_same_bits(tmp_path, precision, stop):
    resumed(a_run(training=training(precision=precision)), tmp_path, stop=stop)


def test_a_scale_that_is_too_large_costs_steps_and_no_weights():
    """Gradients that are not numbers are left out, and the scale is halved: then it goes on."""
    short = training(precision="float16", epochs=Epochs(dense=1, gated=1, tuned=0))
    run = a_run(keep=None, training=short)
    state = start(run, described())
    before = {name: one.clone() for name, one in state.network.state_dict().items()}
    state.scaler.load_state_dict({**state.scaler.state_dict(), "scale": 2.0**120})
    fit(run, state, jets(), jets(300, seed=1))
    assert state.scaler.get_scale() == 2.0 ** (120 - 12), "12 batches"
    assert all(torch.equal(one, before[name]) for name, one in state.network.state_dict().items())


def test_the_scale_is_in_the_checkpoint(tmp_path):
    run = a_run(training=training(precision="float16"))
    state = start(run, described())
    state.scaler.load_state_dict({**state.scaler.state_dict(), "scale": 1024.0})
    save(tmp_path / "checkpoint.pt", state, identity="mine")
    found = resume(tmp_path / "checkpoint.pt", run, described(), identity="mine")
    assert found.scaler.get_scale() == 1024.0


def test_only_float16_needs_a_scale():
    scaled = {name: scaler_of(training(precision=name), CPU).is_enabled() for name in HALVES}
    assert scaled == {"bfloat16": False, "float16": True}
    assert not scaler_of(training(), CPU).is_enabled()
