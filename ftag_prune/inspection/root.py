"""Trees and ntuples of a ROOT file, and the branches or fields of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from uproot.interpretation.grouped import AsGrouped
from uproot.interpretation.identify import UnknownInterpretation
from uproot.interpretation.jagged import AsJagged
from uproot.interpretation.numerical import Numerical
from uproot.interpretation.objects import AsStridedObjects

from ftag_prune.inspection.column import Column, Shape, describe, jagged, padded
from ftag_prune.inspection.contents import Contents, Piece, choose
from ftag_prune.read.root import open_root, stumbles

__all__ = ["inspect"]

_KINDS = {"TTree": "TTree", "ROOT::RNTuple": "RNTuple"}


def inspect(path: Path, *, tree: str | None, jets: int) -> Contents:
    """Contents of a ROOT file; SampleError if it is broken."""
    with open_root(path) as file:
        pieces = tuple(_pieces(file))
        chosen = choose(path, pieces, tree)
        found, stop = file[chosen.name], min(jets, chosen.entries)
        columns = _branches(found, stop) if chosen.kind == "TTree" else _fields(found, stop)
        return Contents(pieces, chosen, stop, tuple(columns))


def _pieces(file: Any) -> Iterator[Piece]:
    for name, kind in file.classnames(cycle=False).items():
        if kind in _KINDS:
            found = file[name]
            keys = set(found.keys())
            # A branch or a field that only holds others is no column.
            above = {key.rpartition("/" if kind == "TTree" else ".")[0] for key in keys}
            yield Piece(name, _KINDS[kind], int(found.num_entries), len(keys - above))


def _branches(tree: Any, stop: int) -> Iterator[Column]:
    """Columns of a TTree under the names that a card knows: the branch's own, without its path."""
    for branch in tree.itervalues(recursive=True):
        how = branch.interpretation
        if isinstance(how, AsGrouped):
            continue  # only its subbranches hold something
        if isinstance(how, UnknownInterpretation):
            yield Column(branch.name, branch.typename, "")
        elif _simple(how):
            yield from _leaves(branch.name, branch.array(entry_stop=stop))
        else:
            yield from _objects(branch, stop)


def _simple(how: Any) -> bool:
    """Whether it is of numbers, which uproot always reads from a sound file."""
    content = how.content if isinstance(how, AsJagged) else how
    return isinstance(content, Numerical) and not isinstance(content, AsStridedObjects)


def _objects(branch: Any, stop: int) -> Iterator[Column]:
    """Columns of C++ objects; uproot cannot read all classes, and a sound file may hold any."""
    try:
        found = list(_leaves(branch.name, branch.array(entry_stop=stop)))
    except stumbles():
        found = [Column(branch.name, branch.typename, "")]
    yield from found


def _fields(ntuple: Any, stop: int) -> Iterator[Column]:
    # All at once: uproot takes a dot in the name of a single field for a path.
    found = ntuple.arrays(entry_stop=stop)
    for name in found.fields:
        yield from _leaves(name, found[name])


def _leaves(name: str, array: Any) -> Iterator[Column]:
    """Columns of an array, one a member where it holds records."""
    for member in array.fields:
        yield from _leaves(f"{name}.{member}", array[member])
    if not array.fields:
        yield _column(name, array)


def _column(name: str, array: Any) -> Column:
    kind = _innermost(array)
    shape = _shape(array)
    if kind not in _NUMBERS:
        return Column(name, kind, shape.text)
    content = ak.to_numpy(ak.flatten(array, axis=None))
    return describe(name, content, kind=kind, shape=shape)


_NUMBERS = {"bool", "float16", "float32", "float64"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def _innermost(array: Any) -> str:
    """Type of the single values, ``float32``."""
    kind = array.type.content
    while hasattr(kind, "content") and kind.parameter("__array__") not in ("string", "bytestring"):
        kind = kind.content
    return str(kind)


def _shape(array: Any) -> Shape:
    kind = array.type.content
    if isinstance(kind, ak.types.RegularType):
        return padded((len(array), kind.size))
    if not isinstance(kind, ak.types.ListType) or kind.parameter("__array__"):
        return Shape("scalar")
    shape = jagged(ak.to_numpy(ak.num(array, axis=1)).astype(np.int64))
    return shape._replace(text=f"{shape.text}, {array.ndim - 1} deep") if array.ndim > 2 else shape
