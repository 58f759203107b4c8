"""How a training loses nodes: the freeze and the ratchet, exactly and without a trace in logits."""

import copy
from itertools import pairwise

import pytest
import torch
from resuming import resumed
from test_train import a_run, described, fitted, how, jets
from test_train import prepared as prepared  # a fixture

from ftag_prune.compact import cut
from ftag_prune.config import Epochs, Sgd, Training
from ftag_prune.errors import TrainingError
from ftag_prune.gates import Budget, HardConcrete, Sigmoid, StraightThrough
from ftag_prune.goal import Goal
from ftag_prune.pressure import Fixed
from ftag_prune.rates import TwoRates
from ftag_prune.record import read_csv
from ftag_prune.shadow import gated
from ftag_prune.train import train_runs
from ftag_prune.train.losing import freeze, ratchet
from ftag_prune.train.state import start

LONG = Training(epochs=Epochs(dense=1, gated=10, tuned=2), batch_size=100)
HARD = StraightThrough()


def ratcheted(*, ratchet=1, keep=9, training=LONG, **changes):
    """A run that cuts nodes out while it trains; its gates are 0 or 1 if nothing else is said."""
    target = {} if keep else {"target": 0.6}
    strategy = how(**{"gate": HARD, "ratchet": ratchet, **changes})
    return a_run(how=strategy, keep=keep, training=training, **target)


def states_of(run):
    """The training, and a copy of its state after each epoch."""
    states = []
    done = fitted(run, after_epoch=lambda state: states.append(copy.deepcopy(state)))
    return done, states


# -- ratchet -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gate", [HARD, Budget(), Sigmoid(), HardConcrete()], ids=lambda g: g.kind)
@pytest.mark.parametrize("keep", [2, 9, 27])
def test_a_ratchet_ends_with_exactly_the_asked_number_of_nodes(gate, keep):
    done = fitted(ratcheted(gate=gate, keep=keep))
    assert sum(done.network.architecture.hidden) == keep
    assert min(done.network.architecture.hidden) >= 1
    assert done.frozen.difference < 1e-5


@pytest.mark.parametrize(
    "goal", [Goal(scope="layer"), Goal(unit="parameters"), Goal(inputs=True), Goal(floor=3)]
)
def test_a_ratchet_serves_every_goal(goal):
    done = fitted(ratcheted(goal=goal, keep=None))
    counts = [len(one) for one in done.kept.values()]
    assert min(counts) >= goal.floor
    whole = {"nodes": 32 if goal.inputs else 28, "parameters": 310}[goal.unit]
    asked = whole - round(0.6 * whole)
    # A node that was cut out when the budget was larger cannot fill what is left of it.
    spare = {"nodes": 0, "parameters": 4 + 1 + 12}[goal.unit]
    assert asked - spare <= done.frozen.cost <= asked
    assert done.frozen.difference < 1e-5


def test_nodes_are_cut_out_while_the_training_goes_on():
    """The network of an epoch has no node that was off at the end of the one before."""
    _, states = states_of(ratcheted())
    sizes = [sum(state.network.architecture.hidden) for state in states]
    assert sizes[:2] == [28, 28]
    for before, after in pairwise(states[1:11]):
        off = before.history[-1]["off"]
        assert sum(after.network.architecture.hidden) == 28 - off
        assert len(after.shadow.theta) == 28 - off
    assert sizes[10] < sizes[5] < 28


def test_a_node_has_to_be_off_for_as_long_as_was_said():
    """With three epochs, nodes that went off at the end of the second go before the fifth."""
    _, states = states_of(ratcheted(ratchet=3))
    sizes = [sum(state.network.architecture.hidden) for state in states]
    assert sizes[:4] == [28] * 4
    off = states[1].shadow.off_for > 0
    still = [int(((state.shadow.off_for > 0) & off).sum()) for state in states[2:4]]
    assert sizes[4] == 28 - still[1]


def test_cut_nodes_count_as_off_and_cannot_come_back():
    rows = fitted(ratcheted()).history
    off = [row["off"] for row in rows if row["phase"] == "gated"]
    assert off == sorted(off)
    assert [row["regrown"] for row in rows] == [0] * len(rows)
    assert all(row["pruned"] == row["off"] / 28 for row in rows)
    assert rows[-1]["off"] == 19


def test_what_the_budget_needs_stays_whatever_its_gate():
    """A pressure that closes everything: at least nine of the nodes that are off have to stay."""
    crush = {"gate": Sigmoid(), "pressure": Fixed(value=1e6), "rates": TwoRates(gates=1.0)}
    done, states = states_of(ratcheted(**crush))
    assert [row["off"] for row in done.history][1:3] == [28, 28]
    assert min(sum(state.network.architecture.hidden) for state in states) == 9
    assert sum(done.network.architecture.hidden) == 9


