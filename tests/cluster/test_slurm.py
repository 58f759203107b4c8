"""A study on a real Slurm of three nodes: what it is without one, whatever befalls the jobs."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from batch_system import NODES, missing, running_slurm, wait_for
from plugins import without_accounting, without_plugins

from ftag_prune.config import load_study
from ftag_prune.record import read_json

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).with_name("study.yaml")
STUDY = load_study(CONFIG)
CHUNKS = {chunk.name: [run.name for run in chunk.runs] for chunk in STUDY.chunks()}
RESULTS = "results/cluster"
LOCKED = importlib.util.find_spec("ftag_prune.claim") is not None
METRICS = [f"{RESULTS}/chunks/{chunk}.evaluated.json" for chunk in CHUNKS]
MODELS = [f"{RESULTS}/chunks/{chunk}.trained.json" for chunk in CHUNKS]

# One worker runs these: there is one Slurm on a machine.
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.xdist_group("cluster"),
    pytest.mark.skipif(bool(missing()), reason=str(missing())),
    pytest.mark.skipif(bool(without_plugins()), reason=str(without_plugins())),
]


def command(folder, *options, wanted=METRICS):
    """Snakemake as a user calls it, up to the metrics of all runs."""
    return [
        *[sys.executable, "-m", "snakemake", *wanted, "--snakefile", str(ROOT / "Snakefile")],
        *["--directory", str(folder), "--configfile", str(CONFIG), *options],
    ]


def on_slurm(folder, *options, profile="slurm", wanted=METRICS):
    """The same with a profile; the tests look after their jobs sooner than a study of days.

    A job may last for 90 minutes on the tests' Slurm, as `resources` in the profile would say.
    """
    own = ["--slurm-init-seconds-before-status-checks", "4"] if profile == "slurm" else []
    soon = ["--seconds-between-status-checks", "2", *own]
    at = ["--profile", str(ROOT / "workflow/profiles" / profile), "--resources", "runtime=90"]
    return command(folder, *at, "--latency-wait", "10", *soon, *options, wanted=wanted)


class Study:
    """A call of Snakemake in the background, with what it says."""

    def __init__(self, words, log):
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                words, stdout=out, stderr=out, start_new_session=True, env=without_accounting()
            )

    @property
    def said(self):
        return self._log.read_text()

    def finish(self, *, seconds=600):
        code = self.process.wait(seconds)
        assert code == 0, self.said
        return self.said

    def fail(self, *, seconds=600):
        assert self.process.wait(seconds) == 1, self.said
        return self.said

    def interrupt(self):
        """As Ctrl-C does it, to all that belongs to the call."""
        os.killpg(self.process.pid, signal.SIGINT)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        """Leave nothing behind when a test fails in the middle."""
        if self.process.poll() is None:
            self.kill()

    def kill(self):
        """As the kernel does it, with all below it: nothing is put in order."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Watch:
    """Looks at the folder of the runs from another thread.

    It notes every `run.json` that appears, one for each end of a training, and suspends the job of
    a chunk to be held in its second run.
    """

    def __init__(self, folder, *, hold=()):
        self.ends = {run.name: set() for run in STUDY.runs()}
        self.held = {}
        self._folder, self._hold = folder, hold
        self._runs, self._over = folder / RESULTS / "runs", threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._over.set()
        self._thread.join()

    def _look(self):
        while not self._over.wait(0.05):
            for name, ends in self.ends.items():
                try:
                    stat = (self._runs / name / "run.json").stat()
                except FileNotFoundError:
                    continue
                ends.add((stat.st_ino, stat.st_mtime_ns))
            for chunk in self._hold:
                if chunk not in self.held and self._in_second_run(chunk):
                    self.held[chunk] = suspended(self._folder, chunk)

    def _in_second_run(self, chunk):
        """Whether the first has ended, and the second holds its lock, which is in its folder."""
        first, second = CHUNKS[chunk]
        return bool(self.ends[first]) and (not LOCKED or (self._runs / second).is_dir())

    def job(self, slurm, chunk):
        """Wait until the job of a chunk is held; its id."""
        wait_for(f"job of {chunk} that is held", lambda: bool(self.held.get(chunk)))
        wait_for(f"running job of {chunk}", lambda: bool(slurm.training(chunk, "RUNNING")))
        return slurm.training(chunk, "RUNNING")[-1]

    def let_go(self, chunk):
        for process in self.held[chunk]:
            process.resume()


