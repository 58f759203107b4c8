"""Studies: the grid, the names of runs, and one sentence for each mistake."""

import copy
from pathlib import Path

import pytest
import yaml

from ftag_prune.config import (
    Dense,
    Epochs,
    Gated,
    Generate,
    Iterative,
    OneShot,
    Run,
    Scratch,
    Sgd,
    Study,
    Training,
    load_study,
)
from ftag_prune.errors import ConfigError
from ftag_prune.gates import Annealed
from ftag_prune.spec import validated

STUDY = {
    "study": "test",
    "samples": {
        "single_b": {"card": "a.yaml", "generate": {"jets": 1000, "mix": {"ttbar": 1}}},
        "hbb_cc": {"card": "b.yaml"},
    },
    "grid": {
        "tasks": ["single_b"],
        "widths": [8, 16],
        "depth": 2,
        "targets": [0, 0.5, 0.75],
        "seeds": [1, 2],
        "runs_per_job": 5,
    },
    "strategies": {"budget": {}, "ladder": {"gate": {"kind": "sigmoid"}}},
}


def study(**changes):
    """The study with some values replaced, keys being places: grid__seeds=[1]."""
    content = copy.deepcopy(STUDY)
    for place, value in changes.items():
        *path, last = place.split("__")
        inside = content
        for key in path:
            inside = inside[key]
        inside[last] = value
    return validated(Study, content, where="study.yaml")


def test_every_combination_is_one_named_run():
    names = [run.name for run in study(grid__strategies=["budget", "ladder"]).runs()]
    assert len(names) == len(set(names)) == 2 * (2 + 2 * 2 * 2)
    assert "single_b-w8-dense-s1" in names
    assert "single_b-w16-p75-ladder-s2" in names


def test_targets_become_exact_numbers_of_nodes():
    runs = {run.name: run for run in study(grid__targets=[0.5, 0.9]).runs()}
    assert runs["single_b-w16-p50-budget-s1"].keep == 16
    assert runs["single_b-w16-p90-budget-s1"].keep == 3  # 32 - round(28.8)
    assert runs["single_b-w16-p90-budget-s1"].target == 0.9


def test_numbers_of_nodes_can_be_asked_for():
    runs = {run.name: run for run in study(grid__targets=[], grid__keep=[7]).runs()}
    assert runs["single_b-w8-k7-budget-s2"].keep == 7


def test_the_dense_reference_is_trained_once_for_all_strategies():
    runs = study(grid__strategies=["budget", "ladder"]).runs()
    dense = [run for run in runs if run.dense]
    assert len(dense) == 2 * 2
    assert {(run.target, run.keep, run.how.kind) for run in dense} == {(0.0, None, "dense")}


def test_chunks_hold_every_run_once_and_start_with_the_slowest():
    made = study()
    chunks = made.chunks()
    assert [len(chunk.runs) for chunk in chunks] == [5, 5, 2]
    assert sorted(run.name for chunk in chunks for run in chunk.runs) == sorted(
        run.name for run in made.runs()
    )
    assert chunks[0].runs[0].network.hidden == (16, 16)


def test_a_run_comes_back_from_its_json():
    for run in study(grid__strategies=["ladder"]).runs():
        assert Run.model_validate_json(run.model_dump_json()) == run


def test_the_runs_of_one_task():
    both = study(grid__tasks=["single_b", "hbb_cc"])
    found = both.runs_of("hbb_cc")
    assert {run.task for run in found} == {"hbb_cc"}
    assert len(found) == len(both.runs()) / 2
    with pytest.raises(ConfigError, match="study 'test' has no run of the task 'single_c'; near"):
        both.runs_of("single_c")


def test_changing_one_strategy_changes_its_runs_only():
    before = {run.name: run for run in study(grid__strategies=["budget", "ladder"]).runs()}
    after = study(
        grid__strategies=["budget", "ladder"],
        strategies__ladder={"gate": {"kind": "sigmoid", "steepness": 2}},
    )
    changed = {run.name for run in after.runs() if run != before[run.name]}
    assert changed == {name for name in before if "ladder" in name}


# -- strategies ----------------------------------------------------------------------------------


def of_budget(made):
    return next(run for run in made.runs() if run.strategy == "budget")