def test_a_cut_changes_no_logit():
    """The state before and after: the gated network with the nodes off, and the smaller one."""
    run, some = ratcheted(), jets(1000, seed=8)
    state = start(run, described())
    with torch.no_grad():
        state.shadow.theta.normal_(generator=torch.Generator().manual_seed(5))
    state.epoch = 5
    state.shadow.off_for[::3] = 1
    after = ratchet(run, state, some, epochs=1, progress=1.0)
    kept = torch.cat([torch.tensor(one) + at for one, at in zip(after.kept.values(), (0, 16))])
    assert len(kept) < 28
    hard = torch.zeros(28).index_fill(0, kept, 1.0)
    masked = gated(state.network, state.layers(run), hard, state.network.arguments(some))
    small = after.network(*after.network.arguments(some))
    torch.testing.assert_close(small, masked, rtol=0, atol=1e-5)
    assert torch.equal(after.shadow.theta, state.shadow.theta[kept])
    assert torch.equal(after.shadow.off_for, state.shadow.off_for[kept])


def test_a_cut_that_changes_the_network_stops_the_run(monkeypatch):
    monkeypatch.setattr("ftag_prune.train.losing.difference", lambda *_: 2e-5)
    states = []
    with pytest.raises(TrainingError, match="differs from the gated one by 2e-05 in a logit"):
        fitted(ratcheted(), after_epoch=lambda state: states.append(state.epoch))
    assert max(states) < 11, "before the freeze"


def test_the_largest_difference_of_all_cuts_is_told(monkeypatch):
    gaps = iter([3e-6, 9e-6, *[1e-6] * 20])
    monkeypatch.setattr("ftag_prune.train.losing.difference", lambda *_: next(gaps))
    assert fitted(ratcheted()).frozen.difference == 9e-6


@pytest.mark.parametrize("optimiser", [None, Sgd()])
def test_what_the_optimiser_remembers_goes_with_the_nodes_that_stay(optimiser):
    """Of weights and of gates."""
    training = LONG if optimiser is None else LONG.model_copy(update={"optimiser": optimiser})
    run = ratcheted(training=training)
    states = []
    fitted(run, after_epoch=lambda state: states.append(copy.deepcopy(state)))
    before = states[4]
    after = ratchet(run, before, jets(300, seed=1), epochs=1, progress=0.4)
    where = [
        tuple(before.kept[name].index(index) for index in one) for name, one in after.kept.items()
    ]
    keys = ("exp_avg", "exp_avg_sq") if optimiser is None else ("momentum_buffer",)
    names = [name for name, _ in before.network.named_parameters()]
    for key in keys:
        memories = [before.optimiser.state[one] for one in before.network.parameters()]
        old = {name: memory[key] for name, memory in zip(names, memories, strict=True)}
        expected = cut(old, before.layers(run), tuple(where))
        for name, parameter in after.network.named_parameters():
            assert torch.equal(after.optimiser.state[parameter][key], expected[name])
        sizes = [layer.nodes for layer in before.shadow.layers]
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        places = [at + index for at, one in zip(starts, where) for index in one]
        old_gates = before.optimiser.state[before.shadow.theta][key]
        found = after.optimiser.state[after.shadow.theta][key]
        assert torch.equal(found, old_gates[places])
        assert len(places) < sum(sizes)


@pytest.mark.parametrize("stop", range(2, 12))
@pytest.mark.parametrize("gate", [HARD, Budget()], ids=lambda one: one.kind)
def test_a_training_with_a_ratchet_resumes_to_the_same_bits(tmp_path, gate, stop):
    run = ratcheted(gate=gate, goal=Goal(inputs=True), keep=None)
    resumed(run, tmp_path, stop=stop)


# -- freeze --------------------------------------------------------------------------------------


def test_the_freeze_keeps_the_nodes_with_the_largest_theta():
    run = a_run(keep=5)
    state = start(run, described())
    state.epoch = 5
    with torch.no_grad():
        state.shadow.theta.copy_(torch.arange(28.0) % 13)
    after = freeze(run, state, jets(100))
    # The largest are 12 and 11, each twice, at 12 and 25, and 11 and 24; then 10 at 10, before 23.
    assert after.kept == {"hidden1": (10, 11, 12), "hidden2": (8, 9)}
    assert after.shadow is None
    assert after.phase(run) == "tuned"


def test_what_was_open_before_the_freeze_is_told_beside_what_is_left():
    run = a_run(how=how(gate=Sigmoid()), keep=5)
    state = start(run, described())
    with torch.no_grad():
        state.shadow.theta.fill_(-3.0)
        state.shadow.theta[:11] = 3.0
    after = freeze(run, state, jets(100))
    assert (after.frozen.reached, after.frozen.cost) == (11, 5)


def test_there_is_nothing_to_freeze_without_gates():
    run = a_run(keep=None)
    with pytest.raises(TrainingError, match="run: a training without gates has nothing to freeze"):
        freeze(run, start(run, described()), jets(10))


def test_a_run_leaves_a_table_of_its_nodes(prepared, tmp_path):
    train_runs([a_run()], prepared, tmp_path)
    rows = read_csv(tmp_path / "run" / "nodes.csv")
    assert [row["layer"] for row in rows] == ["hidden1"] * 16 + ["hidden2"] * 12
    assert [int(row["node"]) for row in rows] == [*range(16), *range(12)]
    kept = [float(row["theta"]) for row in rows if row["kept"] == "True"]
    lost = [float(row["theta"]) for row in rows if row["kept"] == "False"]
    assert len(kept) == 9
    assert min(kept) >= max(lost)