def suspended(folder, chunk):
    """The processes that train a chunk of this study, held in the middle.

    Other tests train chunks of the same name at the same time.
    """
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        mine = process.info["cwd"] == str(folder.resolve())
        if mine and "train" in words and any(f"specs/{chunk}-" in word for word in words[:4]):
            process.suspend()
            found.append(process)
    return found


class Storm(NamedTuple):
    """A study that met everything, and what was seen of it."""

    folder: Path
    ends: dict
    said: str
    states: dict


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with running_slurm(tmp_path_factory.mktemp("slurm")) as slurm:
        yield slurm


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """The study on two cores of this machine."""
    folder = tmp_path_factory.mktemp("local")
    done = subprocess.run(
        command(folder, "--cores", "2"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def storm(local, slurm, tmp_path_factory):
    """One call of Snakemake; each chunk meets something, and Slurm itself is restarted."""
    folder = untrained(local, tmp_path_factory.mktemp("storm"))
    starved, late, unplugged = CHUNKS
    words = on_slurm(folder, "--set-resources", little_for(starved), profile="slurm-generic")
    states = {"interrupted": interrupted(folder, slurm, "slurm-generic")}
    slurm.forget()
    with (
        Watch(folder, hold=(late, unplugged)) as watch,
        Study(words, folder / "said.log") as study,
    ):
        wait_for("job out of memory", lambda: slurm.training(starved, "FAILED"))
        states["starved"] = slurm.told(slurm.training(starved)[0], "ExitCode")

        # A training is not done at its time limit.
        over = watch.job(slurm, late)
        slurm.end_now(over)

        # A node loses its power.
        lost = watch.job(slurm, unplugged)
        dark = slurm.told(lost, "NodeList")
        slurm.power_off(dark)
        wait_for("time limit", lambda: slurm.told(over, "JobState") == "TIMEOUT")
        states["late"] = "TIMEOUT", left_by(folder, late)
        wait_for("node that is down", lambda: slurm.nodes()[dark].startswith("down"))
        wait_for("job that waits again", lambda: slurm.told(lost, "Restarts") == "1")
        states["unplugged"] = slurm.told(lost, "JobState")
        slurm.start(dark)

        # A node is drained, the controller restarted while jobs run.
        drained = next(node for node in NODES if node != dark)
        slurm.drain(drained)
        slurm.stop("slurmctld")
        time.sleep(3)
        slurm.start("slurmctld")
        wait_for("controller", lambda: bool(slurm.nodes()))
        slurm.release(lost)
        said = study.finish()
    states["drained"] = slurm.nodes()[drained]
    states["restarts"] = slurm.told(lost, "Restarts")
    states["again"] = slurm.told(slurm.training(late)[-1], "TimeLimit")
    slurm.undrain(drained)
    return Storm(folder, watch.ends, said, states)


def interrupted(folder, slurm, profile):
    """States of the jobs of a study that is stopped while they run."""
    slurm.forget()
    with Study(on_slurm(folder, profile=profile), folder / "interrupted.log") as study:
        wait_for("jobs", lambda: len(slurm.since("RUNNING")) == len(CHUNKS))
        study.interrupt()
        study.fail()
    wait_for("jobs that end", lambda: not slurm.since("RUNNING", "COMPLETING"))
    return set(slurm.since().values())


def left_by(folder, chunk):
    """What the log of a job says at last, and the runs of which it has left a checkpoint."""
    said = (folder / RESULTS / f"logs/train/{chunk}.log").read_text().splitlines()
    runs = folder / RESULTS / "runs"
    return said[-1], [run for run in CHUNKS[chunk] if (runs / run / "checkpoint.pt").exists()]


@pytest.fixture(scope="module")
def squall(local, slurm, tmp_path_factory):
    """The same with Snakemake's plugin: the jobs meet something else, and one fails each time."""
    folder = untrained(local, tmp_path_factory.mktemp("squall"))
    late, preempted, broken = CHUNKS
    words = on_slurm(folder, wanted=MODELS)
    states = {"interrupted": interrupted(folder, slurm, "slurm")}
    slurm.forget()

    # A folder has the place of a file that the second run of a job will write.
    in_the_way = folder / RESULTS / "runs" / CHUNKS[broken][1] / "history.csv"
    in_the_way.mkdir(parents=True)
    with (
        Watch(folder, hold=(late, preempted)) as watch,
        Study(words, folder / "said.log") as study,
    ):
        over = watch.job(slurm, late)
        slurm.end_now(over)
        first = watch.job(slurm, preempted)
        slurm.requeue(first)
        wait_for("time limit", lambda: slurm.told(over, "JobState") == "TIMEOUT")
        states["late"] = "TIMEOUT", left_by(folder, late)
        wait_for("job that waits again", lambda: slurm.told(first, "JobState") == "PENDING")
        states["preempted"] = slurm.told(first, "Restarts"), left_by(folder, preempted)
        slurm.release(first)
        states["failed"] = study.fail()
        states["jobs"] = [len(slurm.training(chunk)) for chunk in CHUNKS]
        in_the_way.rmdir()
        words = on_slurm(folder, profile="slurm-generic", wanted=MODELS)  # which is quicker
        with Study(words, folder / "mended.log") as mended:
            said = mended.finish()
    return Storm(folder, watch.ends, said, states)


def little_for(chunk):
    """Too little memory for the first attempt at a chunk."""
    return f"train:mem_mb=200 if attempt == 1 and wildcards.chunk == '{chunk}' else 1000"


def untrained(local, folder):
    """A copy of the study that has its jets, and nothing trained."""
    shutil.copytree(local, folder, dirs_exist_ok=True)
    for results in ("runs", "chunks"):
        shutil.rmtree(folder / RESULTS / results)
    return folder


def metrics(folder):
    """Bytes of the metrics of every run."""
    runs = folder / RESULTS / "runs"
    return {run.name: (runs / run.name / "metrics.json").read_bytes() for run in STUDY.runs()}


def models(folder):
    return {chunk: read_json(folder / RESULTS / f"chunks/{chunk}.trained.json") for chunk in CHUNKS}


def gpu_for(chunk):
    """A GPU for the first attempt at a chunk, in a word that Slurm does not know: there is none."""
    return f"train:request_gpus=1 if attempt == 1 and wildcards.chunk == '{chunk}' else 0"


def test_slurm_gives_the_same_bits_as_two_cores(local, slurm, tmp_path):
    starved, misled, _ = CHUNKS
    words = on_slurm(tmp_path, "--set-resources", little_for(starved), gpu_for(misled))
    with Study(words, tmp_path / "said.log") as study:
        said = study.finish()
    # Generate and prepare; train and evaluate each chunk; once more what had too little memory, and
    # what was told to use a GPU.
    assert said.count("has been submitted with SLURM jobid") == 2 + 2 * len(CHUNKS) + 2
    assert said.count("SLURM status is: 'FAILED'") == 2
    assert "wanted cuda, which is not on this machine" in said
    assert metrics(tmp_path) == metrics(local)
    assert models(tmp_path) == models(local)


@pytest.fixture(params=["slurm-generic", "slurm"])
def met(request):
    """What was met with each profile."""
    return request.getfixturevalue({"slurm-generic": "storm", "slurm": "squall"}[request.param])


def test_whatever_befalls_the_jobs_the_results_are_the_same(met, local):
    assert models(met.folder) == models(local)


def test_whatever_befalls_the_jobs_the_metrics_are_the_same(storm, local):
    assert metrics(storm.folder) == metrics(local)


def test_whatever_befalls_the_jobs_no_training_ends_twice(met):
    assert {name: len(ends) for name, ends in met.ends.items()} == dict.fromkeys(met.ends, 1)


def test_ctrl_c_cancels_the_jobs(met):
    assert met.states["interrupted"] == {"CANCELLED"}


def test_a_job_at_its_time_limit_keeps_a_checkpoint_and_is_tried_again(met):
    chunk = list(CHUNKS)[0 if "preempted" in met.states else 1]
    first, second = CHUNKS[chunk]
    state, (said, left) = met.states["late"]
    assert state == "TIMEOUT"
    assert f"{second}: " in said
    assert "kept: stopped by SIGTERM" in said
    assert left == [second]
    log = (met.folder / RESULTS / f"logs/train/{chunk}.log").read_text()
    assert f"{first}: done before" in log


def test_a_job_that_is_tried_again_asks_for_no_more_than_its_partition_allows(storm):
    assert storm.states["again"] == "01:30:00", "after an hour, and not two hours"


def test_a_preempted_job_keeps_a_checkpoint_and_comes_back(squall):
    restarts, (said, left) = squall.states["preempted"]
    assert restarts == "1"
    assert "kept: stopped by SIGTERM" in said
    assert left == CHUNKS[list(CHUNKS)[1]][1:]


def test_a_run_that_fails_holds_up_nothing_and_is_the_next_to_be_done(squall):
    failed, broken = squall.states["failed"], list(CHUNKS)[2]
    assert squall.states["jobs"] == [2, 1, 3], "late, preempted, broken"
    assert f"ftag-prune: {RESULTS}/runs/{CHUNKS[broken][1]}/" in failed
    assert "Is a directory" in failed
    assert squall.said.count("Submitted job") == 1
    log = (squall.folder / RESULTS / f"logs/train/{broken}.log").read_text()
    assert f"{CHUNKS[broken][0]}: done before" in log


def test_a_job_over_its_memory_is_tried_again_with_more(storm):
    assert storm.states["starved"] == "0:9"
    assert "mem_mb=200," in storm.said
    assert "Trying to restart job" in storm.said


def test_a_job_on_a_node_without_power_is_queued_again_by_slurm(storm):
    assert storm.states["unplugged"] == "PENDING"
    assert storm.states["restarts"] == "1"


def test_a_drained_node_holds_nothing_up(storm):
    assert storm.states["drained"].startswith("drain")


def killed_in_the_middle(folder, slurm, watch, profile):
    """Kill Snakemake while the job of a chunk is in the middle, and unlock; the chunk."""
    chunk = list(CHUNKS)[1]
    slurm.forget()
    words = on_slurm(folder, profile=profile, wanted=MODELS)
    with Study(words, folder / "killed.log"):
        watch.job(slurm, chunk)
    with Study([*words, "--unlock"], folder / "unlock.log") as unlock:
        unlock.finish()
    return chunk


@pytest.mark.skipif(not LOCKED, reason="runs have no lock to be tested")
@pytest.mark.parametrize("profile", ["slurm", "slurm-generic"])
def test_a_twin_of_a_running_job_trains_nothing_twice(profile, local, slurm, tmp_path):
    folder = untrained(local, tmp_path / "twins")
    with Watch(folder, hold=list(CHUNKS)[1:2]) as watch:
        chunk = killed_in_the_middle(folder, slurm, watch, profile)
        words = on_slurm(folder, profile=profile, wanted=MODELS)
        with Study(words, folder / "said.log") as study:
            wait_for("twin", lambda: len(slurm.training(chunk, "RUNNING")) == 2)
            log = folder / RESULTS / f"logs/train/{chunk}.log"
            wait_for("twin that waits", lambda: "waiting" in log.read_text())
            watch.let_go(chunk)
            study.finish()
    assert models(folder) == models(local)
    assert {len(ends) for ends in watch.ends.values()} == {1}
