"""Several targets from one training: exact counts, and a trunk that is trained once."""

import pytest
from test_train import a_run, described, how
from test_train import prepared as prepared  # a fixture

from ftag_prune.config import Dense, Epochs, Training
from ftag_prune.errors import TrainingError
from ftag_prune.gates import Budget, Sigmoid, StraightThrough
from ftag_prune.goal import Goal
from ftag_prune.model import load_model
from ftag_prune.record import read_csv, read_json
from ftag_prune.train import fit, train_runs
from ftag_prune.train.descent import stops
from ftag_prune.train.state import start

STOPS = (0.25, 0.5, 0.9)
LEFT = {0.25: 21, 0.5: 14, 0.9: 3}  # of 28: 28 - round(target * 28)
EPOCHS = Training(epochs=Epochs(dense=1, gated=10, tuned=2), batch_size=100)
TRUNK = "single_b-w16-trunk-budget-s1"


def one_training(**changes):
    return how(one_training=True, **changes)


def the_runs(*, strategy=None, targets=STOPS, **changes):
    return [
        a_run(
            name=f"p{100 * target:g}",
            how=one_training() if strategy is None else strategy,
            keep=None,
            target=target,
            stops=targets,
            training=EPOCHS,
            **changes,
        )
        for target in targets
    ]


@pytest.fixture
def trained(monkeypatch):
    """Names and epochs of what is fitted, in turn."""
    found = []

    def record(run, state, train, val, **options):
        before = state.epoch
        done = fit(run, state, train, val, **options)
        found.append((run.name, before, options.get("until")))
        return done

    monkeypatch.setattr("ftag_prune.train.runs.fit", record)
    monkeypatch.setattr("ftag_prune.train.descent.fit", record)
    return found


@pytest.mark.parametrize("gate", [Budget(), StraightThrough()], ids=lambda one: one.kind)
def test_each_run_of_a_trunk_has_its_exact_count(prepared, tmp_path, gate):
    train_runs(the_runs(strategy=one_training(gate=gate)), prepared, tmp_path)
    for target, left in LEFT.items():
        folder = tmp_path / f"p{100 * target:g}"
        told = read_json(folder / "run.json")
        assert (told["asked"], told["left"], told["nodes_left"]) == (left, left, left)
        assert told["compaction_difference"] < 1e-5
        network = load_model(folder / "model.pt").network
        assert sum(network.architecture.hidden) == left


def test_the_trunk_is_trained_once(prepared, tmp_path, trained):
    train_runs(the_runs(), prepared, tmp_path)
    trunk, *own = trained
    assert trunk == (TRUNK, 0, 9)  # settled after eight of ten gated epochs
    assert own == [(name, 11, None) for name in ("p25", "p50", "p90")]


def test_the_stops_lie_where_the_budget_passes(prepared, tmp_path):
    """Cubic: 1 - 0.9 (1 - (1 - p / 0.8)^3); nearest to 0.75 and 0.5 at the ends of epochs."""
    (run, *_) = the_runs()
    trunk = run.model_copy(update={"target": 0.9, "keep": None})
    places = stops(trunk, start(trunk, described()).shadow)
    falling = {n: 1 - 25 / 28 * (1 - max(0, 1 - n / 8) ** 3) for n in range(1, 11)}
    nearest = {
        target: 1 + min(falling, key=lambda n: abs(falling[n] - 1 + target)) for target in STOPS
    }
    assert places == nearest == {0.25: 2, 0.5: 3, 0.9: 9}


def test_a_history_goes_from_the_trunk_to_the_freeze(prepared, tmp_path):
    """The epochs of the trunk as far as the stop, and the tuned ones at their places."""
    train_runs(the_runs(), prepared, tmp_path)
    first, last = (read_csv(tmp_path / name / "history.csv") for name in ("p50", "p90"))
    assert [row["epoch"] for row in first] == ["1", "2", "3", "12", "13"]
    assert [row["phase"] for row in first] == ["dense", "gated", "gated", "tuned", "tuned"]
    assert first[:3] == last[:3]
    assert [row["epoch"] for row in last] == [str(n) for n in (*range(1, 10), 12, 13)]


