"""The table of the grid: done, trained, running, failed, missing."""

import json
import os

import pytest
from test_config import study
from typer.testing import CliRunner

from ftag_prune.claim import claimed
from ftag_prune.cli import app
from ftag_prune.process import machine
from ftag_prune.record import write_json
from ftag_prune.status import Present, complete, lines, missing, present, status, unscored


@pytest.fixture
def asked():
    return study(grid__widths=[8], grid__runs_per_job=100)


def leave(folder, run, *, scored=True, measured="a"):
    mine = folder / "runs" / run.name
    write_json(mine / "spec.json", run.model_dump(mode="json"))
    write_json(mine / "run.json", {"model": "a"})
    if scored:
        write_json(mine / "metrics.json", {"model": measured})


def states(asked, folder):
    return {one.run.name.removeprefix("single_b-w8-"): one.state for one in status(asked, folder)}


def log(asked, folder, *said):
    (chunk,) = asked.chunks()
    path = folder / "logs/train" / f"{chunk.name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(said) + "\n")


def test_everything_is_missing_before_anything_ran(asked, tmp_path):
    assert set(states(asked, tmp_path).values()) == {"missing"}
    assert missing(asked.runs(), tmp_path / "runs") == list(asked.runs())


def test_a_run_is_done_when_it_is_trained_and_scored(asked, tmp_path):
    for run in asked.runs():
        leave(tmp_path, run, scored=run.seed == 1)
    found = status(asked, tmp_path)
    assert {(one.run.seed, one.state) for one in found} == {(1, "done"), (2, "trained")}
    assert not complete(found)
    assert {run.seed for run in missing(asked.runs(), tmp_path / "runs")} == {2}


def test_metrics_of_an_earlier_training_are_none(asked, tmp_path):
    for run in asked.runs():
        leave(tmp_path, run, measured="b")
    assert set(states(asked, tmp_path).values()) == {"trained"}


def test_results_of_another_spec_are_none(asked, tmp_path):
    other = study(grid__widths=[8], training={"batch_size": 7})
    for run in other.runs():
        leave(tmp_path, run)
    assert complete(status(other, tmp_path))
    assert set(states(asked, tmp_path).values()) == {"missing"}


def test_a_run_runs_while_its_process_does(asked, tmp_path):
    run, log_said = asked.runs()[0], "single_b-w8-dense-s2: 3 nodes"
    with claimed(tmp_path / "runs" / run.name / "claim.json", wait=print):
        assert states(asked, tmp_path)["dense-s1"] == "running"
    assert states(asked, tmp_path)["dense-s1"] == "missing"
    log(asked, tmp_path, log_said)
    claim = tmp_path / "runs" / run.name / "claim.json"
    told = {"host": "h", "process": [machine(), 2**22 - 1, 0], "job": None, "mark": "", "beat": "0"}
    claim.write_text(json.dumps(told))
    (found,) = [one for one in status(asked, tmp_path) if one.run == run]
    assert (found.state, found.why) == ("failed", log_said)


def test_one_of_another_machine_runs_while_it_gives_signs_of_life(asked, tmp_path):
    claim = tmp_path / "runs" / asked.runs()[0].name / "claim.json"
    claim.parent.mkdir(parents=True)
    told = {"host": "h", "process": ["another", 1, 0], "job": "5", "mark": "", "beat": "0"}
    claim.write_text(json.dumps(told))
    assert states(asked, tmp_path)["dense-s1"] == "running"
    os.utime(claim, (0, 0))
    assert states(asked, tmp_path)["dense-s1"] == "failed"


def test_a_run_that_failed_says_why_and_the_others_are_missing(asked, tmp_path):
    name = "single_b-w8-dense-s1"
    log(asked, tmp_path, f"ERROR: {name}: the loss is nan", "ftag-prune: 1 of 6 runs failed: ...")
    found = states(asked, tmp_path)
    assert found.pop("dense-s1") == "failed"
    assert set(found.values()) == {"missing"}
    assert f"{name}: the loss is nan" in lines(status(asked, tmp_path))


def test_a_job_that_could_not_begin_says_so_of_all_its_runs(asked, tmp_path):
    log(asked, tmp_path, "ftag-prune: jets/train.h5: no such file")
    assert set(states(asked, tmp_path).values()) == {"failed"}
    log(asked, tmp_path, "ftag-prune: x: not begun: stopped by SIGTERM; called again it goes on th")
    assert set(states(asked, tmp_path).values()) == {"missing"}


def test_a_training_that_was_killed_ended_without_a_word(asked, tmp_path):
    mine = tmp_path / "runs" / asked.runs()[0].name
    mine.mkdir(parents=True)
    (mine / "checkpoint.pt").touch()
    assert "single_b-w8-dense-s1: ended without a word" in lines(status(asked, tmp_path))


