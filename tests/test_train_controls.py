"""Controls: dense, small from the start, one-shot and iterative pruning, without gates."""

import numpy as np
import pytest
import torch
from network_kinds import network_of, some_jets
from resuming import resumed
from test_train import a_run, described, fitted, jets, same
from test_train import prepared as prepared  # a fixture
from torch.nn.functional import cross_entropy

from ftag_prune.architecture import Mlp
from ftag_prune.config import Dense, Epochs, Iterative, OneShot, Scratch, Training
from ftag_prune.errors import TrainingError
from ftag_prune.goal import Goal
from ftag_prune.networks import build
from ftag_prune.rates import TwoRates
from ftag_prune.record import read_json
from ftag_prune.selection import shares
from ftag_prune.shadow import parts_of, prunable
from ftag_prune.tensors import Jets
from ftag_prune.train import train_runs
from ftag_prune.train.before import Before
from ftag_prune.train.criteria import scores
from ftag_prune.train.state import start

RATES = TwoRates(weights=1e-2)
LONG = Training(epochs=Epochs(dense=2, gated=5, tuned=3), batch_size=100)
CRITERIA = ["magnitude", "taylor", "random"]


def controlled(kind, *, keep=9, goal=None, training=LONG, changes=None, **options):
    """A run with a control; `options` are those of the strategy."""
    strategy = kind(rates=RATES, goal=Goal() if goal is None else goal, **options)
    return a_run(how=strategy, keep=keep, training=training, **(changes or {}))


def sizes(done):
    return tuple(done.network.architecture.hidden)


def sizes_of(run):
    """Nodes of the network at the end of each epoch."""
    found = []
    fitted(run, after_epoch=lambda state: found.append(sum(state.network.architecture.hidden)))
    return found


# -- dense and scratch ---------------------------------------------------------------------------


def test_a_dense_run_is_that_of_any_strategy_without_a_target():
    one, other = fitted(controlled(Dense, keep=None)), fitted(controlled(OneShot, keep=None))
    assert same(one.network, other.network)
    assert (one.frozen, other.frozen) == (None, None)


@pytest.mark.parametrize("keep", [2, 9, 27, 28])
def test_a_small_network_has_the_same_share_of_each_layer(keep):
    done = fitted(controlled(Scratch, keep=keep))
    assert sizes(done) == shares([16, 12], keep=keep, floor=1)
    assert done.frozen == (None, keep, 0.0)


def test_a_small_network_trains_in_all_epochs_from_its_seed_alone():
    run = controlled(Scratch)
    done = fitted(run)
    assert sizes_of(run) == [9] * 10
    assert {row["phase"] for row in done.history} == {"tuned"}
    assert {row["off"] for row in done.history} == {19}
    fresh = build(Mlp(hidden=(5, 4)), mean=[0.0] * 4, std=[1.0] * 4, classes=2, seed=run.seed)
    assert same(start(run, described()).network, fresh)


@pytest.mark.parametrize("goal", [Goal(scope="layer"), Goal(layers=("hidden2",)), Goal(floor=4)])
def test_a_small_network_serves_the_goal(goal):
    keep, whole = 8, 12 if goal.layers else 28
    run = controlled(Scratch, keep=keep, goal=goal, changes={"target": 1 - keep / whole})
    done = fitted(run)
    left = sizes(done)[1:] if goal.layers else sizes(done)
    assert sum(left) == done.frozen.cost == keep
    assert min(left) >= goal.floor
    assert goal.layers is None or sizes(done)[0] == 16


def test_a_network_like_a_pruned_one_has_its_shape(prepared, tmp_path):
    pruned = a_run(name="pruned", training=LONG)
    alike = controlled(Scratch, like="budget", changes={"name": "alike", "like": "pruned"})
    train_runs([pruned, alike], prepared, tmp_path)
    shape, told = (read_json(tmp_path / name / "run.json") for name in ("pruned", "alike"))
    assert told["layers"] == shape["layers"]
    assert (told["asked"], told["left"], told["reached"]) == (9, 9, None)
    assert told["parameters"] == shape["parameters"]
    assert told["epochs"] == shape["epochs"] == 10
    assert told["compaction_difference"] == 0


def test_another_shape_is_another_network(prepared, tmp_path):
    """The results of a run like another depend on that other's shape."""
    alike = controlled(Scratch, like="budget", changes={"name": "alike", "like": "pruned"})
    goals = Goal(), Goal(scope="layer"), Goal(scope="layer")
    skipped = []
    for goal in goals:
        train_runs([controlled(OneShot, goal=goal, changes={"name": "pruned"})], prepared, tmp_path)
        (outcome,) = train_runs([alike], prepared, tmp_path)
        skipped.append(outcome.skipped)
        layers = [read_json(tmp_path / n / "run.json")["layers"] for n in ("pruned", "alike")]
        assert layers[0] == layers[1]
    assert skipped == [False, False, True]


