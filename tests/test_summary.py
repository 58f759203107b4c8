"""Runs to results: seeds combined, ratios to dense on the same jets."""

import math

import h5py
import numpy as np
import pytest
from test_config import study

from ftag_prune.errors import FtagPruneError
from ftag_prune.evaluate import score
from ftag_prune.flavours import TASKS
from ftag_prune.record import write_json
from ftag_prune.summary import groups_of, read_cells, read_scored, summarise, write_cells

TASK = TASKS["single_b"]
JETS = 3000


def separation(run):
    """Pruned taggers with 4 nodes are as good as dense ones, those with fewer are worse."""
    return 1.5 if run.dense or run.keep > 8 else 0.8


def leave_results(folder, run, *, events=0):
    """Write what `evaluate` writes, with made-up scores; a seed moves them a little."""
    rng, y = np.random.default_rng(0), np.arange(JETS) % 4
    logits = rng.normal(size=(JETS, 4))
    logits[np.arange(JETS), y] += separation(run)
    logits += 0.1 * np.random.default_rng(run.seed).normal(size=logits.shape)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = [f"{run.name}_p{name}" for name in TASK.classes]
    columns = [("event", "i8"), ("label", "i1"), *((name, "f4") for name in names)]
    table = np.empty(JETS, columns)
    table["event"], table["label"] = np.arange(JETS) + events, y
    for index, name in enumerate(names):
        table[name] = probability[:, index]
    (folder / run.name).mkdir(parents=True)
    with h5py.File(folder / run.name / "scores.h5", "w") as file:
        file["jets"] = table
    nodes = run.nodes
    left = nodes if run.dense else run.keep
    facts = {
        "run": run.name,
        "task": run.task,
        "network": run.label,
        "strategy": run.strategy,
        "unit": "nodes",
        "whole": float(nodes),
        "asked": None if run.dense else float(run.keep),
        "left": left,
        "reached": run.keep,
        "pruned": 1 - left / nodes,
        "parameters": 100 + run.seed,
        "multiplications": 90,
        "regrown": 2 * run.seed,
        "epochs": 7,
    }
    found = np.stack([table[name] for name in names], axis=1)
    write_json(folder / run.name / "metrics.json", {**facts, **score(found, y, TASK)})
    write_json(folder / run.name / "run.json", {"seconds": 10.0 * run.seed})


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    runs = study(grid__widths=[16]).runs()
    for run in runs:
        leave_results(folder, run)
    return runs, folder, summarise(runs, folder)


def chosen(cells, **wanted):
    return [
        cell for cell in cells if all(getattr(cell, key) == value for key, value in wanted.items())
    ]


def test_runs_of_one_point_differ_by_their_seed_alone(results):
    groups = groups_of(results[0])
    assert [len(group) for group in groups] == [2, 2, 2]
    assert [group[0].keep for group in groups] == [None, 16, 8]


def test_every_point_background_and_working_point_is_one_cell(results):
    cells = results[2]
    assert len(cells) == 3 * sum(len(one.fractions) for one in TASK.discriminants) * len(
        TASK.working_points
    )
    assert {cell.seeds for cell in cells} == {2}
    (cell,) = chosen(cells, left=8, signal="b", background="c", working_point=0.7)
    assert (cell.unit, cell.whole, cell.asked, cell.reached) == ("nodes", 32, 8, 8)
    assert (cell.parameters, cell.regrown, cell.epochs, cell.seconds) == (101.5, 3, 7, 15)


def test_what_a_dense_tagger_was_not_asked_is_no_number(results):
    (cell, *_) = chosen(results[2], strategy="dense")
    assert math.isnan(cell.asked)
    assert math.isnan(cell.reached)
    assert cell.left == cell.whole == 32


def test_the_dense_tagger_is_its_own_reference(results):
    for cell in chosen(results[2], strategy="dense"):
        assert (cell.ratio, cell.ratio_error) == (1, 0)
        assert cell.pruned == 0


def test_equal_taggers_have_ratio_one_without_error_and_worse_ones_lose(results):
    for cell in chosen(results[2], left=16, signal="b"):
        assert (cell.ratio, cell.ratio_error) == (1, 0)
    (worse,) = chosen(results[2], left=8, signal="b", background="c", working_point=0.7)
    assert worse.ratio < 1 - 3 * worse.ratio_error < 1


def test_the_mean_over_seeds_keeps_its_two_errors_apart(results):
    runs, folder, cells = results
    (cell,) = chosen(cells, left=8, signal="b", background="u", working_point=0.7)
    values = []
    for run in groups_of(runs)[2]:
        (single,) = chosen(
            summarise([run], folder), left=8, signal="b", background="u", working_point=0.7
        )
        assert math.isnan(single.ratio), "no dense tagger among the runs"
        assert math.isnan(single.spread)
        values.append(single.rejection)
    assert cell.rejection == pytest.approx(np.mean(values))
    assert cell.spread == pytest.approx(np.std(values, ddof=1) / math.sqrt(2))
    assert cell.error == pytest.approx(math.hypot(cell.statistical, cell.spread))


def test_the_same_results_give_the_same_table(results, tmp_path):
    runs, folder, cells = results
    write_cells(tmp_path / "a.csv", cells)
    write_cells(tmp_path / "b.csv", summarise(runs, folder))
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    # Numbers that are none (nan) differ from themselves.
    assert repr(read_cells(tmp_path / "a.csv")) == repr(cells)


def test_every_file_of_scores_is_read_once(results, monkeypatch):
    runs, folder, cells = results
    seen = []

    def counted(path, *rest):
        seen.append(path)
        return read_scored(path, *rest)

    monkeypatch.setattr("ftag_prune.summary.read_scored", counted)
    assert repr(summarise(runs, folder)) == repr(cells)
    assert sorted(seen) == sorted(folder / run.name / "scores.h5" for run in runs)


@pytest.mark.parametrize("lost", ["event", "label", "single_b-w16-dense-s1_pc"])
def test_a_file_without_some_scores_is_one_sentence(results, tmp_path, lost):
    with h5py.File(results[1] / "single_b-w16-dense-s1/scores.h5") as file:
        table = file["jets"][:]
    with h5py.File(tmp_path / "scores.h5", "w") as file:
        file["jets"] = table[[name for name in table.dtype.names if name != lost]]
    with pytest.raises(FtagPruneError, match=f"h5: has no scores '{lost}'; evaluate the run"):
        read_scored(tmp_path / "scores.h5", "single_b-w16-dense-s1", TASK)


def test_taggers_that_scored_other_jets_are_not_compared(results, tmp_path):
    runs = [run for run in results[0] if run.seed == 1]
    for run in runs:
        leave_results(tmp_path, run, events=0 if run.dense else 7)
    with pytest.raises(FtagPruneError, match="pruned and dense taggers scored different jets"):
        summarise(runs, tmp_path)


def test_a_missing_run_is_named(results, tmp_path):
    with pytest.raises(FtagPruneError, match=r"dense-s1/metrics\.json: no such file"):
        summarise(results[0], tmp_path)


def test_a_table_of_something_else_is_one_sentence(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    with pytest.raises(FtagPruneError, match="not a table of results"):
        read_cells(tmp_path / "a.csv")
