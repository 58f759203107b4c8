"""What a run is asked for: which layers, which inputs, and in which unit."""

import pytest
import torch
from test_train import a_run, described, fitted, how, jets
from test_train import prepared as prepared  # a fixture

from ftag_prune.config import Epochs, Training
from ftag_prune.errors import TrainingError
from ftag_prune.gates import Annealed, HardConcrete, HardSigmoid, Sigmoid, StraightThrough
from ftag_prune.goal import Goal
from ftag_prune.model import load_model
from ftag_prune.pressure import Fixed
from ftag_prune.pruning_loss import Squared
from ftag_prune.record import read_json
from ftag_prune.selection import shares
from ftag_prune.shadow import gated, parts_of, prunable
from ftag_prune.train import train_runs
from ftag_prune.train.state import start

GATES = [Sigmoid(), HardSigmoid(), Annealed(), HardConcrete(), StraightThrough()]


def sizes(done):
    return tuple(done.network.architecture.hidden)


def asking(*, gate=None, **goal):
    """A strategy with a goal."""
    return how(goal=Goal(**goal), **({} if gate is None else {"gate": gate}))


@pytest.mark.parametrize("gate", GATES, ids=lambda one: one.kind)
def test_every_gate_ends_with_exactly_the_asked_number_of_nodes(gate):
    done = fitted(a_run(how=how(gate=gate), keep=9))
    assert sum(sizes(done)) == 9
    assert min(sizes(done)) >= 1
    assert done.frozen.difference < 1e-5


def test_straight_through_reaches_the_count_by_itself():
    assert fitted(a_run(how=how(gate=StraightThrough()), keep=9)).frozen.reached == 9


# -- layers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [2, 9, 14, 28])
@pytest.mark.parametrize("gate", [None, Sigmoid()])
def test_with_a_target_for_each_layer_all_keep_the_same_share(keep, gate):
    done = fitted(a_run(how=asking(scope="layer", gate=gate), keep=keep))
    assert sizes(done) == shares([16, 12], keep=keep, floor=1)
    assert done.frozen.cost == keep


def test_with_a_target_for_each_layer_the_budget_is_met_in_each():
    assert fitted(a_run(how=asking(scope="layer"), keep=14)).frozen.reached == 14


def test_every_layer_keeps_its_floor():
    done = fitted(a_run(how=asking(floor=4), keep=8))
    assert sizes(done) == (4, 4)


def test_only_the_named_layers_lose_nodes():
    done = fitted(a_run(how=asking(layers=("hidden2",)), keep=5, target=1 - 5 / 12))
    assert sizes(done) == (16, 5)
    assert list(done.kept) == ["hidden2"]
    assert (done.frozen.cost, done.frozen.reached) == (5, 5)
    assert [row["off"] for row in done.history] == [0, 0, *(row["off"] for row in done.history[2:])]
    assert done.history[-1]["pruned"] == pytest.approx(7 / 12)


# -- inputs --------------------------------------------------------------------------------------

SELECTING = {
    "keep": None,
    "target": 0.75,
    "training": Training(epochs=Epochs(dense=6, gated=10, tuned=2), batch_size=100),
}


def selecting(**changes):
    return a_run(**{**SELECTING, "how": asking(inputs=True), **changes})


def test_inputs_are_nodes_among_others():
    """32 nodes, of which 4 are inputs; 8 stay."""
    done = fitted(selecting())
    left = {name: len(one) for name, one in done.kept.items()}
    assert list(left) == ["inputs", "hidden1", "hidden2"]
    assert sum(left.values()) == done.frozen.cost == done.frozen.reached == 8
    assert (len(done.network.mean), *sizes(done)) == tuple(left.values())
    assert done.frozen.difference < 1e-5


def test_the_network_takes_its_inputs_of_jets_that_have_all():
    done, some = fitted(selecting()), jets(50, seed=9)
    columns = some.x[:, list(done.kept["inputs"])]
    logits = done.network(*done.network.arguments(some))
    assert torch.equal(logits, done.network(columns))


