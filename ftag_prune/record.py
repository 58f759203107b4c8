"""Files that appear whole or not at all, and what is written beside every result."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from ftag_prune import __version__
from ftag_prune.errors import FtagPruneError

__all__ = [
    "atomic",
    "checksum",
    "digest",
    "provenance",
    "read_csv",
    "read_json",
    "write_csv",
    "write_json",
]

_PACKAGES = ("awkward", "h5py", "numpy", "torch", "uproot")


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it becomes `path` when the block ends well.

    The temporary name is unique, so that two writers never share it; it keeps the suffix of `path`,
    which some libraries look at. After an exception nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all; numbers that are not finite are refused."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with atomic(path) as temporary:
        temporary.write_text(text)


def read_json(path: Path) -> Any:
    """Read JSON; a missing or broken file is one sentence."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise FtagPruneError(f"{path}: no such file") from None
    except ValueError as broken:
        raise FtagPruneError(f"{path}: not JSON ({broken})") from None


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