def test_a_network_like_none_is_one_sentence(prepared, tmp_path):
    alike = controlled(Scratch, like="budget", changes={"like": "pruned"})
    with pytest.raises(TrainingError, match="pruned: wanted a finished run, whose shape another"):
        train_runs([alike], prepared, tmp_path)


def test_a_uniform_network_needs_a_number_of_nodes():
    goal = Goal(unit="parameters")
    run = controlled(Scratch, keep=None, goal=goal, changes={"target": 0.5})
    with pytest.raises(TrainingError, match="run: scratch without `like` counts nodes of hidden"):
        start(run, described())


def test_a_network_like_one_without_some_inputs_is_refused():
    run = controlled(Scratch, keep=None, changes={"target": 0.5})
    with pytest.raises(TrainingError, match="run: scratch has all inputs"):
        start(run, described(), before=Before(like={"inputs": 2, "hidden1": 3, "hidden2": 1}))


# -- one-shot and iterative ----------------------------------------------------------------------


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("keep", [2, 9, 27])
def test_one_shot_cuts_once_to_exactly_the_asked_number(criterion, keep):
    run = controlled(OneShot, criterion=criterion, keep=keep)
    done = fitted(run)
    assert sum(sizes(done)) == keep
    assert min(sizes(done)) >= 1
    assert sizes_of(run) == [28] * 7 + [keep] * 3
    assert (done.frozen.reached, done.frozen.cost) == (None, keep)
    assert done.frozen.difference < 1e-5


@pytest.mark.parametrize("criterion", CRITERIA)
def test_iterative_reaches_the_number_in_rounds(criterion):
    """5 rounds keep (9/28)^(1/5) each: 22, 18, 14, 11, 9 of 28 nodes."""
    run = controlled(Iterative, criterion=criterion)
    assert sizes_of(run) == [28, 28, 22, 18, 14, 11, 9, 9, 9, 9]
    done = fitted(run)
    assert done.frozen.cost == sum(sizes(done)) == 9
    assert done.frozen.difference < 1e-5


@pytest.mark.parametrize("rounds", [1, 2, 4, 50])
def test_rounds_share_the_gated_epochs(rounds):
    found = sizes_of(controlled(Iterative, rounds=rounds))
    assert found == sorted(found, reverse=True)
    assert found[:2] == [28, 28]
    assert found[6:] == [9, 9, 9, 9], "from the last gated epoch on"
    assert len(set(found)) == 1 + min(rounds, 5)


@pytest.mark.parametrize("kind", [OneShot, Iterative])
@pytest.mark.parametrize(
    "goal",
    [Goal(scope="layer"), Goal(layers=("hidden1",)), Goal(floor=3), Goal(inputs=True)],
)
def test_controls_serve_every_goal_in_nodes(kind, goal):
    run = controlled(kind, keep=None, goal=goal, changes={"target": 0.5})
    done = fitted(run)
    parts = parts_of(start(run, described()).network, goal, target=0.5)
    assert done.frozen.cost == sum(part.budget for part in parts)
    assert sum(map(len, done.kept.values())) == done.frozen.cost
    assert min(map(len, done.kept.values())) >= goal.floor
    assert len(done.network.mean) == len(done.kept.get("inputs", range(4)))


@pytest.mark.parametrize("kind", [OneShot, Iterative])
@pytest.mark.parametrize("target", [0.1, 0.5, 0.9])
def test_controls_stay_within_a_budget_of_parameters(kind, target):
    rounds = {"rounds": 40} if kind is Iterative else {}
    goal = Goal(unit="parameters")
    run = controlled(kind, keep=None, goal=goal, changes={"target": target}, **rounds)
    done = fitted(run)
    asked = 310 - round(target * 310)
    assert asked - (4 + 1 + 12) <= done.frozen.cost <= asked
    assert done.frozen.cost == done.network.parameter_count()


@pytest.mark.parametrize("stop", range(1, 10))
@pytest.mark.parametrize("kind", [OneShot, Iterative, Scratch])
def test_a_control_resumes_to_the_same_bits(tmp_path, kind, stop):
    resumed(controlled(kind), tmp_path, stop=stop)


# -- criteria ------------------------------------------------------------------------------------


@pytest.fixture
def network():
    return build(Mlp(hidden=(6, 5)), mean=[0.0] * 4, std=[1.0] * 4, classes=2, seed=3)


def some(number=200, seed=0):
    return jets(number, seed=seed)


def judged(network, criterion, *batches, inputs=False, seed=0):
    rng = torch.Generator().manual_seed(seed)
    layers = prunable(network, Goal(inputs=inputs))
    return scores(network, layers, criterion, iter(batches or [some()]), rng=rng)


