"""How much memory the commands of a study need at most, beside what their rules ask for.

    python benchmarks/memory.py [--configfile workflow/config/tiny.yaml] [--folder FOLDER]
                                [--cores 2] [-- SNAKEMAKE OPTIONS]

The study runs in a temporary folder, or in FOLDER, where finished parts of it are not run again.
Every ``ftag-prune`` of it is called through this file, which looks at the command and all its
children ten times a second and asks the system for the largest of them at the end. Shared pages
count for each process, as they do for Slurm without cgroups. In a job of a cluster Snakemake comes
on top, whose memory is that of a dry run.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).parents[1]
_REAL, _PEAKS = "FTAG_PRUNE_REAL", "FTAG_PRUNE_PEAKS"
_EVERY = 0.1  # seconds


class Peak(NamedTuple):
    """Memory (MB) of one command at most."""

    verb: str
    memory: float


def watched(command: list[str]) -> tuple[int, float]:
    """Exit code of a command, and the memory (MB) of it and its children at most."""
    with subprocess.Popen(command) as process:
        seen, whole = 0, psutil.Process(process.pid)
        while process.poll() is None:
            seen = max(seen, _now(whole))
            time.sleep(_EVERY)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return process.returncode, max(seen, largest) / 1e6


def _now(process: psutil.Process) -> int:
    try:
        every = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(map(_one, every))


def _one(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def instead() -> None:
    """What is called as ``ftag-prune``: the real one, whose memory is noted."""
    code, memory = watched([os.environ[_REAL], *sys.argv[1:]])
    with Path(os.environ[_PEAKS]).open("a") as file:  # lines are short: written at once
        file.write(json.dumps([sys.argv[1], memory]) + "\n")
    sys.exit(code if code >= 0 else 128 - code)


def snakemake(given: argparse.Namespace, folder: Path) -> list[str]:
    """The study as a user calls it."""
    return [
        *[sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")],
        *["--directory", str(folder), "--configfile", str(given.configfile.resolve())],
        *["--cores", str(given.cores), "--rerun-triggers", "mtime", "input"],
    ]


def asked(command: list[str], env: dict[str, str]) -> tuple[dict[str, int], float]:
    """Memory (MB) that each rule asks for at first, and what Snakemake took to say so."""
    words = [*command, "-n", "--forceall"]
    told = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    text = told.stdout + told.stderr
    found, rule = {}, ""
    for line in text.splitlines():
        if match := re.match(r"(?:local)?(?:rule|checkpoint) (\w+):", line):
            rule = match[1]
        if match := re.search(r"\bmem_mb=(\d+)", line):
            found[rule] = int(match[1])
    if told.returncode or not found:
        raise SystemExit(text)
    return found, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


def measured(command: list[str], folder: Path, env: dict[str, str]) -> Iterator[Peak]:
    """Peaks of all commands of a study that runs now."""
    here, peaks = folder / ".measured", folder / ".measured/peaks"
    here.mkdir()
    stand_in = here / "ftag-prune"
    stand_in.write_text(f"#!{sys.executable}\n" + Path(__file__).read_text())
    stand_in.chmod(stand_in.stat().st_mode | stat.S_IXUSR)
    real = shutil.which("ftag-prune") or str(Path(sys.executable).with_name("ftag-prune"))
    try:
        env = {**env, "PATH": f"{here}:{env['PATH']}", _REAL: real, _PEAKS: str(peaks)}
        subprocess.run([*command, "--quiet", "all"], check=True, env=env)
        for line in peaks.read_text().splitlines() if peaks.exists() else ():
            yield Peak(*json.loads(line))
    finally:
        shutil.rmtree(here)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--configfile", type=Path, default=ROOT / "workflow/config/tiny.yaml", help="of the study"
    )
    parser.add_argument("--folder", type=Path, default=None, help="to run it in")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("options", nargs="*", help="of Snakemake")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = (given.folder or Path(made)).resolve()
        command, env = snakemake(given, folder), dict(os.environ)
        wanted, own = asked(command, env)
        peaks: dict[str, list[float]] = {}
        for verb, memory in measured([*command, *given.options], folder, env):
            peaks.setdefault(verb, []).append(memory)
    print(f"Snakemake itself, a dry run: {own:.0f} MB")
    print("rule       commands  largest / MB  with Snakemake  asked  share")
    for rule, found in peaks.items():
        whole = max(found) + own
        print(
            f"{rule:9s}  {len(found):8d}  {max(found):12.0f}  {whole:14.0f}"
            f"  {wanted[rule]:5d}  {whole / wanted[rule]:5.0%}"
        )


if __name__ == "__main__":
    if _REAL in os.environ:
        instead()
    else:
        main()