def test_a_strategy_is_gated_if_it_does_not_say_what_it_is():
    run = of_budget(study(strategies__budget={"gate": {"kind": "annealed"}}))
    assert run.how == Gated(gate=Annealed())
    assert of_budget(study(strategies__budget={})).how == Gated()


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ({"kind": "gated", "ratchet": 2}, Gated(ratchet=2)),
        ({"kind": "scratch"}, Scratch()),
        ({"kind": "one_shot", "criterion": "random"}, OneShot(criterion="random")),
        ({"kind": "iterative", "rounds": 3}, Iterative(rounds=3)),
    ],
)
def test_every_control_is_a_strategy(content, how):
    run = of_budget(study(strategies__budget=content))
    assert run.how == how
    assert Run.model_validate_json(run.model_dump_json()) == run


def test_a_strategy_may_have_epochs_and_an_optimiser_of_its_own():
    own = {"epochs": {"dense": 9}, "optimiser": {"kind": "sgd"}}
    runs = study(strategies__budget=own, grid__strategies=["budget", "ladder"]).runs()
    trainings = {run.strategy: run.training for run in runs}
    assert trainings["budget"].epochs.dense == 9
    assert trainings["budget"].optimiser == Sgd()
    assert trainings["ladder"] == trainings["dense"] == Training()


@pytest.mark.parametrize(
    "goal", [{"unit": "parameters"}, {"unit": "multiplications"}, {"inputs": True}]
)
def test_what_is_left_is_not_known_beforehand_in_other_units_or_with_inputs(goal):
    run = of_budget(study(strategies__budget={"goal": goal}))
    assert (run.target, run.keep, run.dense) == (0.5, None, False)


def test_nodes_are_counted_in_the_layers_that_may_be_pruned():
    made = study(strategies__budget={"goal": {"layers": ["hidden2"]}}, grid__keep=[2])
    kept = {(run.label, run.target): run.keep for run in made.runs() if not run.dense}
    assert kept == {
        ("w8", 0.5): 4,
        ("w8", 0.75): 2,  # also asked for as a number of nodes
        ("w16", 0.5): 8,
        ("w16", 0.75): 4,
        ("w16", 1 - 2 / 16): 2,
    }


def test_a_network_like_another_waits_for_it():
    """Runs that need the shape of others are in jobs of their own, after them."""
    made = study(
        strategies__small={"kind": "scratch", "like": "budget"},
        grid__strategies=["small", "budget"],
    )
    waiting = {run.name: run.like for run in made.runs() if run.like is not None}
    assert waiting["single_b-w8-p50-small-s2"] == "single_b-w8-p50-budget-s2"
    assert len(waiting) == 2 * 2 * 2
    names = [chunk.name for chunk in made.chunks()]
    assert len(set(names)) == len(names) > 2
    chunks = [[run.like is not None for run in chunk.runs] for chunk in made.chunks()]
    assert all(len(set(chunk)) == 1 for chunk in chunks)
    assert [chunk[0] for chunk in chunks] == sorted(chunk[0] for chunk in chunks)


def test_a_second_step_waits_for_the_first_of_its_seed():
    step = {"network": "w8", "strategy": "budget", "target": 0.5}
    network = {"kind": "two_step", "first": step, "second": {"hidden": [4]}}
    more = [{"tasks": ["hbb_cc"], "networks": {"x": network}, "targets": [0], "seeds": [1, 2]}]
    found = study(more=more)
    runs = {run.name: run for run in found.runs()}
    assert runs["hbb_cc-x-dense-s2"].first == "single_b-w8-p50-budget-s2"
    assert runs["hbb_cc-x-dense-s2"].before == {"single_b-w8-p50-budget-s2"}
    assert found.tasks == ("single_b", "hbb_cc")
    assert {chunk.runs[0].task for chunk in found.chunks()} == {"single_b", "hbb_cc"}
    more[0]["seeds"] = [3]
    with pytest.raises(
        ConfigError, match=r"x\.first: this study has no run 'single_b-w8-p50-budge"
    ):
        study(more=more)


def test_runs_of_one_training_are_in_one_job():
    made = study(
        strategies__budget={"one_training": True},
        grid__targets=[0, 0.25, 0.5, 0.75],
        grid__runs_per_job=4,
    )
    assert max(len(chunk.runs) for chunk in made.chunks()) <= 4
    runs = [run for run in made.runs() if not run.dense]
    assert {run.stops for run in runs} == {(0.25, 0.5, 0.75)}
    assert {run.trunk for run in runs} == {
        f"single_b-{label}-trunk-budget-s{seed}" for label in ("w8", "w16") for seed in (1, 2)
    }
    places = {run.name: chunk.name for chunk in made.chunks() for run in chunk.runs}
    for trunk in {run.trunk for run in runs}:
        assert len({places[run.name] for run in runs if run.trunk == trunk}) == 1


