"""Columns of a Parquet file, as JetClass-II has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import awkward as ak
import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.read.chunk import Chunk, entries_per_step, require
from ftag_prune.read.server import openable
from ftag_prune.read.tables import chunk_of, needed
from ftag_prune.schema import Branches, Card, Place

__all__ = ["chunks", "entries"]


def entries(path: Place, card: Card) -> int:
    """Rows of the file; SampleError if there are none."""
    with _opened(path, card) as file:
        size = int(file.metadata.num_rows)
    if size == 0:
        raise SampleError(f"{path}: holds no jets")
    return size


def chunks(
    path: Place, card: Card, branches: Branches, *, step: int | str, start: int, stop: int | None
) -> Iterator[Chunk]:
    """Wanted columns of some rows, piece by piece; SampleError if the file lacks them."""
    with _opened(path, card) as file:
        wanted = needed(card, branches)
        require(wanted, file.schema_arrow.names, where=str(path))
        rows = int(file.metadata.num_rows)
        if rows == 0:
            raise SampleError(f"{path}: holds no jets")
        stop = rows if stop is None else min(stop, rows)
        size = entries_per_step(step, _memory(file))
        for group, first in _groups(file):
            length = file.metadata.row_group(group).num_rows
            begin, end = max(start - first, 0), min(stop - first, length)
            if begin >= end:
                continue
            table = file.read_row_group(group, columns=wanted)
            # Before it is sliced: awkward forgets where the flags of missing values then begin.
            whole = {name: _array(table[name]) for name in wanted}
            for at in range(begin, end, size):
                number = min(size, end - at)
                piece = {name: array[at : at + number] for name, array in whole.items()}
                yield chunk_of(piece, card, branches, size=number, where=str(path))


@contextmanager
def _opened(path: Place, card: Card) -> Iterator[Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise SampleError(f"{path}: Parquet needs ftag_prune[parquet] (pyarrow)") from None

    try:
        with openable(path, endpoint=card.endpoint) as place, pq.ParquetFile(place) as file:
            yield file
    except FileNotFoundError:
        raise SampleError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as bad:
        reason = " ".join(str(bad).split())[:100] or type(bad).__name__
        raise SampleError(f"{path}: cannot be read as Parquet ({reason})") from None


def _groups(file: Any) -> Iterator[tuple[int, int]]:
    """Row groups and their first rows."""
    first = 0
    for group in range(file.metadata.num_row_groups):
        yield group, first
        first += file.metadata.row_group(group).num_rows


def _memory(file: Any) -> float:
    groups = range(file.metadata.num_row_groups)
    total = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    return float(total) / max(int(file.metadata.num_rows), 1)


def _array(column: Any) -> Any:
    """Numbers, or lists of them; a missing number becomes NaN, a missing list an empty one."""
    return ak.from_regular(ak.transform(_filled, ak.from_arrow(column)), axis=None)


def _filled(layout: Any, **_: Any) -> Any:
    """Column that may miss values, without that; only where some do, integers become fractions."""
    if not layout.is_option:
        return None  # awkward looks at what is inside
    if ak.any(ak.is_none(layout, axis=0)):
        # Single precision: a column in double precision stays what it is, too.
        instead: Any = [] if layout.content.is_list else np.float32("nan")
        known = ak.fill_none(layout, instead, axis=0, highlevel=False)
    else:
        known = layout.project()
    return ak.transform(_filled, known, highlevel=False)