def test_the_table_counts_the_seeds_of_a_point(asked, tmp_path):
    leave(tmp_path, asked.runs()[0])
    table = [line.split() for line in lines(status(asked, tmp_path))]
    header = "task network strategy asked done trained running failed missing"
    assert table == [
        header.split(),
        ["single_b", "w8", "budget", "50", "%", "-", "-", "-", "-", "2"],
        ["single_b", "w8", "budget", "75", "%", "-", "-", "-", "-", "2"],
        ["single_b", "w8", "dense", "dense", "1", "-", "-", "-", "1"],
        ["all", "1", "0", "0", "0", "5"],
    ]


def test_the_exit_code_tells_whether_all_is_done(asked, tmp_path):
    path = tmp_path / "study.json"
    path.write_text(asked.model_dump_json())
    command = ["status", str(path), "--folder", str(tmp_path)]
    assert CliRunner().invoke(app, command).exit_code == 1
    for run in asked.runs():
        leave(tmp_path, run)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].split() == ["all", "6", "0", "0", "0", "0"]


def test_what_is_missing_is_one_sentence(asked, tmp_path):
    runs = asked.runs()
    nothing = present(runs, tmp_path / "runs")
    assert nothing == Present((), runs)
    assert nothing.sentence == "None of the 6 runs is there yet."
    for run in runs[3:]:
        leave(tmp_path, run, scored=run.seed == 1)
    some = present(runs, tmp_path / "runs")
    assert [run.name for run in some.done] == ["single_b-w8-p75-budget-s1"]
    assert some.sentence == (
        "5 of 6 runs are missing: single_b-w8-dense-s1, single_b-w8-dense-s2, "
        "single_b-w8-p50-budget-s1, single_b-w8-p50-budget-s2, single_b-w8-p75-budget-s2; what is "
        "shown is made of the others."
    )
    assert unscored(runs, tmp_path / "runs") == [runs[3], runs[5]]
    many = Present(runs[:1], runs[1:] + runs[:2])
    assert "-p75-budget-s2 and 2 more; what is shown" in many.sentence
    assert Present(runs).sentence == ""


def test_figures_say_how_many_runs_they_show_if_some_are_missing(asked):
    runs, look = asked.runs(), asked.figures
    assert Present(runs[:4], runs[4:]).marked(look).lines == (*look.lines, "4 of 6 runs")
    assert Present(runs).marked(look) == look


def test_a_partial_summary_says_what_is_missing(tmp_path):
    from test_summary import leave_results

    asked = study(grid__widths=[16])
    path = tmp_path / "study.json"
    path.write_text(asked.model_dump_json())
    command = ["summary", str(path), str(tmp_path / "runs"), str(tmp_path / "t.csv")]
    options = ["--task", "single_b", "--partial"]
    nothing = CliRunner().invoke(app, [*command, *options])
    assert "none of the 6 runs is there yet" in str(nothing.exception)
    for run in asked.runs()[:4]:
        leave_results(tmp_path / "runs", run)
        write_json(tmp_path / "runs" / run.name / "spec.json", run.model_dump(mode="json"))
    done = CliRunner().invoke(app, [*command, *options])
    assert done.exit_code == 0, done.output
    assert "2 of 6 runs are missing: single_b-w16-p75-budget-s1, single_b-w16-p75-" in done.output
    assert (tmp_path / "t.csv").read_text().count("budget") > 0
    assert CliRunner().invoke(app, [*command, *options[:2]]).exit_code != 0


def test_partial_figures_say_how_many_runs_they_show(tmp_path):
    from test_figures import STUDY, add_layers
    from test_summary import leave_results

    asked, runs, path = STUDY, tmp_path / "runs", tmp_path / "study.json"
    path.write_text(asked.model_dump_json())
    for run in asked.runs():
        if run.label == "w8" or run.dense:
            leave_results(runs, run)
            add_layers(runs / run.name, run)
            write_json(runs / run.name / "spec.json", run.model_dump(mode="json"))
    where, task = [str(path), str(runs), str(tmp_path / "t.csv")], ["--task", "single_b"]
    assert CliRunner().invoke(app, ["summary", *where, *task, "--partial"]).exit_code == 0
    command = ["figures", *where, str(tmp_path / "drawn"), *task]
    assert CliRunner().invoke(app, command).exit_code != 0
    done = CliRunner().invoke(app, [*command, "--partial"])
    assert done.exit_code == 0, done.output
    assert "4 of 12 runs are missing: single_b-w16-p50-budget-s1" in done.output
    assert (tmp_path / "drawn/pruned-c.png").stat().st_size > 10_000