def in_means(values, sizes=(6, 5)):
    """Divided by their mean in each layer."""
    return torch.cat([one / one.mean() for one in values.split(list(sizes))])


def test_taylor_is_the_sum_of_weights_times_gradients(network):
    """Over the weights that a node's removal takes away, of the loss summed over the batches."""
    batches = [some(50, seed=1), some(150, seed=2)]
    found = judged(network, "taylor", *batches)
    loss = sum(cross_entropy(network(one.x), one.y) for one in batches)
    names, parameters = zip(*network.named_parameters(), strict=True)
    gradients = dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))
    change = {name: (one * gradients[name]).abs() for name, one in zip(names, parameters)}
    by_hand = []
    for index, nodes in enumerate((6, 5)):
        made = change[f"linear.{index}.weight"].sum(1)
        used = change[f"linear.{index + 1}.weight"].sum(0)
        assert made.shape == used.shape == (nodes,)
        by_hand.append(made + used)
    torch.testing.assert_close(found, in_means(torch.cat(by_hand)).detach())


def test_magnitude_is_the_size_of_the_weights(network):
    found = judged(network, "magnitude")
    squares = [one.weight.square() for one in network.linear]
    by_hand = [squares[0].sum(1) + squares[1].sum(0), squares[1].sum(1) + squares[2].sum(0)]
    torch.testing.assert_close(found, in_means(torch.cat(by_hand)).detach())


@pytest.mark.parametrize("criterion", ["magnitude", "taylor"])
def test_a_node_that_does_nothing_is_the_worst(network, criterion):
    with torch.no_grad():
        network.linear[0].weight[2] = network.linear[0].bias[2] = 0
        network.linear[1].weight[:, 2] = 0
    found = judged(network, criterion)
    assert int(found.argmin()) == 2
    assert float(found[2]) == 0


@pytest.mark.parametrize("criterion", ["magnitude", "taylor"])
def test_inputs_have_scores_too(network, criterion):
    with torch.no_grad():
        network.linear[0].weight[:, 1] = 0
    found = judged(network, criterion, inputs=True)
    assert found.shape == (15,)
    assert float(found[1]) == 0
    assert float(found[[0, 2, 3]].min()) > 0


def test_random_scores_are_those_of_the_generator(network):
    one, again, other = (judged(network, "random", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert one.shape == (11,)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_judging_leaves_the_network_as_it_was(network, criterion):
    before = {name: one.clone() for name, one in network.state_dict().items()}
    network.train()
    judged(network, criterion)
    assert network.training
    assert all(torch.equal(one, before[name]) for name, one in network.state_dict().items())
    assert all(one.grad is None for one in network.parameters())


def test_jets_count_with_their_weight_in_taylor(network):
    whole, junk = some(100), some(100, seed=5)
    x, y = torch.cat([whole.x, junk.x]), torch.cat([whole.y, 1 - junk.y])
    both = Jets(x, None, None, y, torch.cat([torch.ones(100), torch.zeros(100)]))
    torch.testing.assert_close(judged(network, "taylor", whole), judged(network, "taylor", both))


def test_taylor_finds_what_matters():
    """A wide network whose first layer has three nodes that are used, and five that are not."""
    network = build(Mlp(hidden=(8,)), mean=[0.0] * 4, std=[1.0] * 4, classes=2, seed=3)
    with torch.no_grad():
        network.linear[1].weight[:, 3:] *= 1e-3
    best = judged(network, "taylor").numpy().argsort()[-3:]
    np.testing.assert_array_equal(np.sort(best), [0, 1, 2])


@pytest.mark.parametrize("criterion", ["magnitude", "taylor"])
def test_heads_and_neurons_of_a_transformer_are_judged_alike(criterion):
    """By what a removal takes away: rows that make a node, and columns that use it."""
    network, batch = network_of("transformer"), some_jets(60)
    layers = prunable(network, Goal())
    found = judged(network, criterion, batch).split([layer.nodes for layer in layers])
    names, weights = zip(*network.named_parameters(), strict=True)
    loss = cross_entropy(network(*network.arguments(batch)), batch.y)
    slopes = weights if criterion == "magnitude" else torch.autograd.grad(loss, weights)
    lost = {name: (one * two).abs() for name, one, two in zip(names, weights, slopes, strict=True)}
    for layer, mine in zip(layers, found, strict=True):
        by_hand = [
            sum(
                lost[axis.tensor].index_select(axis.dim, axis.entries(layer.nodes, [node])).sum()
                for axis in (*layer.made, *layer.used)
                if axis.tensor.endswith("weight")
            )
            for node in range(layer.nodes)
        ]
        expected = torch.stack(by_hand).detach()
        torch.testing.assert_close(mine, expected / expected.mean(), rtol=1e-5, atol=1e-6)
    assert {layer.name for layer in layers} > {"heads1", "ff1", "track1", "jet1"}
