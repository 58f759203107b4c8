"""What runs again when a study is called again: only what is asked something else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ftag_prune.config import Chunk, load_study
from ftag_prune.record import read_json
from ftag_prune.spec import validated

ROOT = Path(__file__).parents[2]
PRETENDED = Path(__file__).with_name("pretended")
CONFIG = Path(__file__).with_name("study.yaml")
ON_A_CLUSTER = ("--rerun-triggers", "mtime", "input")


class Study:
    """A study whose commands make empty files."""

    def __init__(self, folder, *, house=ROOT):
        self.folder, self.config, self.house = folder, folder / "study.yaml", house
        self.config.write_text(CONFIG.read_text())

    def change(self, old, new):
        text = self.config.read_text()
        assert old in text
        self.config.write_text(text.replace(old, new))

    def call(self, *options, **environment):
        """The rules that ran, or would run, by name; plans and the target aside."""
        path = f"{PRETENDED}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [
                *[sys.executable, "-m", "snakemake", "--snakefile", str(self.house / "Snakefile")],
                *["--directory", str(self.folder), "--configfile", str(self.config)],
                *["--cores", "2", *options],
            ],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PATH": path} | environment,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        found = [line.split()[1].rstrip(":") for line in said.splitlines() if "rule " in line[:10]]
        return sorted(name for name in found if name not in ("plan", "all"))

    def stamps(self):
        return {
            path.name: path.stat().st_mtime_ns
            for path in (self.folder / "results/cluster/specs").iterdir()
        }


@pytest.fixture
def study(tmp_path):
    study = Study(tmp_path)
    assert study.call().count("train") == 3
    return study


def test_what_is_asked_unchanged_keeps_its_file_and_time(study):
    before = study.stamps()
    assert study.call(*ON_A_CLUSTER) == []
    study.change("pressure: {kind: ladder, every: 1}", "pressure: {kind: ladder, every: 2}")
    after_change = ["evaluate", "figures", "report", "study", "summary", "train"]
    assert study.call(*ON_A_CLUSTER) == after_change
    after = study.stamps()
    assert before.items() < after.items()
    assert {name.rpartition("-")[0] for name in after.keys() - before} == {"study", "single_b-002"}

    # And back again: the old words are other words than those of the last call.
    study.change("pressure: {kind: ladder, every: 2}", "pressure: {kind: ladder, every: 1}")
    assert study.call(*ON_A_CLUSTER) == after_change
    assert study.stamps() == after


@pytest.mark.parametrize(
    ("old", "new", "first"),
    [
        ("jets: 1200", "jets: 1200\n      seed: 2", "generate"),
        ("    generate:", "    balance: {kind: none}\n    generate:", "prepare"),
        ("figures: {", "figures: {label: ours, ", "sample"),
    ],
)
def test_whatever_the_study_says_reaches_the_rule_it_is_for(study, old, new, first):
    study.change(old, new)
    order = ["generate", "prepare", "train"]
    wanted = {*order[order.index(first) :], "sample"} if first in order else {"sample"}
    planned = set(study.call("-n", *ON_A_CLUSTER))
    assert planned & {*order, "sample"} == wanted


def test_a_dry_run_writes_nothing(study):
    before = study.stamps()
    study.change("seeds: [1, 2]", "seeds: [1, 2, 3]")
    assert "train" in study.call("-n")
    assert study.stamps() == before


def test_a_new_version_repeats_nothing_on_a_cluster_and_everything_else(study):
    newer = {"PYTHONPATH": f"{PRETENDED}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    newer |= {"PRETENDED_VERSION": "99.0"}
    assert study.call("-n", *ON_A_CLUSTER, **newer) == []
    assert "train" in study.call("-n", "--rerun-triggers", "mtime", "input", "params", **newer)
    assert "train" in study.call("-n", **newer)


def test_a_job_of_very_many_runs_has_its_spec(tmp_path):
    study = Study(tmp_path)
    study.change("seeds: [1, 2]", f"seeds: {list(range(60))}")
    study.change("runs_per_job: 2", "runs_per_job: 500")
    assert study.call().count("train") == 1
    (path,) = (tmp_path / "results/cluster/specs").glob("single_b-000-*.json")
    assert path.stat().st_size > 128 * 1024, "more than one argument of a command may have"
    (chunk,) = load_study(study.config).chunks()
    assert validated(Chunk, read_json(path), where=str(path)) == chunk


def test_a_spec_is_what_is_asked_whatever_it_holds(tmp_path):
    study = Study(tmp_path)
    study.change("figures: {", "figures: {label: '{{ x }} {% y %} {# z #} $HOME \\n \" & <é>', ")
    study.call()
    (path,) = (tmp_path / "results/cluster/specs").glob("study-*.json")
    wanted = load_study(study.config)
    assert "{% y %}" in wanted.figures.label
    assert validated(type(wanted), read_json(path), where=str(path)) == wanted


def test_a_newer_checkout_elsewhere_repeats_nothing(tmp_path):
    """As after an update of it, or when a folder with the checkout and the study moves."""
    old, new = tmp_path / "old", tmp_path / "new"
    for name in ("workflow", "data/cards"):
        shutil.copytree(ROOT / name, old / "house" / name)
    shutil.copy(ROOT / "Snakefile", old / "house")
    (old / "study").mkdir()
    assert Study(old / "study", house=old / "house").call().count("train") == 3
    old.rename(new)
    with (new / "house/workflow/templates/spec.json").open("a") as template:
        template.write("{# a comment #}")
    assert Study(new / "study", house=new / "house").call("-n", *ON_A_CLUSTER) == []


@pytest.mark.parametrize(("given", "seen"), [({}, "FALSE"), ({"HDF5_USE_FILE_LOCKING": "1"}, "1")])
def test_hdf5_locks_nothing_in_a_job(tmp_path, given, seen, monkeypatch):
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    study = Study(tmp_path)
    target = "results/cluster/generated/single_b/ttbar-0.root"
    study.call(target, PRETENDED_LOCKING=str(tmp_path / "seen"), **given)
    assert (tmp_path / "seen").read_text() == f"{seen}\n"
