"""The file beside a result: what the result is to the bit, and what it was made from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from ftag_prune.provenance.circumstances import circumstances
from ftag_prune.record import checksum, provenance, read_mapping, write_json
from ftag_prune.spec import Spec, validated

__all__ = ["NAME", "Known", "Told", "beside", "read_beside", "recorded", "seen"]

NAME = "provenance.json"
_HUGE = 2_000_000_000  # bytes; a larger file is known by its size and time


class Known(Spec):
    """A file as it was: its path as seen from the folder, and what tells it from others."""

    path: str
    size: int | None = None
    sha256: str | None = None
    modified: int | None = Field(None, description="ns since 1970, of a file too large to read")


class Told(Spec):
    """What stands beside a result."""

    layout: int = Field(1, ge=1, le=1)
    files: tuple[Known, ...]
    made_from: tuple[Known, ...]
    spec: dict[str, Any] | None = None
    seeds: tuple[int, ...] = ()
    provenance: dict[str, Any]
    circumstances: dict[str, Any]


def read_beside(path: Path) -> Told:
    """Content of a file beside a result; it may come from anybody."""
    return validated(Told, read_mapping(path), where=str(path))


@contextmanager
def recorded(
    result: Path,
    inputs: Iterable[Path | str] = (),
    *,
    spec: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (),
) -> Iterator[None]:
    """Write where a result comes from beside it, once the block that makes it ended well.

    Parameters
    ----------
    result : file, or folder of files
    inputs : what it is made from; files that are not there are left out, URLs are named
    spec : what was asked for, as JSON content
    """
    known = [(one, _mark(one)) for one in inputs if isinstance(one, str) or one.is_file()]
    yield
    place = beside(result)
    told = Told(
        files=tuple(seen(path, place.parent) for path in _files(result)),
        made_from=tuple(Known(path=_seen_from(place.parent, one), **mark) for one, mark in known),
        spec=None if spec is None else dict(spec),
        seeds=tuple(seeds),
        provenance=provenance(),
        circumstances=circumstances(),
    )
    content = told.model_dump(mode="json")
    for name in ("files", "made_from"):
        content[name] = [one.model_dump(exclude_none=True) for one in getattr(told, name)]
    write_json(place, content)


def beside(result: Path) -> Path:
    """Where the provenance of a file or folder is written."""
    if result.is_dir() or not result.suffix:
        return result / NAME
    return result.with_name(f"{result.stem}.{NAME}")


def _files(result: Path) -> list[Path]:
    """The file, or those in the folder."""
    if not result.is_dir():
        return [result]
    found = (path for path in sorted(result.rglob("*")) if path.is_file())
    return [path for path in found if not path.name.startswith(".") and path.name != NAME]


def seen(path: Path, place: Path) -> Known:
    """A file as it is now, as seen from a folder."""
    return Known(path=_seen_from(place, path), **_mark(path))


def _seen_from(place: Path, path: Path | str) -> str:
    """Relative, so that a folder of results may be moved as a whole."""
    return path if isinstance(path, str) else os.path.relpath(path.resolve(), place.resolve())


def _mark(path: Path | str) -> dict[str, Any]:
    """What tells a file from others; of one on a server its place has to do."""
    if isinstance(path, str):
        return {}
    state = path.stat()
    if state.st_size > _HUGE:
        return {"size": state.st_size, "modified": state.st_mtime_ns}
    return {"size": state.st_size, "sha256": checksum(path)}
