"""A report of a study that is not finished: of the runs that are there, beside all else."""

import html
import re
import shutil

import pytest
from small_samples import card, small, write_root
from test_config import study
from test_validation import not_drawn
from typer.testing import CliRunner

from ftag_prune import plots
from ftag_prune.cli import app
from ftag_prune.config import Epochs
from ftag_prune.evaluate import evaluate_runs
from ftag_prune.prepare import prepare
from ftag_prune.status import unscored
from ftag_prune.summary import read_cells
from ftag_prune.train import train_runs

STUDY = study(
    grid__widths=[8],
    training={"epochs": Epochs(dense=1, gated=2, tuned=1).model_dump(), "batch_size": 200},
    validation={"trees": False, "latency": False, "replicas": 20},
)
DENSE, HALF = STUDY.runs()[:2], STUDY.runs()[2:4]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Three of six runs trained, and two of these scored."""
    folder = tmp_path_factory.mktemp("unfinished")
    sample = write_root(folder / "sample.root", small(3000))
    jets = prepare(card(), [sample], folder / "results/jets/single_b")
    runs = [*DENSE, HALF[0]]
    train_runs(runs, folder / "results/jets/single_b", folder / "results/runs")
    evaluate_runs(DENSE, jets.test, folder / "results/runs")
    (folder / "study.json").write_text(STUDY.model_dump_json())
    return folder


@pytest.fixture
def half(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(plots, "save", not_drawn)
    return shutil.copytree(trained, tmp_path / "half")


def call(folder, verb, *rest):
    done = CliRunner().invoke(app, [verb, *rest])
    return done, done.output if done.exception is None else str(done.exception)


def report(folder, page="part.html"):
    where = [str(folder / one) for one in ("study.json", "results", page)]
    return call(folder, "report", *where, "--partial")


def text_of(page):
    return html.unescape(re.sub("</?strong>", "", page.read_text()))


def test_the_whole_report_is_one_command_and_says_what_is_missing(half):
    results = half / "results"
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    done, said = report(half)
    assert done.exit_code == 0, said
    missing = (
        "3 of 6 runs are missing: single_b-w8-p50-budget-s2, single_b-w8-p75-budget-s1, "
        "single_b-w8-p75-budget-s2; what is shown is made of the others."
    )
    assert missing in said
    text = text_of(half / "part.html")
    assert missing in text
    assert "Not finished: made of 3 of 6 runs." in text
    assert "mean over up to 2 trainings" in text
    assert "What is missing" in text
    assert "1 of 1 pruned networks have exactly the asked number" in text
    assert {path: path.read_bytes() for path in before} == before
    new = {path.relative_to(results).parts[0] for path in results.rglob("*") if path.is_file()}
    assert new == {"jets", "runs", "partial"}


def test_a_run_that_waits_for_others_of_its_job_is_scored(half):
    runs = half / "results/runs"
    assert unscored(STUDY.runs(), runs) == [HALF[0]]
    done, said = report(half)
    assert done.exit_code == 0, said
    cells = read_cells(half / "results/partial/tables/single_b.csv")
    assert {(cell.strategy, cell.seeds) for cell in cells} == {("dense", 2), ("budget", 1)}
    mine = {name: (runs / HALF[0].name / name).read_bytes() for name in ("metrics.json",)}
    evaluate_runs([HALF[0]], half / "results/jets/single_b/test.h5", runs)
    assert mine == {name: (runs / HALF[0].name / name).read_bytes() for name in mine}


def test_a_figure_of_an_earlier_call_is_not_shown_again(half):
    done, said = report(half)
    assert done.exit_code == 0, said
    assert (half / "results/partial/figures/single_b/roc-c.png").is_file()
    for run in DENSE:
        shutil.rmtree(half / "results/runs" / run.name)
    done, said = report(half)
    assert done.exit_code == 0, said
    assert not (half / "results/partial/figures/single_b/roc-c.png").exists()
    text = text_of(half / "part.html")
    assert "Not drawn, for runs are missing: roc-u, roc-c, roc-tau." in text


def test_without_any_run_there_is_one_sentence(half):
    shutil.rmtree(half / "results/runs")
    done, said = report(half)
    assert done.exit_code != 0
    assert said == f"{half / 'results/runs'}: none of the 6 runs is there yet"
    assert not (half / "part.html").exists()
    assert not (half / "results/partial").exists()


def test_the_page_of_the_finished_study_is_kept_for_it(half):
    done, said = report(half, page="results/report.html")
    assert done.exit_code != 0
    assert "report.html: is for the finished study; name another page" in said


def test_a_partial_validation_says_what_is_missing(half):
    options = ["--study", str(half / "study.json"), "--folder", str(half / "results")]
    out = half / "validated"
    done, said = call(half, "validate", str(out), *options)
    assert done.exit_code != 0
    assert "wanted the folder of a finished run, found no" in said
    done, said = call(half, "validate", str(out), *options, "--partial")
    assert done.exit_code == 0, said
    assert "4 of 6 runs are missing" in said
    assert "4 of 6 runs are missing" in (out / "page.html").read_text()


def test_a_partial_validation_is_one_of_a_study(half):
    run, jets = half / "results/runs" / DENSE[0].name, half / "results/jets/single_b"
    done, said = call(half, "validate", "out", str(run), "--jets", str(jets), "--partial")
    assert done.exit_code != 0
    assert "--partial says what of a study is missing; wanted --study" in said
