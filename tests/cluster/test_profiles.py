"""The profiles without a batch system: what they plan, and what they would submit."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from plugins import with_plugins, without_plugins

ROOT = Path(__file__).parents[2]
PRETENDED = Path(__file__).with_name("pretended")
CONFIG = Path(__file__).with_name("study.yaml")
PROFILES = ROOT / "workflow/profiles"
NAMES = ("default", "slurm", "slurm-generic", "htcondor")

needs_plugins = pytest.mark.skipif(bool(without_plugins()), reason=str(without_plugins()))


def call(folder, profile, *options, **environment):
    """Snakemake with a profile, and no Slurm that answers."""
    path = f"{PRETENDED}{os.pathsep}{os.environ['PATH']}"
    python = with_plugins()["PYTHONPATH"]
    own = {"PATH": path, "PYTHONPATH": f"{PRETENDED}{os.pathsep}{python}"}
    done = subprocess.run(
        [
            *[sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")],
            *["--profile", str(PROFILES / profile), "--directory", str(folder)],
            *["--configfile", str(CONFIG), *options],
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | own | environment,
    )
    return done.returncode, done.stdout + done.stderr


def settings(profile):
    return yaml.safe_load((PROFILES / profile / "config.yaml").read_text())


@needs_plugins
@pytest.mark.parametrize("profile", NAMES)
def test_a_profile_plans_the_study(profile, tmp_path):
    code, said = call(tmp_path, profile, "--dry-run")
    assert code == 0, said
    assert "rule report:" in said
    assert said.count("rule train:") == 3


def test_all_batch_systems_agree_on_what_they_share():
    shared = (
        "rerun-incomplete",
        "retries",
        "latency-wait",
        "rerun-triggers",
        "keep-going",
        "show-failed-logs",
    )
    first, *others = [settings(name) for name in NAMES[1:]]
    for other in others:
        assert {key: other[key] for key in shared} == {key: first[key] for key in shared}


def test_nothing_is_loaded_that_nobody_asked_for(tmp_path):
    assert not (ROOT / "profiles").exists()


@pytest.mark.parametrize("profile", NAMES)
def test_a_profile_of_a_cluster_waits_for_its_file_system(profile):
    assert profile == "default" or settings(profile)["latency-wait"] == 60


@needs_plugins
@pytest.mark.parametrize("profile", ["slurm", "slurm-generic"])
def test_memory_and_time_double_up_to_what_there_is(profile, tmp_path):
    queue = tmp_path / "queue"
    code, said = call(tmp_path, profile, "--resources", "mem_mb=3000", PRETENDED_QUEUE=str(queue))
    assert code != 0
    asked = [line.split("\t") for line in queue.read_text().splitlines()]
    assert [minutes_of(words) for words in asked] == [60, 120, 240], said
    assert [memory_of(words) for words in asked] == [2000, 3000, 3000]
    assert all("--cpus-per-task=1" in words for words in asked)
    assert all("--requeue" in words for words in asked)


def test_a_shell_that_slurm_tells_to_stop_waits_for_its_job(tmp_path):
    told = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: late()); "
    late = "late = lambda: (time.sleep(1), print('kept', flush=True), sys.exit(75)); "
    asleep = "print('begun', flush=True); time.sleep(60)"
    job = f'{sys.executable} -c "{told}{late}{asleep}" && exit 0 || exit 1'
    template = (PROFILES / "slurm-generic/job.sh").read_text()
    script = tmp_path / "job.sh"
    script.write_text(template.format(properties={}, exec_job=job))
    with subprocess.Popen(
        ["/bin/sh", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as shell:
        assert shell.stdout.readline() == "begun\n"
        os.killpg(shell.pid, signal.SIGTERM)
        assert shell.wait(30) == 1
        assert shell.stdout.read() == "kept\n", "before the shell ended"


def memory_of(words):
    joined = " ".join(words).replace("--mem=", "--mem ")
    return int(joined.split("--mem ")[1].split()[0])


def minutes_of(words):
    joined = " ".join(words).replace("--time=", "-t ")
    return int(joined.split(" -t ")[1].split()[0])


@needs_plugins
@pytest.mark.parametrize(
    ("profile", "resources"),
    [
        ("slurm", ["generate:slurm_partition=gpu", "generate:gres='gpu:1'"]),
        ("slurm-generic", ["generate:slurm_extra='--partition=gpu --gres=gpu:1'"]),
    ],
)
def test_a_rule_goes_to_a_gpu(profile, resources, tmp_path):
    queue = tmp_path / "queue"
    call(
        *[tmp_path, profile, "--set-resources", *resources, "--retries", "0"],
        PRETENDED_QUEUE=str(queue),
    )
    (words,) = [line.split("\t") for line in queue.read_text().splitlines()]
    assert "--gres=gpu:1" in words
    assert "--partition=gpu" in words or words[words.index("-p") + 1] == "gpu"


@pytest.mark.parametrize(
    ("resource", "told"),
    [
        ("gpu=1", True),
        ("gres='gpu:a100:2'", True),
        ("slurm_extra='--partition=gpu --gres=gpu:1'", True),
        ("request_gpus=1", True),
        ("slurm_extra='--partition=gpu'", False),
    ],
)
def test_a_training_that_asks_for_a_gpu_is_told_to_use_it(resource, told, tmp_path):
    asked = ["--set-resources", f"train:{resource}", "--dry-run", "--printshellcmds"]
    code, said = call(tmp_path, "default", *asked)
    assert code == 0, said
    trainings = [line for line in said.splitlines() if "ftag-prune train" in line]
    assert ["--device cuda" in line for line in trainings] == [told] * 3


@pytest.mark.parametrize(
    ("said", "code", "word"),
    [
        ("COMPLETED", 0, "success"),
        ("PENDING", 0, "running"),
        ("RUNNING", 0, "running"),
        ("PREEMPTED", 0, "running"),
        ("REQUEUED", 0, "running"),
        ("NODE_FAIL", 0, "running"),
        ("FAILED", 0, "failed"),
        ("TIMEOUT", 0, "failed"),
        ("OUT_OF_MEMORY", 0, "failed"),
        ("CANCELLED", 0, "failed"),
        ("slurm_load_jobs error: Invalid job id specified", 1, "failed"),
        ("slurm_load_jobs error: Unable to contact slurm controller", 1, "running"),
    ],
)
def test_what_squeue_says_in_one_word(said, code, word, tmp_path):
    stream = "&2" if code else "&1"
    (tmp_path / "squeue").write_text(f"#!/bin/sh\necho '{said}' >{stream}\nexit {code}\n")
    (tmp_path / "squeue").chmod(0o755)
    done = subprocess.run(
        [PROFILES / "slurm-generic/status.sh", "7"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.stdout == f"{word}\n"


def test_sacct_without_accounting_says_what_squeue_knows(tmp_path):
    (tmp_path / "squeue").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "squeue").chmod(0o755)
    asked = ["-X", "--parsable2", "--format=JobIdRaw,State", "--name", "some-study"]
    done = subprocess.run(
        [PROFILES / "slurm/without_accounting/sacct", *asked],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.stdout == "--noheader --states=all --format=%i|%T --name some-study\n"


@needs_plugins
def test_what_htcondor_would_be_sent(tmp_path):
    """Rendered by the plugin, and read again by HTCondor's own library; no pool takes it here."""
    pool = tmp_path / "pool"
    pool.mkdir()
    gpu = ["--set-resources", "generate:request_gpus=1"]
    most = ["--resources", "classad_MaxRuntime=1800"]
    code, said = call(tmp_path, "htcondor", *gpu, *most, PRETENDED_POOL=str(pool))
    assert code != 0
    assert "there is no pool" in said
    text = next(iter(sorted(pool.iterdir()))).read_text()
    sent = read_by_htcondor(text)
    assert sent["executable"] == sys.executable
    assert sent["arguments"].startswith("-m snakemake")
    assert sent["request_cpus"] == "1"
    assert sent["request_memory"] == "2000"
    assert sent["request_gpus"] == "1"
    assert sent["getenv"].lower() == "true"
    assert sent["MY.MaxRuntime"] == "1800", "asked for 3600, and there are 1800"
    assert sent["log"] == ".snakemake/htcondor/snakemake-rules.log"


def read_by_htcondor(text):
    script = (
        "import htcondor2, json, sys; print(json.dumps(dict(htcondor2.Submit(sys.stdin.read()))))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        env=with_plugins(),
    )
    return yaml.safe_load(done.stdout)