def test_other_strategies_share_no_training():
    (run, *_) = (run for run in study().runs() if not run.dense)
    assert (run.stops, run.trunk) == ((), run.name)


@pytest.mark.parametrize(
    ("how", "cuts"),
    [
        (Gated(), {8: 1.0}),
        (OneShot(), {8: 1.0}),
        (Iterative(rounds=3), {2: 1 / 3, 4: 2 / 3, 6: 1.0}),
        (Iterative(rounds=1), {2: 1.0}),
        (Iterative(rounds=12), {2: 1 / 6, 3: 2 / 6, 4: 3 / 6, 5: 4 / 6, 6: 5 / 6, 7: 1.0}),
        (Scratch(), {}),
        (Dense(), {}),
    ],
)
def test_cuts_come_before_their_epochs(how, cuts):
    """2 dense epochs and 6 gated ones."""
    found = how.cuts(Epochs(dense=2, gated=6))
    assert found == pytest.approx(cuts)


def test_a_family_has_a_network_for_every_combination():
    family = {
        "network": {"kind": "mlp", "activation": "tanh"},
        "over": {"hidden": [[8, 4], [6]], "activation": ["relu", "gelu"]},
    }
    labels = study(grid__widths=[], grid__families={"m": family}).grid.labelled
    assert {label: (one.hidden, one.activation) for label, one in labels.items()} == {
        "m-hidden8x4-activationrelu": ((8, 4), "relu"),
        "m-hidden8x4-activationgelu": ((8, 4), "gelu"),
        "m-hidden6-activationrelu": ((6,), "relu"),
        "m-hidden6-activationgelu": ((6,), "gelu"),
    }


