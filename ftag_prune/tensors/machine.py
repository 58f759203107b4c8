"""How much memory this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["allowed_memory"]


def allowed_memory(
    *, groups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")
) -> int:
    """Bytes of the machine, or of the control groups (of a batch job, a container) if fewer.

    Parameters
    ----------
    groups : names the control groups of this process, man 7 cgroups; may be absent
    mounted : folder of their limits
    """
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *_limits(groups, mounted)])


def _limits(groups: Path, mounted: Path) -> Iterator[int]:
    """Limits of this process's groups and of all that they lie in."""
    try:
        lines = groups.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, name = line.split(":", 2)
        if kinds == "":  # version 2
            yield from _upwards(mounted, name, "memory.max")
        elif "memory" in kinds.split(","):
            yield from _upwards(mounted / "memory", name, "memory.limit_in_bytes")


def _upwards(top: Path, name: str, file: str) -> Iterator[int]:
    # In a container the name may be that of the host, and only the top is there.
    inner = top / name.lstrip("/")
    for folder in (inner, *inner.parents):
        if not folder.is_relative_to(top):
            return
        try:
            found = (folder / file).read_text().strip()
        except OSError:
            continue
        if found != "max":
            yield int(found)
