"""Files that appear whole or not at all, and what is written beside every result."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ftag_prune import __version__
from ftag_prune.errors import FtagPruneError
from ftag_prune.process import Process, gone, machine

__all__ = [
    "atomic",
    "atomic_folder",
    "beside",
    "checksum",
    "digest",
    "move",
    "parse_json",
    "provenance",
    "read_csv",
    "read_json",
    "read_mapping",
    "sweep",
    "temporaries",
    "write_csv",
    "write_json",
]

# Seconds after which the temporary file of a writer that we cannot see is nobody's.
_OLD = 24 * 3600.0

# Mappings and lists of a JSON text inside one another; ours have a few.
_DEEPEST = 50

_PACKAGES = ("awkward", "h5py", "numpy", "torch", "uproot")


@contextmanager
def atomic(path: Path, *, size: int = 0) -> Iterator[Path]:
    """Give a temporary path beside `path`; it becomes `path` when the block ends well.

    File and folder are on the disk before and after that. The temporary name is unique, so that two
    writers never share it; it keeps the suffix of `path`, which some libraries look at. After an
    exception nothing is left behind, and what writers have left in the folder that were killed is
    removed before.

    Parameters
    ----------
    size : bytes that will be written at least; a disk with fewer is refused beforehand, for HDF5
        ends the process when it is full

    Raises
    ------
    FtagPruneError
        If there is no space, or the folder cannot be written to.
    """
    temporary = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _has_room(path, size)
        _swept(path.parent)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        move(temporary, path)
    except OSError as wrong:
        raise _named(wrong, path, temporary) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give the place of a folder to make beside `path`, which is not there or empty; as `atomic`.

    The folder becomes `path` when the block ends well. After an exception nothing is left of it.

    Raises
    ------
    FtagPruneError
        If there is no space, or the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as made:
            whole = Path(made) / path.name
            yield whole
            whole.rename(path)
    except OSError as wrong:
        raise _named(wrong, path, path) from None


def move(source: Path, target: Path) -> None:
    """Rename a file within its folder, and have the folder on the disk."""
    source.replace(target)
    # Not every file system can do that with a folder (EOS, AFS), and such have their own ways.
    with suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def beside(path: Path) -> Path:
    """A temporary name beside a path, which nobody else has and which says who has it."""
    mark = f"{machine()}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.stem}.{mark}{path.suffix}")


_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}(\.\w+)?")


def temporaries(folder: Path) -> Iterator[tuple[Path, Process]]:
    """Files that somebody writes, or has not finished, and who."""
    for path in folder.iterdir() if folder.is_dir() else ():
        found = _TEMPORARY.fullmatch(path.name)
        if found:
            yield path, Process(found[1], int(found[2]))


def sweep(folder: Path) -> None:
    """Remove the temporary files of writers that are gone.

    Those of another machine are, when their file has not changed for a day.
    """
    for path, writer in temporaries(folder):
        with suppress(OSError):
            if gone(writer) or time.time() - path.stat().st_mtime > _OLD:
                path.unlink()


# Once for a process and folder: a listing is dear on some file systems.
_swept = cache(sweep)


def _has_room(path: Path, size: int) -> None:
    if size and shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _named(wrong: OSError, path: Path, temporary: Path) -> Exception:
    """The error with the name of the file that could not be written, if it is about that."""
    mine = wrong.filename is None or Path(wrong.filename) in (temporary, *path.parents)
    if wrong.errno in (errno.ENOSPC, errno.EDQUOT):
        return FtagPruneError(
            f"{path}: not written, {os.strerror(wrong.errno).lower()}; what stood there before "
            "still does, and the same command goes on once there is space"
        )
    if mine and wrong.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        reason = os.strerror(wrong.errno).lower()
        return FtagPruneError(f"{path}: not written, its folder cannot be written to ({reason})")
    return wrong


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all; numbers that are not finite are refused."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text)


def read_json(path: Path) -> Any:
    """Read JSON; a missing or broken file is one sentence, also if it comes from anybody."""
    try:
        return parse_json(path.read_text())
    except FileNotFoundError:
        raise FtagPruneError(f"{path}: no such file") from None
    except ValueError as broken:
        raise FtagPruneError(f"{path}: not JSON ({broken})") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Read JSON that holds a mapping; anything else is one sentence."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise FtagPruneError(f"{path}: wanted a mapping, found {type(found).__name__}")
    return found


def parse_json(text: str | bytes) -> Any:
    """Content of a JSON text of anybody; ValueError if it is none, or nested too deep to handle."""
    try:
        content = json.loads(text)
    except RecursionError:
        content, deep = None, True
    else:
        deep = _depth(content) > _DEEPEST
    if deep:
        raise ValueError(f"nested more than {_DEEPEST} times")
    return content


def _depth(content: Any) -> int:
    """How many mappings and lists stand inside one another."""
    depth, inside = 0, [content]
    while inside := [one for one in inside if isinstance(one, dict | list)]:
        depth += 1
        inside = [part for one in inside for part in (one.values() if type(one) is dict else one)]
    return depth


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows that share their keys as CSV, whole or not at all."""
    with atomic(path) as temporary, temporary.open("w", newline="") as stream:
        if rows:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV, as text; a missing file is one sentence."""
    try:
        with path.open(newline="") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        raise FtagPruneError(f"{path}: no such file") from None


def checksum(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(content: Any) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal: equal values, equal digests."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def provenance() -> dict[str, Any]:
    """Versions that a result depends on, and where it was made."""
    versions = {"ftag_prune": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {"versions": versions, "machine": platform.machine(), "system": sys.platform}
