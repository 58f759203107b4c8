"""What a job on Slurm costs beside its trainings, with each profile.

    python benchmarks/slurm.py [--jobs 6] [--per-job 2] [--profiles slurm slurm-generic]

Starts the Slurm of three nodes of the tests (root, slurm-wlm and munge), trains a small study on
it, and says for the mean job: how long it lasted as Slurm tells it (in whole seconds), how long its
command did, and how long its trainings did. The difference of the first two is Snakemake in the
job, that of the others is the start of the command: imports, and reading jets. Everything shares
this one machine, so one job runs at a time.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests/cluster"))

from batch_system import Slurm, missing, running_slurm  # noqa: E402
from plugins import without_accounting, without_plugins  # noqa: E402

RESULTS = "results/cluster"
PROFILES = ("slurm", "slurm-generic")


class Taken(NamedTuple):
    """Seconds of a job, of its command, and of its trainings."""

    job: float
    command: float
    trainings: float


def study(jobs: int, per_job: int) -> dict[str, object]:
    """The study of the tests, with so many jobs."""
    told: dict[str, object] = yaml.safe_load((ROOT / "tests/cluster/study.yaml").read_text())
    grid = {"targets": [0], "seeds": list(range(jobs * per_job)), "runs_per_job": per_job}
    return told | {"grid": told["grid"] | grid}  # type: ignore[operator]


def call(folder: Path, targets: list[str], *options: str) -> float:
    """Seconds that Snakemake takes for some files."""
    begin = time.monotonic()
    subprocess.run(
        [
            *[sys.executable, "-m", "snakemake", *targets, "--snakefile", str(ROOT / "Snakefile")],
            *["--directory", str(folder), "--configfile", str(folder / "study.yaml"), *options],
        ],
        check=True,
        capture_output=True,
        env=without_accounting(),
    )
    return time.monotonic() - begin


def taken(slurm: Slurm, folder: Path, chunk: str) -> Taken:
    """What the job of a chunk took."""
    (job,) = slurm.training(chunk)
    begin, end = (slurm.told(job, key) for key in ("StartTime", "EndTime"))
    with (folder / RESULTS / f"logs/train/{chunk}.tsv").open() as table:
        (row,) = csv.DictReader(table, delimiter="\t")
    names = json.loads((folder / RESULTS / f"chunks/{chunk}.trained.json").read_text())
    told = [json.loads((folder / RESULTS / f"runs/{name}/run.json").read_text()) for name in names]
    lasted = time.mktime(_time(end)) - time.mktime(_time(begin))
    return Taken(lasted, float(row["s"]), sum(run["seconds"] for run in told))


def _time(text: str) -> time.struct_time:
    return time.strptime(text, "%Y-%m-%dT%H:%M:%S")


def measured(slurm: Slurm, folder: Path, profile: str, jobs: int) -> tuple[Taken, float]:
    """Means over the jobs, and how long the study lasted."""
    chunks = [f"single_b-{index:03d}" for index in range(jobs)]
    slurm.forget()
    whole = call(
        *[folder, [f"{RESULTS}/chunks/{chunk}.trained.json" for chunk in chunks]],
        *["--profile", str(ROOT / "workflow/profiles" / profile), "--resources", "runtime=60"],
        *["--jobs", "1"],
    )
    found = [taken(slurm, folder, chunk) for chunk in chunks]
    return Taken(*(sum(column) / jobs for column in zip(*found, strict=True))), whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--per-job", type=int, default=2)
    parser.add_argument("--profiles", nargs="+", default=PROFILES)
    given = parser.parse_args()
    if why := missing() or without_plugins():
        sys.exit(f"no Slurm can be started here: {why}")
    print("profile         job  Snakemake  command's start  trainings   study   (seconds a job)")
    with tempfile.TemporaryDirectory() as made:
        for profile in given.profiles:
            folder, root = Path(made) / profile, Path(made) / f"slurm-{profile}"
            folder.mkdir()
            root.mkdir()
            (folder / "study.yaml").write_text(yaml.safe_dump(study(given.jobs, given.per_job)))
            call(folder, [f"{RESULTS}/jets/single_b/train.h5"], "--cores", "all")
            with running_slurm(root) as slurm:
                mean, whole = measured(slurm, folder, profile, given.jobs)
            print(
                f"{profile:<13}{mean.job:6.1f}{mean.job - mean.command:11.1f}"
                f"{mean.command - mean.trainings:17.1f}{mean.trainings:11.1f}{whole:8.0f}"
            )


if __name__ == "__main__":
    main()
