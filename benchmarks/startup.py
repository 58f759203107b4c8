"""How long the command line takes to answer, and what it imports meanwhile.

    python benchmarks/startup.py [--times 5]

Prints the best of some calls of ``ftag-prune --help``, of an empty Python beside it, and the
modules whose import takes longest. Times are those of the processor, so that waiting for others
does not count; on an idle machine they are those of the clock.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

_WANTED = 0.5  # seconds


def best(command: list[str], *, times: int) -> float:
    """Seconds of the quickest call."""
    taken = []
    for _ in range(times):
        begin = spent()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(spent() - begin)
    return min(taken)


def spent() -> float:
    """Seconds of the processor in all calls so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def slowest(most: int) -> list[tuple[float, str]]:
    """Milliseconds of the imports that take longest, without what they import in turn."""
    command = [sys.executable, "-X", "importtime", "-m", "ftag_prune", "--help"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    rows = [line.removeprefix("import time:").split("|") for line in told.splitlines()]
    rows = [row for row in rows if len(row) == 3 and row[0].strip().isdigit()]
    return sorted(((int(own) / 1000, name.strip()) for own, _, name in rows), reverse=True)[:most]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    empty = best([sys.executable, "-c", "pass"], times=times)
    told = best([sys.executable, "-m", "ftag_prune", "--help"], times=times)
    print(f"python, nothing    {empty:6.3f} s")
    print(f"ftag-prune --help  {told:6.3f} s ({_WANTED} wanted)")
    for taken, name in slowest(5):
        print(f"    {taken:5.1f} ms  {name}")


if __name__ == "__main__":
    main()
