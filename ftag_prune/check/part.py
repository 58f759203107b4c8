"""Which entries of which files are looked at: the first and the last of each, spread over all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ftag_prune.schema import Place

__all__ = ["FILES", "Part", "parts", "spread"]

FILES = 100  # that are opened at most


class Part(NamedTuple):
    """Entries of a file, `stop` not among them."""

    path: Place
    start: int
    stop: int


def spread(files: list[Place], *, most: int = FILES) -> list[Place]:
    """At most so many files, evenly spread, the first and the last among them."""
    if len(files) <= most:
        return files
    step = (len(files) - 1) / max(most - 1, 1)
    return [files[round(index * step)] for index in range(most)]


def parts(sizes: Mapping[Place, int], *, wanted: int) -> list[Part]:
    """Entries to read, about `wanted` of them; what small files lack, larger ones give.

    Parameters
    ----------
    sizes : entries of each file
    """
    quota = dict.fromkeys(sizes, 0)
    left, open_files = wanted, sorted(sizes, key=lambda path: sizes[path])
    for index, path in enumerate(open_files):
        fair = -(-left // (len(open_files) - index))
        quota[path] = min(fair, sizes[path])
        left = max(0, left - quota[path])
    return [part for path, size in sizes.items() for part in _ends(path, size, quota[path])]


def _ends(path: Place, size: int, quota: int) -> list[Part]:
    if quota >= size:
        return [Part(path, 0, size)] if size else []
    first = -(-quota // 2)
    both = [Part(path, 0, first), Part(path, size - (quota - first), size)]
    return [part for part in both if part.stop > part.start]
