"""Killed at any moment, stopped, or started twice: the same numbers, and nothing left over.

Processes are forked from one that has imported everything, so that each costs no three seconds.
"""

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from small_samples import card, small, write_root

from ftag_prune.cli import main
from ftag_prune.config import Chunk, Study
from ftag_prune.prepare import prepare
from ftag_prune.record import checksum, read_json
from ftag_prune.spec import validated

ROOT = Path(__file__).parents[2]
KILLS = 50

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["ftag_prune.train", "ftag_prune.evaluate", "ftag_prune.cli"])

STUDY = {
    "study": "killed",
    "samples": {"single_b": {"card": "card.yaml"}},
    "grid": {
        "tasks": ["single_b"],
        "widths": [8],
        "depth": 2,
        "targets": [0, 0.5, 0.75],
        "strategies": ["budget", "once", "drawn", "taylor"],
        "seeds": [1],
        "runs_per_job": 100,
        "checkpoint_seconds": 0.05,
    },
    "strategies": {
        "budget": {},
        "once": {"one_training": True},
        "drawn": {"gate": {"kind": "hard_concrete"}, "pressure": {"kind": "dual"}},
        "taylor": {"kind": "one_shot", "rates": {"kind": "one_rate", "rate": 1e-3}},
    },
    "training": {"epochs": {"dense": 2, "gated": 3, "tuned": 2}, "batch_size": 128},
}


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Folder with jets and one chunk."""
    folder = tmp_path_factory.mktemp("job")
    prepare(card(), [write_root(folder / "sample.root", small(2500))], folder)
    (chunk,) = validated(Study, STUDY, where="study").chunks()
    (folder / "chunk.json").write_text(chunk.model_dump_json())
    return folder


def work(job, out):
    """Train and evaluate the chunk, as two rules do; standard error goes to a log."""
    os.setsid()
    out.mkdir(parents=True, exist_ok=True)
    log = os.open(out / f"{os.getpid()}.log", os.O_CREAT | os.O_WRONLY)
    os.dup2(log, 2)
    chunk, runs = str(job / "chunk.json"), str(out / "runs")
    trained, evaluated = str(out / "trained.json"), str(out / "evaluated.json")
    commands = (
        ["train", chunk, str(job), runs, trained],
        ["evaluate", chunk, str(job / "test.h5"), runs, evaluated],
    )
    for command in commands:
        sys.argv = ["ftag-prune", *command]
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise


def started(job, out):
    process = FORKS.Process(target=work, args=(job, out))
    process.start()
    return process


def finished(job, out, *, seconds=120):
    process = started(job, out)
    process.join(seconds)
    return process.exitcode


def results(out):
    """Checksums of what must be the same; times are not."""
    same = ("model.pt", "metrics.json", "history.csv", "spec.json", "nodes.csv")
    return {
        str(path.relative_to(out)): checksum(path)
        for path in sorted(out.rglob("*"))
        if path.name in same
    }


def nothing_left_over(out):
    """Neither temporary files nor claims nor checkpoints."""
    odd = ("claim", "checkpoint", ".")
    return not [path for path in out.rglob("*") if path.name.startswith(odd)]


@pytest.fixture(scope="module")
def whole(job):
    """Results of a job that nobody disturbs."""
    assert finished(job, job / "whole") == 0
    assert nothing_left_over(job / "whole")
    found = results(job / "whole")
    assert len([name for name in found if name.endswith("metrics.json")]) == 9
    return found


@pytest.mark.slow
def test_fifty_kills_change_no_bit(job, whole):
    chance = random.Random(6)  # noqa: S311
    kills, rounds = 0, 0
    while kills < KILLS:
        out, code = job / f"round-{rounds}", None
        while code != 0:
            process = started(job, out)
            process.join(chance.uniform(0.01, 1.0) if kills < KILLS else 120)
            if process.exitcode is None:
                os.kill(process.pid, signal.SIGKILL)
                process.join()
                kills += 1
            code = process.exitcode
            assert code in (0, -signal.SIGKILL), (out / f"{process.pid}.log").read_text()
        rounds += 1
        assert results(out) == whole
        assert nothing_left_over(out)
    assert kills == KILLS


def said(out):
    return [line for path in out.glob("*.log") for line in path.read_text().splitlines()]


def trained(out):
    """How often each run was trained to its end."""
    return sorted(line.split(": ")[0] for line in said(out) if "val loss" in line)


def test_two_jobs_at_once_train_each_run_once(job, whole):
    out = job / "twins"
    twins = [started(job, out), started(job, out)]
    for twin in twins:
        twin.join(120)
        assert twin.exitcode == 0
    assert results(out) == whole
    assert nothing_left_over(out)
    names = sorted(run.name for run in Chunk(**read_json(job / "chunk.json")).runs)
    assert trained(out) == names


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_stop_on_request_ends_with_75_and_goes_on(job, whole, number):
    out = job / f"stopped-{number}"
    process = started(job, out)
    end = time.monotonic() + 60
    while not list(out.glob("runs/*/checkpoint.pt")):
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(process.pid, number)
    process.join(60)
    assert process.exitcode == 75
    assert any("kept: stopped by SIG" in line or "not begun" in line for line in said(out))
    assert not list(out.rglob("claim*"))
    assert finished(job, out) == 0
    assert results(out) == whole
    assert nothing_left_over(out)


# -- the whole study -----------------------------------------------------------------------------

SMALL = {
    **STUDY,
    "samples": {
        "single_b": {
            "card": "data/cards/embedded_single_b.yaml",
            "generate": {"jets": 4000, "mix": {"ttbar": 0.85, "zprime": 0.15}},
        }
    },
    "grid": {**STUDY["grid"], "strategies": ["budget", "taylor"], "runs_per_job": 3},
    "validation": None,
}


TABLE = "results/killed/tables/single_b.csv"
LOST = "single_b-w8-p50-budget-s1"

# As docs/cluster.md has it.
TOUCH = "touch now && find results -newer now -exec touch -r now {} +"


def snakemake(folder, *options):
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return [
        *[sys.executable, "-m", "snakemake", TABLE],
        *["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)],
        *["--configfile", str(folder / "small.yaml"), "--cores", "2", "--rerun-incomplete"],
        *options,
    ]


def ended(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Folder of a study that nobody disturbed, and how long it took."""
    folder, begun = tmp_path_factory.mktemp("study"), time.monotonic()
    code, text = ended(snakemake(folder))
    assert code == 0, text
    return folder, time.monotonic() - begun