def test_another_job_goes_on_from_what_the_trunk_left(prepared, tmp_path, trained):
    runs = the_runs()
    train_runs(runs[2:], prepared, tmp_path)
    train_runs(runs[:2], prepared, tmp_path)
    assert [name for name, *_ in trained] == [TRUNK, "p90", "p25", "p50"]
    again = tmp_path / "again"
    train_runs(runs, prepared, again)
    for run in runs:
        one, other = (folder / run.name / "model.pt" for folder in (tmp_path, again))
        assert one.read_bytes() == other.read_bytes()


def test_a_killed_trunk_goes_on_to_the_same_numbers(prepared, tmp_path, monkeypatch):
    from ftag_prune.train import keeper

    class KilledError(Exception):
        pass

    write = keeper.Keeper.__call__

    def killed(self, state):
        write(self, state)
        if state.epoch == 5:
            raise KilledError

    whole = tmp_path / "whole"
    train_runs(the_runs(), prepared, whole)
    with monkeypatch.context() as patch:
        patch.setattr(keeper.Keeper, "__call__", killed)
        with pytest.raises(KilledError):
            train_runs(the_runs(), prepared, tmp_path, checkpoint_seconds=0)
    assert (tmp_path / TRUNK / "checkpoint.pt").exists()
    train_runs(the_runs(), prepared, tmp_path, checkpoint_seconds=0)
    assert not (tmp_path / TRUNK / "checkpoint.pt").exists()
    for run in the_runs():
        one, other = (folder / run.name / "model.pt" for folder in (tmp_path, whole))
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("ratchet", [1, 2])
@pytest.mark.parametrize("gate", [Budget(), StraightThrough()], ids=lambda one: one.kind)
def test_a_ratchet_leaves_enough_for_each_stop(prepared, tmp_path, gate, ratchet):
    """The first stop lies where the budget has just fallen below what it asks for."""
    train_runs(the_runs(strategy=one_training(gate=gate, ratchet=ratchet)), prepared, tmp_path)
    for target, left in LEFT.items():
        assert read_json(tmp_path / f"p{100 * target:g}" / "run.json")["left"] == left


@pytest.mark.parametrize("goal", [Goal(scope="layer"), Goal(floor=1, layers=("hidden1",))])
def test_goals_hold_for_each_stop(prepared, tmp_path, goal):
    targets = (0.25, 0.5)
    sizes = [16, 12] if goal.layers is None else [16]
    runs = the_runs(strategy=one_training(goal=goal), targets=targets)
    train_runs(runs, prepared, tmp_path)
    for run in runs:
        told = read_json(tmp_path / run.name / "run.json")
        assert told["left"] == sum(sizes) - round(run.target * sum(sizes))


def test_a_stop_in_parameters_stays_within_its_budget(prepared, tmp_path):
    goal = Goal(unit="parameters")
    runs = the_runs(strategy=one_training(goal=goal), targets=(0.25, 0.5, 0.8))
    train_runs(runs, prepared, tmp_path)
    for run in runs:
        told = read_json(tmp_path / run.name / "run.json")
        assert 310 - round(run.target * 310) - 40 < told["left"] <= told["asked"]
        assert told["left"] == told["parameters"]


def test_one_training_needs_a_budget_that_falls():
    with pytest.raises(ValueError, match=r"one_training needs a gate with a budget that falls"):
        one_training(gate=Sigmoid())


def test_only_a_gate_has_stops():
    shadow = start(a_run(), described()).shadow
    assert stops(a_run(), shadow) == {}
    with pytest.raises(TrainingError, match="only a gate has a budget that falls"):
        stops(a_run(how=Dense()), shadow)
