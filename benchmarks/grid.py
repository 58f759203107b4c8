"""How long Snakemake takes to plan a large grid, and how much of that is ours.

    python benchmarks/grid.py [--runs 500] [--per-job 1]

The grid has no data: only ``snakemake -n`` looks at it. Beside it stands a Snakefile with as many
jobs that do nothing, which is what Snakemake itself takes. Times are those of the processor.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from startup import spent

ROOT = Path(__file__).parents[1]
_WANTED = 15.0  # seconds for 500 runs
_BARE = """
rule all:
    input: expand("trained/{{i}}", i=range({jobs})), expand("evaluated/{{i}}", i=range({jobs}))
rule train:
    output: "trained/{{i}}"
    shell: "touch {{output}}"
rule evaluate:
    input: "trained/{{i}}"
    output: "evaluated/{{i}}"
    shell: "touch {{output}}"
"""


def study(runs: int, per_job: int) -> dict[str, object]:
    """A study of about so many runs: 5 widths, 10 fractions, and seeds."""
    seeds = max(1, runs // 50)
    return {
        "study": "grid",
        "samples": {
            "single_b": {
                "card": str(ROOT / "data/cards/embedded_single_b.yaml"),
                "generate": {"jets": 1000, "mix": {"ttbar": 1.0}},
            }
        },
        "grid": {
            "tasks": ["single_b"],
            "widths": [16, 32, 64, 128, 256],
            "targets": [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
            "seeds": list(range(1, seeds + 1)),
            "runs_per_job": per_job,
        },
    }


def planned(folder: Path, *options: str) -> tuple[float, int]:
    """Seconds of a dry run, and the jobs that it counts."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules"]
    command += ["--directory", str(folder), *options]
    begin = spent()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    taken = spent() - begin
    lines = (done.stdout + done.stderr).splitlines()
    return taken, int(next(line.split()[1] for line in lines if line.startswith("total ")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--per-job", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "grid.yaml").write_text(yaml.safe_dump(study(given.runs, given.per_job)))
        ours, jobs = planned(
            folder, "--snakefile", str(ROOT / "Snakefile"), "--configfile", f"{folder}/grid.yaml"
        )
        (folder / "Snakefile").write_text(_BARE.format(jobs=jobs // 2))
        bare, _ = planned(folder)
    print(f"snakemake -n, {given.runs} runs in {jobs} jobs   {ours:6.2f} s ({_WANTED:g} wanted)")
    print(f"the same number of empty jobs        {bare:6.2f} s")


if __name__ == "__main__":
    main()
