"""What has become of the runs of a study: a table of the grid, and why something failed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from ftag_prune.claim import CLAIM, STALE, holder
from ftag_prune.config import Chunk, Figures, Run, Study
from ftag_prune.errors import FtagPruneError
from ftag_prune.process import gone
from ftag_prune.record import read_mapping

__all__ = [
    "Found",
    "Present",
    "State",
    "complete",
    "lines",
    "missing",
    "present",
    "status",
    "unscored",
]

State = Literal["done", "trained", "running", "failed", "missing"]

# How old the last sign of life of a process on another machine may be, whose clock may be wrong.
_PATIENCE = 3 * STALE


# Missing runs that a sentence names.
_NAMED = 5


class Found(NamedTuple):
    """A run, and what has become of it.

    Attributes
    ----------
    state : done is trained and scored; failed also a training that ended without a word
    why : last line of the log of one that failed, or what the log says of the run itself
    """

    run: Run
    state: State
    why: str = ""


def status(study: Study, folder: Path) -> list[Found]:
    """What has become of each run; results are in `folder`/runs, logs in `folder`/logs."""
    return [_found(run, chunk, folder) for chunk in study.chunks() for run in chunk.runs]


def complete(found: Iterable[Found]) -> bool:
    """Whether every run is done."""
    return all(one.state == "done" for one in found)


def missing(runs: Iterable[Run], folder: Path) -> list[Run]:
    """Runs that have no metrics in their folder yet, of their own spec."""
    return [run for run in runs if _reached(run, folder / run.name) != "done"]


def unscored(runs: Iterable[Run], folder: Path) -> list[Run]:
    """Runs that are trained, and have no metrics yet."""
    return [run for run in runs if _reached(run, folder / run.name) == "trained"]


class Present(NamedTuple):
    """Runs of one task: those that are done, and those that are missing."""

    done: tuple[Run, ...]
    missing: tuple[Run, ...] = ()

    @property
    def share(self) -> str:
        """How many are done, in a few words."""
        return f"{len(self.done)} of {len(self.done) + len(self.missing)} runs"

    @property
    def sentence(self) -> str:
        """What is missing; empty if nothing is."""
        if not self.missing:
            return ""
        every, names = len(self.done) + len(self.missing), [run.name for run in self.missing]
        if not self.done:
            return f"None of the {every} runs is there yet."
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return (
            f"{len(names)} of {every} runs are missing: {', '.join(names[:_NAMED])}{more}; what is "
            "shown is made of the others."
        )

    def marked(self, figures: Figures) -> Figures:
        """The same look, with a line that says so where runs are missing."""
        if not self.missing:
            return figures
        return figures.model_copy(update={"lines": (*figures.lines, self.share)})


def present(runs: Sequence[Run], folder: Path) -> Present:
    """Which runs of a task are done, and which are missing, in the folder of their folders."""
    absent = {run.name for run in missing(runs, folder)}
    return Present(
        tuple(run for run in runs if run.name not in absent),
        tuple(run for run in runs if run.name in absent),
    )


def _found(run: Run, chunk: Chunk, folder: Path) -> Found:
    mine = folder / "runs" / run.name
    reached = _reached(run, mine)
    if reached == "done":
        return Found(run, "done")
    if _is_running(mine) or _is_running(mine.with_name(run.trunk)):
        return Found(run, "running")
    if reached == "trained":
        return Found(run, "trained")
    why = _why(run, mine, _said(folder / "logs/train" / f"{chunk.name}.log"))
    return Found(run, "missing") if why is None else Found(run, "failed", why)


def _why(run: Run, mine: Path, said: list[str]) -> str | None:
    """Why a run failed; None if it has not begun.

    The log of its job says so of the run itself, or ends with what befell the whole job. Of a
    process that was killed, the last line is what there is.
    """
    wrong = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
    own = [line for line in wrong if line.startswith(f"{run.name}: ")]
    last = said[-1] if said else "ended without a word"
    if own:
        return own[-1]
    stopped = "called again it goes on" in last
    if _left(mine) or (last.startswith("ftag-prune: ") and not wrong and not stopped):
        return last
    return None


def _reached(run: Run, mine: Path) -> Literal["done", "trained", "missing"]:
    """How far the results of this very spec are; metrics of an earlier training count for none."""
    trained = _content(mine / "run.json")
    if trained is None or _content(mine / "spec.json") != run.model_dump(mode="json"):
        return "missing"
    measured = _content(mine / "metrics.json")
    same = measured is not None and measured.get("model") == trained.get("model")
    return "done" if same else "trained"


def _content(path: Path) -> dict[str, Any] | None:
    """What a file of a run says; None if there is none."""
    try:
        return read_mapping(path)
    except (FtagPruneError, OSError):
        return None


def _is_running(mine: Path) -> bool:
    """Whether a process trains it that is there, or was there a short while ago."""
    claim = mine / CLAIM
    found = holder(claim)
    try:
        seen = time.time() - claim.stat().st_mtime
    except OSError:
        return False
    return found is not None and not gone(found.process) and seen < _PATIENCE


def _left(mine: Path) -> bool:
    """Whether a training began here and did not come to its end."""
    return any((mine / name).exists() for name in (CLAIM, "checkpoint.pt"))


def _said(log: Path) -> list[str]:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return []
    return [line for line in lines if line.strip()]


def lines(found: Iterable[Found]) -> list[str]:
    """Table of the grid, a line a point, seeds together; then what is said of the failed runs."""
    known = list(found)
    rows = [("task", "network", "strategy", "asked", *get_args(State))]
    for point, group in groupby(sorted(known, key=_point), key=_point):
        states = [one.state for one in group]
        counts = (str(states.count(state) or "-") for state in get_args(State))
        rows.append((*point[:3], point[4], *counts))
    whole = [str([one.state for one in known].count(state)) for state in get_args(State)]
    rows.append(("all", "", "", "", *whole))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return [*table, *_reasons(known)]


def _point(one: Found) -> tuple[str, str, str, float, str]:
    run = one.run
    asked = "dense" if run.dense else f"{100 * run.target:.3g} %"
    return (run.task, run.label, run.strategy, run.target, asked)


def _reasons(found: list[Found]) -> list[str]:
    return [
        one.why if one.why.startswith(one.run.name) else f"{one.run.name}: {one.why}"
        for one in found
        if one.state == "failed"
    ]
