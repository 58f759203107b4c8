"""Where, when and by which code a result was made: what differs although the result is the same.

It stands in ``run.json`` and in ``*provenance.json`` alone, never in a file that is the same to the
bit when it is made again.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["circumstances", "git_state"]

_BEGAN = datetime.now(UTC)  # of the process, nearly: each verb imports this first
_PATIENCE = 10  # seconds: a file system may be far away


def circumstances() -> dict[str, Any]:
    """Host, command, state of the code, and when the process began and the result was ready."""
    return {
        "host": platform.node(),
        "command": sys.argv,
        "git": git_state(Path(__file__).parent),
        "began": _BEGAN.isoformat(timespec="seconds"),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@cache
def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit, and whether files differ from it; None outside of a repository.

    A folder that lies in somebody's repository without belonging to it, as installed packages do,
    is outside.
    """
    if _git(folder, "ls-files", "--", ".") in (None, ""):
        return None
    commit, changed = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain")
    return None if not commit else {"commit": commit, "dirty": bool(changed)}


def _git(folder: Path, *asked: str) -> str | None:
    """What git answers; None if there is none, or it refuses."""
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - no part of it comes from a user
            [git, "-C", str(folder), *asked],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