def test_shards_hold_the_jets_and_share_no_event_number():
    made = Generate(jets=1001, mix={"ttbar": 3, "zprime": 1}, shard_jets=300)
    shards = made.shards()
    assert sum(shard.jets for shard in shards) == 1001
    assert [shard.name for shard in shards] == ["ttbar-0", "ttbar-1", "ttbar-2", "zprime-0"]
    assert len({shard.first_event for shard in shards}) == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"grid__targts": [0.5]}, "no key 'grid.targts'; nearest: 'targets'"),
        ({"grid__targets": [1.5]}, "grid.targets: a target is the fraction of nodes to prune"),
        ({"grid__targets": [-0.1]}, "from 0 to below 1, not -0.1"),
        ({"grid__targets": [1.0]}, "from 0 to below 1, not 1"),
        ({"grid__targets": [0.999]}, "asks to keep 0 nodes; its network has 16"),
        ({"grid__keep": [40]}, "asks to keep 40 nodes; its network has 16 and needs at least 2"),
        ({"grid__targets": []}, "grid: needs targets"),
        ({"grid__seeds": [1, 1]}, "grid.seeds: 1 stands twice"),
        (
            {"grid__families": {"m": {"network": {"kind": "mlp"}, "over": {"hidden": [["a"]]}}}},
            "grid.families.m: hidden.0: input should be a valid integer",
        ),
        (
            {
                "grid__families": {"m": {"network": {"kind": "mlp"}, "over": {"hidden": [[8]]}}},
                "grid__networks": {"m-hidden8": {"kind": "mlp", "hidden": [8]}},
            },
            "networks: 'm-hidden8' is the label of one of families.m",
        ),
        ({"grid__widths": ["wide"]}, "grid.widths.0: input should be a valid integer"),
        ({"grid__tasks": ["single_c"]}, "grid.tasks: no task 'single_c'; nearest: 'single_b'"),
        ({"grid__strategies": ["lader"]}, "no strategy 'lader'; nearest: 'ladder'"),
        ({"samples__hbb_bb": {"card": "c"}}, "samples: no task 'hbb_bb'; nearest: 'hbb_cc'"),
        (
            {"strategies__budget": {"gate": {"kind": "budget", "steepnes": 2}}},
            "no key 'strategies.budget.gate.steepnes'; nearest: 'steepness'",
        ),
        (
            {"strategies__budget": {"gate": {"kind": "budgte"}}},
            "strategies.budget.gate: input tag 'budgte'",
        ),
        (
            {"strategies__budget": {"pressure": {"kind": "ladder", "last": 0.1}}},
            "strategies.budget.pressure: last (0.1) lies below first (1)",
        ),
        (
            {"samples__single_b": {"card": "a", "split": {"train": 9}}},
            "samples.single_b.split: train, val and test are tenths of the events",
        ),
        ({"strategies__budget": None}, "strategies.budget: input should be a valid dictionary"),
        (
            {"strategies__budget": {"kind": "gatd"}},
            "strategies.budget: kind should be gated, dense",
        ),
        (
            {"strategies__budget": {"kind": "one_shot", "gate": {"kind": "budget"}}},
            "no key 'strategies.budget.gate'",
        ),
        (
            {"strategies__budget": {"kind": "one_shot", "criterion": "taylr"}},
            "strategies.budget.criterion: input should be 'magnitude', 'taylor' or 'random'",
        ),
        (
            {"strategies__budget": {"kind": "iterative", "rounds": 0}},
            "strategies.budget.rounds: input should be greater than or equal to 1",
        ),
        (
            {"strategies__budget": {"kind": "scratch", "like": "lader"}},
            "strategies.budget.like: no other strategy 'lader' in grid",
        ),
        (
            {"strategies__budget": {"kind": "scratch", "like": "budget"}},
            "strategies.budget.like: no other strategy 'budget' in grid",
        ),
        (
            {"strategies__budget": {"one_training": True, "gate": {"kind": "sigmoid"}}},
            "strategies.budget: one_training needs a gate with a budget that falls (budget, "
            "straight_through), not sigmoid",
        ),
        (
            {"strategies__budget": {"ratchet": 0}},
            "strategies.budget.ratchet: input should be greater than or equal to 1",
        ),
        (
            {"strategies__budget": {"loss": {"kind": "squard"}}},
            "strategies.budget.loss: input tag 'squard'",
        ),
        (
            {"strategies__budget": {"goal": {"layers": ["hiden1"]}}},
            "goal.layers: no layer 'hiden1'; nearest: 'hidden1'",
        ),
        (
            {"strategies__budget": {"goal": {"layers": ["hidden1", "hidden1"]}}},
            "strategies.budget.goal.layers: 'hidden1' stands twice",
        ),
        (
            {"strategies__budget": {"goal": {"layers": []}}},
            "strategies.budget.goal: layers: [] leaves nothing to prune",
        ),
        (
            {"strategies__budget": {"kind": "dense"}},
            "strategies.budget: dense is no strategy; the target 0 in grid.targets is",
        ),
        (
            {"grid__keep": [5], "strategies__budget": {"goal": {"unit": "parameters"}}},
            "grid.keep counts nodes, the strategy 'budget' counts parameters",
        ),
        (
            {"grid__keep": [5], "strategies__budget": {"goal": {"inputs": True}}},
            "grid.keep counts nodes, the strategy 'budget' counts input features too",
        ),
        (
            {"strategies__budget": {"goal": {"unit": "parameters", "scope": "layer"}}},
            "strategies.budget.goal: scope: layer counts nodes; parameters are shared",
        ),
        (
            {"strategies__budget": {"goal": {"unit": "flops"}}},
            "strategies.budget.goal.unit: input should be 'nodes', 'parameters' or 'mult",
        ),
        (
            {"strategies__budget": {"goal": {"floor": 5}}},
            "asks to keep 8 nodes; its network has 16 and needs at least 10, 5 in each layer",
        ),
        (
            {"strategies__budget": {"epochs": {"gated": 0}}},
            "strategies.budget.epochs.gated: input should be greater than or equal to 1",
        ),
        (
            {"strategies__dense": {}},
            "strategies.dense: this is the name of the reference; choose another",
        ),
        ({"samples__single_b": {}}, "key 'samples.single_b.card' is missing"),
        ({"study": "my study; rm"}, "study: string should match pattern"),
    ],
)
def test_mistakes_are_one_sentence_with_their_key(change, sentence):
    with pytest.raises(ConfigError) as caught:
        study(**change)
    message = str(caught.value)
    assert message.startswith("study.yaml: ")
    assert sentence in message
    assert "\n" not in message


def test_a_task_without_sample_is_named():
    with pytest.raises(ConfigError, match=r"grid\.tasks: 'hbb_cc' has no sample"):
        study(samples={"single_b": {"card": "a.yaml"}}, grid__tasks=["hbb_cc"])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no such file"),
        ("study: [", "not YAML"),
        ("- a\n- b\n", "wanted a YAML mapping, found list"),
    ],
)
def test_files_that_are_no_study(tmp_path, text, sentence):
    path = tmp_path / "study.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        load_study(path)


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[1] / "workflow/config").glob("*.yaml")),
    ids=lambda path: path.stem,
)
def test_shipped_studies_are_valid(path):
    made = load_study(path)
    assert made.runs()
    assert made.study == path.stem
    assert yaml.safe_load(made.model_dump_json())["study"] == path.stem
