"""Which process this is, and whether another one is certainly gone."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Process", "gone", "machine", "myself"]

_PROC = Path("/proc")


class Process(NamedTuple):
    """A process; `started`, in ticks since the boot (0: not known), tells later ones apart."""

    machine: str
    pid: int
    started: int = 0


@cache
def machine() -> str:
    """Name of a machine since its last boot, 8 hexadecimal digits; containers are machines."""
    parts = [platform.node()]
    try:
        parts.append((_PROC / "sys/kernel/random/boot_id").read_text())
        parts.append(str((_PROC / "self/ns/pid").readlink()))
    except OSError:  # not Linux: the name has to do
        pass
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def myself() -> Process:
    """The process that asks."""
    return Process(machine(), os.getpid(), _started(os.getpid()) or 0)


def gone(process: Process) -> bool:
    """Whether a process of this machine has ended; False for those of others, which we cannot see.

    A process that was killed and that nobody has waited for (a zombie) has ended.
    """
    if process.machine != machine():
        return False
    if (_PROC / "self/stat").exists():
        started = _started(process.pid)
        return started is None or process.started not in (0, started)
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _started(pid: int) -> int | None:
    """When a process was started, man 5 proc_pid_stat; None if there is none, or a dead one."""
    try:
        said = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = said.rpartition(")")[2].split()  # the name before may hold anything
    return None if fields[0] in "ZX" else int(fields[19])
