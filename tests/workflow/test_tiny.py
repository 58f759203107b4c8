"""The tiny study, from Pythia to the report, as a user runs it; then killed and started again."""

import csv
import html
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import psutil
import pytest
from browser import chromium, faults, needs_chromium

from ftag_prune.config import load_study
from ftag_prune.figures import names
from ftag_prune.flavours import task_of
from ftag_prune.record import read_json

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "workflow/config/tiny.yaml"
STUDY = load_study(CONFIG)

# They share the finished study: one worker runs a module.


def command(folder, *options, config=CONFIG):
    return [
        *[sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")],
        *["--directory", str(folder), "--cores", "2", "--rerun-incomplete"],
        *["--configfile", str(config), *options],
    ]


def snakemake(folder, *options, config=CONFIG):
    done = subprocess.run(
        command(folder, *options, config=config), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    code, said = snakemake(folder)
    logs = "\n".join(path.read_text() for path in folder.glob("results/tiny/logs/**/*.log"))
    assert code == 0, said + logs
    return folder


def metrics(folder):
    return {
        run.name: (folder / "results/tiny/runs" / run.name / "metrics.json").read_bytes()
        for run in STUDY.runs()
    }


def test_every_run_has_exactly_the_asked_number_of_nodes(tiny):
    for run in STUDY.runs():
        told = read_json(tiny / "results/tiny/runs" / run.name / "metrics.json")
        layers, nodes = told["layers"].values(), run.nodes
        assert told["left"] == sum(layers) == (nodes if run.dense else run.keep)
        assert min(layers) >= 1
        spec = read_json(tiny / "results/tiny/runs" / run.name / "spec.json")
        assert type(run).model_validate(spec) == run


def test_gated_and_compacted_networks_agree(tiny):
    for run in STUDY.runs():
        told = read_json(tiny / "results/tiny/runs" / run.name / "run.json")
        assert (told["compaction_difference"] is None) == run.dense
        assert (told["compaction_difference"] or 0) < 1e-5


def test_all_generated_jets_are_accounted_for(tiny):
    for task, sample in STUDY.samples.items():
        counts = 0
        for split in ("train", "val", "test"):
            with h5py.File(tiny / f"results/tiny/jets/{task}/{split}.h5") as file:
                counts += len(file["jets"])
        log = (tiny / f"results/tiny/logs/prepare/{task}.log").read_text()
        read = int(log.split(" jets read")[0].split()[-1])
        rejected = sum(int(line.split()[0]) for line in log.splitlines() if "rejected by" in line)
        assert read == sample.generate.jets
        assert read == counts + rejected


@pytest.mark.parametrize("task", STUDY.grid.tasks)
def test_figures_stand_beside_their_numbers(tiny, task):
    place = tiny / "results/tiny/figures" / task
    for name in names(STUDY, task_of(task)):
        assert (place / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (place / f"{name}.png").stat().st_size > 10_000
        assert list(csv.DictReader((place / f"{name}.csv").read_text().splitlines()))


def test_the_report_is_one_file_that_needs_no_network(tiny):
    page = (tiny / "results/tiny/report.html").read_text()
    assert page.count("<img") >= sum(len(names(STUDY, task_of(task))) for task in STUDY.grid.tasks)
    assert 'src="http' not in page
    assert 'href="http' not in page
    pruned = sum(not run.dense for run in STUDY.runs())
    assert f"{pruned} of {pruned} pruned networks have exactly the asked number" in page


@pytest.mark.parametrize("task", STUDY.grid.tasks)
def test_the_answer_and_the_working_points_are_left_beside_the_figures(tiny, task):
    place = tiny / "results/tiny/validation" / task
    told = read_json(place / "validation.json")
    assert told["answers"]
    assert html.escape(told["answers"][0].split("$")[0]) in (
        tiny / "results/tiny/report.html"
    ).read_text().replace("</strong>", "").replace("<strong>", "")
    signal = task_of(task).signal
    for kind in ("yaml", "json", "csv", "tex"):
        assert list(place.glob(f"cuts-*-{signal}.{kind}"))


@needs_chromium
def test_the_report_has_no_fault_in_a_browser(tiny, tmp_path):
    with chromium(tmp_path) as browser:
        assert faults(browser, tiny / "results/tiny/report.html") == []


def test_a_second_call_does_nothing(tiny):
    code, said = snakemake(tiny)
    assert code == 0
    assert "Nothing to be done" in said


def test_nothing_half_written_is_left(tiny):
    strays = [
        path for path in (tiny / "results").rglob(".*") if path.name != ".snakemake_timestamp"
    ]
    assert not strays


def test_a_killed_training_goes_on_to_the_same_numbers(tiny, tmp_path):
    folder = tmp_path / "killed"
    shutil.copytree(tiny, folder)
    for results in ("runs", "tables", "figures"):
        shutil.rmtree(folder / "results/tiny" / results)
    for path in (folder / "results/tiny").glob("**/*ed.json"):
        path.unlink()
    (folder / "results/tiny/report.html").unlink()
    with subprocess.Popen(
        command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as study:
        kill_a_training(study, folder / "results/tiny/runs")
        assert study.wait(120) != 0
    finished = {path.parent.name for path in folder.glob("results/tiny/runs/*/run.json")}
    assert 0 < len(finished) < len(STUDY.runs()), "killed in the middle"
    code, said = snakemake(folder, "--until", "evaluate")
    assert code == 0, said
    assert metrics(folder) == metrics(tiny)
    logs = "".join(path.read_text() for path in folder.glob("results/tiny/logs/train/*.log"))
    assert "done before" in logs


def kill_a_training(study, runs):
    """Kill every training process once the first run is finished."""
    end = time.monotonic() + 120
    while not list(runs.glob("*/run.json")):
        assert time.monotonic() < end, "no training has finished in time"
        assert study.poll() is None, "the study ended before it could be killed"
        time.sleep(0.02)
    trainings = [
        child
        for child in psutil.Process(study.pid).children(recursive=True)
        if "train" in child.cmdline() and "python" in Path(child.exe()).name
    ]
    assert trainings
    for child in trainings:
        os.kill(child.pid, signal.SIGKILL)


def test_changing_one_strategy_trains_its_runs_only(tiny, tmp_path):
    folder, config = tmp_path / "changed", tmp_path / "changed.yaml"
    shutil.copytree(tiny, folder)
    config.write_text(CONFIG.read_text().replace("rate: 2.0e-3", "rate: 1.0e-3"))
    code, said = snakemake(folder, "--until", "evaluate", config=config)
    assert code == 0, said
    before, after = metrics(tiny), metrics(folder)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {run.name for run in STUDY.runs() if run.strategy == "ladder"}


def test_a_bare_dry_run_plans_the_demo(tmp_path):
    done = subprocess.run(
        [
            *[sys.executable, "-m", "snakemake", "-n", "--snakefile", str(ROOT / "Snakefile")],
            *["--directory", str(tmp_path)],
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results/demo/report.html" in done.stdout
    assert done.stdout.count("ftag-prune") + done.stdout.count("rule ") > 20


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("seeds:", "seed:", "no key 'grid.seed'; nearest: 'seeds'"),
        ("targets: [0, 0.5, 0.75]", "targets: [0, 1.5]", "grid.targets: a target is the fraction"),
        ("keep: [3]", "keep: [99]", "asks to keep 99 nodes"),
        (
            "card: data/cards/embedded_single_b.yaml",
            "card: data/cards/absent.yaml",
            "data/cards/absent.yaml",
        ),
    ],
)
def test_mistakes_stop_before_anything_runs(tmp_path, old, new, sentence):
    config = tmp_path / "wrong.yaml"
    assert old in CONFIG.read_text()
    config.write_text(CONFIG.read_text().replace(old, new))
    code, said = snakemake(tmp_path, "-n", config=config)
    assert code != 0
    assert sentence in said
    assert "Traceback" not in said
    assert not (tmp_path / "results").exists()
