"""Branches of a ROOT TTree."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import Any

from ftag_prune.errors import SampleError, nearest
from ftag_prune.expression import Array, Ragged, Rows
from ftag_prune.read.chunk import Chunk, entries_per_step, plain, require
from ftag_prune.schema import Branches, Card

__all__ = ["chunks"]


def chunks(path: Path, card: Card, branches: Branches, *, step: int | str) -> Iterator[Chunk]:
    """Wanted branches of one file, piece by piece; SampleError if it does not hold them."""
    import uproot  # not above: it takes a second, and HDF5 does without

    where = f"{path}, tree '{card.tree}'"
    prefix = card.constituents.prefix if card.constituents else ""
    tracks = {prefix + name: name for name in branches.tracks}
    with _readable(path), uproot.open(path) as file:
        _complete(path, file)
        tree = _tree(path, card, file)
        known = {branch.name: branch for branch in tree.itervalues(recursive=True)}
        require([*branches.jets, *tracks], known, where=where)
        if tree.num_entries == 0:
            raise SampleError(f"{where}: holds no jets")
        wanted = {*branches.jets, *tracks}
        memory = sum(known[name].uncompressed_bytes for name in wanted) / tree.num_entries
        pieces = tree.iterate(
            filter_branch=lambda branch: branch.name in wanted,
            step_size=entries_per_step(step, memory),
            how=dict,
        )
        for piece in pieces:
            yield _chunk(piece, branches.jets, tracks, where)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """One sentence for the many ways in which uproot stumbles over a broken file."""
    from cramjam import DecompressionError
    from uproot.deserialization import DeserializationError

    broken = (DecompressionError, DeserializationError, struct.error, zlib.error, LZMAError)
    try:
        yield
    except FileNotFoundError:
        raise SampleError(f"{path}: no such file") from None
    except (
        OSError,
        ValueError,
        LookupError,
        RuntimeError,
        TypeError,
        AssertionError,
        *broken,
    ) as bad:
        reason = " ".join(str(bad).split())[:100] or type(bad).__name__
        raise SampleError(f"{path}: cannot be read as ROOT ({reason})") from None


def _complete(path: Path, file: Any) -> None:
    """A copy that broke off may open all the same: its header knows how long it should be."""
    wanted, found = file.file.fEND, path.stat().st_size
    if found < wanted:
        raise SampleError(f"{path}: is cut short, {found} of {wanted} bytes")


def _tree(path: Path, card: Card, file: Any) -> Any:
    kinds = file.classnames(cycle=False)
    trees = [name for name, kind in kinds.items() if kind == "TTree"]
    name = str(card.tree)
    if name not in kinds:
        raise SampleError(f"{path}: no tree '{name}'{nearest(name, trees)}")
    if name not in trees:
        raise SampleError(f"{path}: '{name}' is a {kinds[name]}, not a TTree{nearest(name, trees)}")
    return file[name]


def _chunk(
    piece: dict[str, Any], jets: tuple[str, ...], tracks: dict[str, str], where: str
) -> Chunk:
    found = {name.rpartition("/")[2]: array for name, array in piece.items()}
    size = len(next(iter(found.values()))) if found else 0
    columns = {name: _column(found[name], branch=name, where=where) for name in (*jets, *tracks)}
    return Chunk(
        size, {name: columns[name] for name in jets}, _aligned(columns, tracks, where=where)
    )


def _column(array: Any, *, branch: str, where: str) -> Array | Ragged:
    """NumPy's view of an awkward array, of one or two dimensions."""
    import awkward as ak

    if array.ndim == 1 and not isinstance(array.layout.form, ak.forms.ListOffsetForm):
        return plain(ak.to_numpy(array), branch=branch, where=where)
    if array.ndim != 2 or not array.layout.is_list:
        raise SampleError(f"{where}: branch '{branch}' holds {array.type.content}, not numbers")
    content, rows = ak.flatten(array, axis=1), Rows(ak.to_numpy(ak.num(array, axis=1)))
    return Ragged(plain(ak.to_numpy(content), branch=branch, where=where), rows)


def _aligned(
    columns: dict[str, Array | Ragged], tracks: dict[str, str], *, where: str
) -> dict[str, Ragged]:
    """Tracks that share their rows, so that what is computed of rows is computed once."""
    aligned: dict[str, Ragged] = {}
    rows: Rows | None = None
    for branch, name in tracks.items():
        column = columns[branch]
        if not isinstance(column, Ragged):
            raise SampleError(f"{where}: branch '{branch}' holds one value per jet, not per track")
        rows = rows or column.rows
        if not rows.same_as(column.rows):
            first = next(iter(tracks))
            raise SampleError(f"{where}: branches '{first}' and '{branch}' differ in length")
        aligned[name] = Ragged(column.content, rows)
    return aligned