@pytest.mark.slow
def test_a_study_that_is_killed_again_and_again_ends_with_the_same_numbers(study, tmp_path):
    (whole, usual), killed = study, tmp_path
    chance = random.Random(6)  # noqa: S311
    for _ in range(3):
        started_study = subprocess.Popen(
            snakemake(killed),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with started_study:
            time.sleep(chance.uniform(0.3, 0.7) * usual)
            os.killpg(started_study.pid, signal.SIGKILL)
        code, text = ended(snakemake(killed, "--unlock"))
        assert code == 0, text
    code, text = ended(snakemake(killed))
    assert code == 0, text
    assert results(killed / "results") == results(whole / "results")
    runs = killed / "results/killed/runs"
    assert nothing_left_over(runs)
    tables = [(one / TABLE).read_text() for one in (whole, killed)]
    assert without_seconds(tables[0]) == without_seconds(tables[1])


@pytest.mark.slow
def test_results_that_moved_go_on_where_they_are(study, tmp_path):
    """Only the folder of results was moved: what Snakemake noted of it stayed behind."""
    whole, moved = study[0], tmp_path / "elsewhere"
    shutil.copytree(whole / "results", moved / "results")
    runs = moved / "results/killed/runs"
    shutil.rmtree(runs / LOST)
    for lost in (moved / TABLE, *moved.glob("results/killed/chunks/*.json")):
        lost.unlink()
    code, text = ended(snakemake(moved))
    assert code == 0, text
    assert "rule prepare" not in text
    assert results(moved / "results") == results(whole / "results")
    logs = [path.read_text() for path in moved.glob("results/killed/logs/train/*.log")]
    ends = [line for text in logs for line in text.splitlines() if "val loss" in line]
    assert [line.split(": ")[0] for line in ends] == [LOST]


@pytest.mark.slow
def test_a_clock_that_was_set_back_is_one_sentence_and_a_touch(study):
    whole, later = study[0], study[0].with_name("later")  # the Snakefile is as far from both
    shutil.copytree(whole, later)
    day = 86_400 * 10**9
    for path in later.rglob("results/**/*"):
        state = path.stat()
        os.utime(path, ns=(state.st_atime_ns + day, state.st_mtime_ns + day))
    code, text = ended(snakemake(later))
    assert code == 0
    assert "Nothing to be done" in text
    (later / TABLE).unlink()
    code, text = ended(snakemake(later))
    assert code != 0
    assert "has older modification time" in text
    assert "clock skew" in text
    assert f"`{TOUCH}`" in (ROOT / "docs/cluster.md").read_text()
    subprocess.run(["/bin/sh", "-c", TOUCH], cwd=later, check=True)
    code, text = ended(snakemake(later))
    assert code == 0, text
    assert (later / TABLE).read_bytes() == (whole / TABLE).read_bytes()


def without_seconds(table):
    rows = [line.split(",") for line in table.splitlines()]
    column = rows[0].index("seconds")
    return [row[:column] + row[column + 1 :] for row in rows]


def test_a_second_snakemake_on_one_folder_says_so(tmp_path):
    with subprocess.Popen(
        snakemake(tmp_path),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as first:
        end = time.monotonic() + 60
        while not list(tmp_path.glob(".snakemake/locks/*")):
            assert time.monotonic() < end
            time.sleep(0.05)
        code, text = ended(snakemake(tmp_path))
        os.killpg(first.pid, signal.SIGKILL)
    assert code != 0
    assert "--unlock" in text
