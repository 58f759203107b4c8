"""What pruning the first of two steps costs the second, from scores whose ratio is known."""

import shutil

import h5py
import numpy as np
import pytest
from test_config import study

from ftag_prune import plots
from ftag_prune.errors import FtagPruneError
from ftag_prune.figures import captions, names
from ftag_prune.figures.drawing import Drawing
from ftag_prune.figures.steps import first_step, in_two_steps
from ftag_prune.flavours import score_name, task_of
from ftag_prune.metrics import PairedRatio
from ftag_prune.summary import Cell

TASK = task_of("hbb_cc").among(["hbb", "qcd"])


def two_step(**first):
    return {"kind": "two_step", "first": {"network": "w8", **first}, "second": {"hidden": [4]}}


def a_study():
    networks = {
        "on-pruned": two_step(strategy="budget", target=0.5),
        "on-dense": two_step(),
        "direct": {"kind": "mlp", "hidden": [4]},
    }
    more = {"tasks": ["hbb_cc"], "networks": networks, "targets": [0, 0.5], "seeds": [1, 2]}
    return study(more=[more])


def leave_scores(folder, run, passing):
    """Scores of 1000 signal and 1000 background jets, of which `passing` are above all signals."""
    table = np.zeros(
        2000,
        [
            ("label", "i1"),
            ("event", "i8"),
            *((score_name(run.name, c), "f4") for c in ("hbb", "qcd")),
        ],
    )
    table["event"] = np.arange(2000)
    table["label"] = np.repeat([0, 1], 1000)
    signal = np.full(2000, 0.1)
    signal[:1000] = np.linspace(0.4, 0.6, 1000)
    signal[1000 : 1000 + passing] = 0.9
    table[score_name(run.name, "hbb")], table[score_name(run.name, "qcd")] = signal, 1 - signal
    path = folder / run.name / "scores.h5"
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file["jets"] = table


def a_cell(run, rejection):
    numbers = dict.fromkeys(Cell._fields, 0.0)
    return Cell(
        **{
            **numbers,
            "task": "hbb_cc",
            "network": run.label,
            "strategy": run.strategy,
            "signal": "hbb",
            "background": "qcd",
            "working_point": 0.6,
            "pruned": run.target,
            "rejection": rejection,
            "statistical": 1.0,
        }
    )


@pytest.fixture
def drawing(tmp_path):
    wanted = a_study()
    runs = wanted.runs_of("hbb_cc")
    cells = {}
    for run in runs:
        passing = {"on-dense": 50, "on-pruned": 100, "direct": 20}[run.label]
        leave_scores(tmp_path, run, passing)
        cells[run.label, run.target] = a_cell(run, 1000 / passing)
    return Drawing(wanted, TASK, runs, list(cells.values()), tmp_path)


def test_the_ratio_is_to_the_same_second_step_on_the_dense_first_one(drawing):
    with plots.atlas_style():
        _, rows = first_step(drawing, "qcd")
    found = {(row["network"], row["strategy"]): row for row in rows}
    assert set(found) == {
        (network, strategy)
        for network in ("on-dense", "on-pruned")
        for strategy in ("dense", "budget")
    }
    for strategy in ("dense", "budget"):
        dense, pruned = (found[name, strategy] for name in ("on-dense", "on-pruned"))
        assert (dense["first_pruned"], dense["first_ratio"], dense["first_ratio_error"]) == (
            0,
            1,
            0,
        )
        assert (pruned["first_pruned"], pruned["first_ratio"]) == (0.5, pytest.approx(0.5))
        assert pruned["rejection"] == 10
        # 50 jets pass both, 50 one of them: binomial, paired.
        assert pruned["first_ratio_error"] == pytest.approx(0.5 * np.sqrt(0.01), rel=0.2)


def test_the_error_of_the_ratio_has_the_spread_of_its_trainings_pair_by_pair(drawing, monkeypatch):
    for run in drawing.runs:
        passing = {"on-dense": {1: 50, 2: 40}[run.seed], "on-pruned": 100, "direct": 20}
        shutil.rmtree(drawing.folder / run.name)
        leave_scores(drawing.folder, run, passing[run.label])
    exact = PairedRatio(*(np.array([x]) for x in (0.45, 0.45, 0.45, 0.0)))
    monkeypatch.setattr("ftag_prune.figures.steps.ratio_to_dense", lambda *_, **__: exact)
    with plots.atlas_style():
        _, rows = first_step(drawing, "qcd")
    errors = {row["network"]: row["first_ratio_error"] for row in rows}
    # Of one seed each, 10 / 20 and 10 / 25.
    assert errors == {"on-dense": 0, "on-pruned": pytest.approx(0.05)}


def test_without_the_dense_first_step_there_is_nothing_to_divide_by(drawing):
    rest = [run for run in drawing.runs if run.label != "on-dense"]
    with plots.atlas_style(), pytest.raises(FtagPruneError, match="no run on the dense first step"):
        first_step(drawing._replace(runs=rest), "qcd")


def test_the_figure_is_there_where_first_steps_differ():
    wanted = a_study()
    first = [name for name in names(wanted, TASK) if name.startswith("first")]
    assert first == ["first-qcd"]
    assert "in two steps" in captions(wanted, TASK)["first-qcd"]
    assert not in_two_steps([run for run in wanted.runs() if run.label != "on-dense"])
    assert not any(name.startswith("first") for name in names(wanted, task_of("single_b")))
