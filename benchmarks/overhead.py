"""What trainings cost beside themselves: Snakemake, and the start of our processes.

    python benchmarks/overhead.py [--runs 12] [--per-job 6] [--cores 2] [--epochs 120]

The jets are made before. Then Snakemake trains so many dense networks of width 256, which should
take about 30 seconds each (``seconds`` in ``run.json``; choose the epochs so). What is left of the
cores' time by the clock is overhead: planning, imports, loading, writing, waiting. On a busy
machine the clock tells of others too. So the jobs are sent once more, with all trainings done: what
the processor then does is no training, but lacks the loading of jets and the first step.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from startup import spent

ROOT = Path(__file__).parents[1]
_WANTED = 0.05  # of the time of the cores


def study(given: argparse.Namespace) -> dict[str, object]:
    """Dense networks that differ in their seed alone."""
    return {
        "study": "overhead",
        "samples": {
            "single_b": {
                "card": str(ROOT / "data/cards/embedded_single_b.yaml"),
                "generate": {"jets": 20_000, "mix": {"ttbar": 1.0}},
            }
        },
        "grid": {
            "tasks": ["single_b"],
            "widths": [256],
            "targets": [0],
            "seeds": list(range(1, given.runs + 1)),
            "runs_per_job": given.per_job,
        },
        "training": {"epochs": {"dense": given.epochs, "gated": 1, "tuned": 1}},
    }


def snakemake(folder: Path, cores: int, *targets: str) -> None:
    """Make some files of the study."""
    command = [sys.executable, "-m", "snakemake", *targets, "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "study.yaml")]
    subprocess.run(
        [*command, "--cores", str(cores), "--quiet", "rules"], check=True, stderr=subprocess.DEVNULL
    )


def timed(folder: Path, cores: int, *targets: str) -> tuple[float, float]:
    """Seconds of the clock and of the processor that some files take."""
    begun, used = time.perf_counter(), spent()
    snakemake(folder, cores, *targets)
    return time.perf_counter() - begun, spent() - used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--per-job", type=int, default=6)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=120)
    given = parser.parse_args()
    jobs = -(-given.runs // given.per_job)
    with tempfile.TemporaryDirectory() as made:
        folder, results = Path(made), "results/overhead"
        (folder / "study.yaml").write_text(yaml.safe_dump(study(given)))
        jets = [f"{results}/jets/single_b/{split}.h5" for split in ("train", "val", "test")]
        snakemake(folder, given.cores, *jets)
        chunks = [f"{results}/chunks/single_b-{number:03d}.trained.json" for number in range(jobs)]
        clock, used = timed(folder, given.cores, *chunks)
        for chunk in chunks:
            (folder / chunk).unlink()
        _, bare = timed(folder, given.cores, *chunks)
        runs = folder.glob(f"{results}/runs/*/run.json")
        told = [json.loads(path.read_text())["seconds"] for path in runs]
    trained = sum(told)
    print(
        f"{len(told)} trainings of {trained / len(told):.1f} s in {jobs} jobs, {given.cores} cores"
    )
    print(f"clock      {clock:7.1f} s  {1 - trained / (given.cores * clock):6.1%} overhead")
    print(f"processor  {used:7.1f} s  {bare / used:6.1%} of it without training")
    print(f"wanted: {_WANTED:.0%}")


if __name__ == "__main__":
    main()