def test_inputs_that_tell_nothing_are_dropped():
    """The classes depend on the first two of four inputs."""
    done = fitted(selecting())
    assert set(done.kept["inputs"]) <= {0, 1}


def test_inputs_alone_can_be_selected():
    """The hidden nodes stay as they are: a feature selector."""
    done = fitted(selecting(how=asking(inputs=True, layers=()), target=0.5))
    assert {name: len(one) for name, one in done.kept.items()} == {"inputs": 2}
    assert set(done.kept["inputs"]) == {0, 1}
    assert done.network.architecture.hidden == selecting().network.hidden


def test_a_run_tells_the_ranking_of_its_inputs(prepared, tmp_path):
    train_runs([selecting()], prepared, tmp_path)
    told = read_json(tmp_path / "run" / "run.json")
    ranking, kept = told["inputs"], told["kept"]["inputs"]
    assert {one["input"] for one in ranking[:2]} == {"a", "b"}
    assert sorted(one["input"] for one in ranking) == ["a", "b", "c", "d"]
    assert [one["kept"] for one in ranking] == [True] * len(kept) + [False] * (4 - len(kept))
    for part in (ranking[: len(kept)], ranking[len(kept) :]):
        thetas = [one["theta"] for one in part]
        assert thetas == sorted(thetas, reverse=True)
    model = load_model(tmp_path / "run" / "model.pt")
    assert model.about.inputs == tuple("abcd"[index] for index in kept)
    assert {one["input"] for one in ranking if one["kept"]} == set(model.about.inputs)


def test_a_run_without_a_choice_of_inputs_ranks_none(prepared, tmp_path):
    train_runs([a_run()], prepared, tmp_path)
    assert read_json(tmp_path / "run" / "run.json")["inputs"] is None


# -- units ---------------------------------------------------------------------------------------


def no_further_node_fits(done, run):
    network = start(run, described()).network
    (part,) = parts_of(network, run.how.goal, target=run.target)
    counts = [len(one) for one in done.kept.values()]
    assert done.frozen.cost == part.cost.of(counts) <= part.budget
    for layer, there in enumerate(part.cost.sizes):
        if counts[layer] < there:
            more = [count + (at == layer) for at, count in enumerate(counts)]
            assert part.cost.of(more) > part.budget


@pytest.mark.parametrize("target", [0.3, 0.75, 0.9])
@pytest.mark.parametrize("gate", [None, Sigmoid(), StraightThrough()])
def test_a_budget_of_parameters_is_filled_and_not_exceeded(target, gate):
    run = a_run(how=asking(unit="parameters", gate=gate), keep=None, target=target)
    done = fitted(run)
    assert done.frozen.cost == done.network.parameter_count()
    no_further_node_fits(done, run)


def test_a_budget_of_multiplications_is_filled_and_not_exceeded():
    run = a_run(how=asking(unit="multiplications", inputs=True), keep=None, target=0.8)
    done = fitted(run)
    assert done.frozen.cost == done.network.multiplications()
    no_further_node_fits(done, run)


def test_the_budget_gate_reaches_a_budget_of_parameters_by_itself():
    """What is open costs the budget within a node, before the freeze."""
    run = a_run(how=asking(unit="parameters"), keep=None, target=0.75)
    done = fitted(run)
    network = start(run, described()).network
    (part,) = parts_of(network, run.how.goal, target=run.target)
    dearest = max(part.cost.slopes(part.cost.sizes))
    assert abs(done.frozen.reached - part.budget) <= dearest


def test_run_json_tells_the_unit_and_what_is_left_in_it(prepared, tmp_path):
    run = a_run(how=asking(unit="parameters"), keep=None, target=0.75)
    train_runs([run], prepared, tmp_path)
    told = read_json(tmp_path / "run" / "run.json")
    whole = 4 * 16 + 16 + 16 * 12 + 12 + 12 * 2 + 2
    assert (told["unit"], told["whole"]) == ("parameters", whole)
    assert told["asked"] == whole - round(0.75 * whole)
    assert told["left"] == told["parameters"] <= told["asked"]
    assert told["nodes"] == 28
    assert told["nodes_left"] == sum(told["layers"].values()) < 28
    assert told["multiplications"] < told["parameters"]


