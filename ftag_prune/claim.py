"""One process works on a thing at a time, on any machine that sees its folder.

A claim is a small file that is created exclusively, which file systems of batch farms can do where
`fcntl` locks do nothing. Its holder writes a new number into it every few seconds. Whoever finds
the file of a process that is gone, or one that stays the same for a minute *of their own clock*,
takes it over: what a killed process leaves behind stops nobody, and no two clocks are compared.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ftag_prune.errors import StoppedError
from ftag_prune.process import Process, gone, myself
from ftag_prune.record import beside, parse_json

__all__ = ["BEAT", "CLAIM", "STALE", "Claim", "Holder", "claimed", "holder"]

CLAIM = "claim.json"  # in the folder of a run: which process trains it

BEAT = 10.0  # seconds between two signs of life
STALE = 6 * BEAT  # seconds without one after which a claim is nobody's


class Holder(NamedTuple):
    """Who holds a claim, and the last sign of life."""

    host: str
    process: Process
    job: str | None
    mark: str
    beat: int

    def __str__(self) -> str:
        job = f", job {self.job}" if self.job else ""
        return f"process {self.process.pid} on {self.host}{job}"


def holder(path: Path) -> Holder | None:
    """Holder of the claim that a file says; None if there is none, or if it is not yet written."""
    try:
        told = parse_json(path.read_text())
        process = Process(*told["process"])
        return Holder(told["host"], process, told["job"], told["mark"], int(told["beat"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


@dataclass
class Claim:
    """A claim that this process holds, as long as nobody thought it dead."""

    path: Path
    mine: Holder
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def held(self) -> bool:
        """Whether the claim is still ours."""
        found = holder(self.path)
        return found is not None and found.mark == self.mine.mark

    def check(self) -> None:
        """Stop if another process has taken over, because this one was not seen for a minute."""
        if not self.held:
            raise StoppedError(
                f"{self.path.parent.name}: stopped, for this process had not been seen for so long "
                f"that another one has taken over ({holder(self.path) or 'nobody any more'})"
            )

    def beat(self, descriptor: int, every: float) -> None:
        """Give signs of life until stopped. What is written to a file taken over is nowhere."""
        number = 0
        while not self.stopped.wait(every):
            number += 1
            with suppress(OSError):
                _write(descriptor, self.mine._replace(beat=number))


@contextmanager
def claimed(
    path: Path, *, wait: Callable[[Holder | None], None], beat: float = BEAT, stale: float = STALE
) -> Iterator[Claim]:
    """Hold the claim that a file stands for, and remove the file at the end.

    Parameters
    ----------
    wait : is called with the holder while another process has the claim, and comes back when it is
        time to look again; what it raises ends the waiting
    beat : seconds between two signs of life
    stale : seconds without one after which a claim is nobody's
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = Holder(platform.node(), myself(), _job(), secrets.token_hex(8), 0)
    descriptor = _taken(path, mine, wait, stale)
    claim = Claim(path, mine)
    alive = threading.Thread(target=claim.beat, args=(descriptor, beat), daemon=True)
    alive.start()
    try:
        yield claim
    finally:
        claim.stopped.set()
        alive.join()
        os.close(descriptor)
        if claim.held:
            path.unlink(missing_ok=True)


def _taken(path: Path, mine: Holder, wait: Callable[[Holder | None], None], stale: float) -> int:
    """Descriptor of the claim's file, as soon as it is ours."""
    seen, since = b"", time.monotonic()
    while (descriptor := _created(path)) is None:
        found, content = holder(path), _content(path)
        if content is None:
            continue  # released in this moment
        if content != seen:
            seen, since = content, time.monotonic()
        dead = found is not None and gone(found.process)
        if dead or time.monotonic() - since > stale:
            _displace(path, seen)
        else:
            wait(found)
    try:
        _write(descriptor, mine)
    except OSError as full:
        os.close(descriptor)
        path.unlink()
        raise OSError(full.errno, full.strerror, str(path)) from None
    return descriptor


def _created(path: Path) -> int | None:
    """Descriptor of a new file; None if it is there already, for the file system decides."""
    try:
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _displace(path: Path, seen: bytes) -> None:
    """Take away a file that is nobody's: of several who try, one can rename it.

    Another may have done so, and claimed, just before: then the file is not the one that was seen,
    and is given back.
    """
    if _content(path) != seen:
        return
    aside = beside(path)
    with suppress(FileNotFoundError):
        path.rename(aside)
        if aside.read_bytes() != seen:
            aside.rename(path)
        else:
            aside.unlink()


def _write(descriptor: int, mine: Holder) -> None:
    """Write the whole file anew; it always has the same length."""
    told = {
        "host": mine.host,
        "process": list(mine.process),
        "job": mine.job,
        "mark": mine.mark,
        "beat": f"{mine.beat:012d}",
    }
    os.pwrite(descriptor, (json.dumps(told) + "\n").encode(), 0)
    os.fsync(descriptor)  # else other machines do not see it


def _job() -> str | None:
    """Number of the batch job, where a batch system tells it."""
    known = ("SLURM_JOB_ID", "CONDOR_JOB_ID", "_CONDOR_JOB_ID", "LSB_JOBID", "PBS_JOBID")
    return next((os.environ[name] for name in known if os.environ.get(name)), None)