@pytest.fixture
def seen(monkeypatch):
    """What the pressure sees, step after step."""
    found = []
    monkeypatch.setattr(Fixed, "step", lambda _self, memory, now: (found.append(now), memory)[1])
    return found


def pressed(**changes):
    """Exact gates with a pressure beside them: hard gates have no binarising term to feel."""
    return how(gate=StraightThrough(), loss=Squared(binarise=1e-6), **changes)


def test_a_budget_by_construction_is_not_pressed(seen):
    done = fitted(a_run(how=how(gate=StraightThrough())))
    assert not seen
    rows = [row for row in done.history if row["phase"] == "gated"]
    assert rows[-1]["pruning_loss"] == 0
    assert rows[0]["pruning_loss"] > 0


def test_a_pressure_sees_the_unit_that_is_asked_for(seen):
    """Half of the nodes is a quarter of the parameters: it must not go on from there."""
    run = a_run(how=pressed(goal=Goal(unit="parameters")), keep=None, target=0.75)
    done = fitted(run)
    last, whole = seen[-1], 310
    assert last.target == 1 - 78 / whole  # 310 - round(232.5)
    assert last.pruned == pytest.approx(1 - done.frozen.reached / whole)
    assert last.target <= last.pruned < last.target + 24 / whole


def test_a_pressure_is_asked_for_whole_nodes(seen):
    """A target of 0.9 of 28 nodes is met when 25 are off: 25.2 can not be."""
    fitted(a_run(how=pressed(), keep=None, target=0.9))
    assert seen[-1].target == pytest.approx(25 / 28)
    assert seen[-1].shortfall == pytest.approx(0)


def test_masked_and_compacted_agree_on_every_goal():
    """Compared by hand on other jets: the state before the freeze, gated, and what came of it."""
    from ftag_prune.compact import closed
    from ftag_prune.train.losing import freeze

    some = jets(1000, seed=7)
    for goal in (Goal(), Goal(inputs=True), Goal(layers=("hidden1",)), Goal(scope="layer")):
        run = a_run(how=how(goal=goal), keep=None, target=0.5)
        state = start(run, described())
        state.epoch = 5
        with torch.no_grad():
            drawn = torch.Generator().manual_seed(2)
            state.shadow.theta.normal_(generator=drawn)
        layers = prunable(state.network, goal)
        gates = state.shadow(progress=1.0).value.detach()
        after = freeze(run, state, some)
        hard = closed(gates, layers, tuple(after.kept.values()))
        masked = gated(state.network, layers, hard, state.network.arguments(some))
        small = after.network(*after.network.arguments(some))
        torch.testing.assert_close(small, masked, rtol=0, atol=1e-5)


# -- mistakes ------------------------------------------------------------------------------------


def test_a_budget_below_one_node_a_layer_is_refused_before_the_training():
    run = a_run(how=asking(unit="parameters"), keep=None, target=0.99)
    with pytest.raises(TrainingError, match=r"cannot keep 3 of 310 parameters: the 2 layers need"):
        start(run, described())


def test_a_target_that_leaves_less_than_one_node_a_layer_is_refused_before_the_training():
    run = a_run(how=asking(inputs=True), keep=None, target=0.93)
    with pytest.raises(TrainingError, match=r"cannot keep 2 of 32 nodes: the 3 layers need at le"):
        start(run, described())


def test_a_layer_that_the_network_does_not_have_is_refused():
    with pytest.raises(ValueError, match=r"goal\.layers: no layer 'hiden1'; nearest: 'hidden1'"):
        a_run(how=asking(layers=("hiden1",)))
