"""From arrays of a tree or a table, a list for each entry, to the jets of a chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array, Ragged, Rows
from ftag_prune.read.association import branches, constituents
from ftag_prune.read.chunk import Chunk, plain, shared_rows, whole_counts
from ftag_prune.schema import Branches, Card, Collection

__all__ = ["chunk_of", "needed"]


class _Deep(NamedTuple):
    """Values in lists of lists: the content, lengths of the inner lists, and of the outer."""

    inner: Ragged
    outer: Rows


_Arrays: TypeAlias = Mapping[str, Array | Ragged | _Deep]


def needed(card: Card, wanted: Branches) -> list[str]:
    """Branches that have to be read, by their names in the file."""
    names = list(wanted.jets)
    for space, mine in wanted.within.items():
        one = card.within[space]
        names += [one.branch(name) for name in mine]
        names += branches(one)
        names += [one.counter] if one.counter else []
    return list(dict.fromkeys(names))


def chunk_of(
    piece: Mapping[str, Any], card: Card, wanted: Branches, *, size: int, where: str
) -> Chunk:
    """Jets of some entries, from awkward arrays by branch; SampleError if not all have `size`."""
    for name, array in piece.items():
        if len(array) != size:
            raise SampleError(
                f"{where}: branch '{name}' gives {len(array)} of {size} entries, it is damaged"
            )
    arrays = {name: _array(array, branch=name, where=where) for name, array in piece.items()}
    make = _of_events if card.rows == "events" else _of_jets
    return make(arrays, size, card, wanted, where)


def _array(array: Any, *, branch: str, where: str) -> Array | Ragged | _Deep:
    """NumPy's view of an awkward array."""
    import awkward as ak

    depth = array.ndim if array.layout.is_list else 1
    content = array
    for _ in range(depth - 1):
        content = ak.flatten(content, axis=1)
    if depth > 3 or content.ndim != 1 or not content.layout.is_numpy:
        raise SampleError(f"{where}: branch '{branch}' holds {array.type.content}, not numbers")
    flat = plain(ak.to_numpy(content), branch=branch, where=where)
    if depth == 1:
        return flat
    outer = Rows(ak.to_numpy(ak.num(array, axis=1)))
    if depth == 2:
        return Ragged(flat, outer)
    counts = ak.to_numpy(ak.flatten(ak.num(array, axis=2), axis=1))
    return _Deep(Ragged(flat, Rows(counts)), outer)


def _of_jets(arrays: _Arrays, size: int, card: Card, wanted: Branches, where: str) -> Chunk:
    """An entry is a jet."""
    jets = {name: _shallow(arrays, name, where) for name in wanted.jets}
    within = {}
    for space, names in wanted.within.items():
        one = card.within[space]
        mine = {name: _of_jet(arrays, one.branch(name), where) for name in names}
        if one.counter:
            mine = _counted(mine, arrays[one.counter], one, where)
        within[space] = _aligned(mine, one, where)
    return Chunk(size, jets, within)


def _of_events(arrays: _Arrays, size: int, card: Card, wanted: Branches, where: str) -> Chunk:
    """An entry is an event: its jets one by one, each with what the event has one of."""
    del size
    event = _jets_of_events(arrays, card, wanted, where)
    jets = {name: _of_event(arrays, name, event, where) for name in wanted.jets}
    within = {
        space: _in_events(arrays, card.within[space], names, event, where)
        for space, names in wanted.within.items()
    }
    return Chunk(len(event.jet), jets, within)


def _jets_of_events(arrays: _Arrays, card: Card, wanted: Branches, where: str) -> Rows:
    """Jets of each event; SampleError if no branch tells, or two differ."""
    columns = {name: _shallow(arrays, name, where) for name in wanted.jets}
    several = {name: one for name, one in columns.items() if isinstance(one, Ragged)}
    if several:
        return shared_rows(several, where=where)
    for space, names in wanted.within.items():
        one = card.within[space]
        of_jets = [one.match.jet_eta] if one.match else one.indices
        for name in of_jets or (one.branch(name) for name in names if one.way is None):
            found = arrays[name]
            if isinstance(found, _Deep):
                return found.outer
            if isinstance(found, Ragged) and name in of_jets:
                return found.rows
    first = next(iter(wanted.jets or arrays))
    raise SampleError(
        f"{where}: '{first}' and all other branches of the card hold one value per entry, not per "
        f"jet, but the card says rows: events"
    )


def _of_event(arrays: _Arrays, name: str, event: Rows, where: str) -> Array | Ragged:
    column = _shallow(arrays, name, where)
    return column.content if isinstance(column, Ragged) else column[event.jet]


def _in_events(
    arrays: _Arrays, one: Collection, names: Sequence[str], event: Rows, where: str
) -> dict[str, Ragged]:
    """Columns of the constituents that belong to the jets of the events."""
    if one.way is None:
        return _aligned(
            {name: _of_deep(arrays, one.branch(name), event, where) for name in names}, one, where
        )
    columns = {name: array for name, array in arrays.items() if not isinstance(array, _Deep)}
    linked = [name for name in names if one.link and name.startswith("link.")]
    items = _rows_of(columns, one, [name for name in names if name not in linked], where)
    if one.link:
        # Without numbers of constituents, the rows of the table are the constituents.
        table = names if one.link.item is None else linked
        pairs = [branches(one)[0], *(one.branch(name) for name in table)]
        shared_rows({name: _list(columns, name, where) for name in pairs}, where=where)
    found = constituents(one, columns, jets=event, items=items, where=where)
    numbers = {name: found.link if name in linked else found.number for name in names}
    return {
        name: Ragged(_list(columns, one.branch(name), where).content[number], found.rows)
        for name, number in numbers.items()
    }


def _rows_of(
    columns: Mapping[str, Array | Ragged], one: Collection, names: Sequence[str], where: str
) -> Rows | None:
    """Constituents of each event."""
    own = [one.branch(name) for name in names]
    if one.match:
        own += [one.branch(one.match.eta), one.branch(one.match.phi)]
    several = {name: _list(columns, name, where) for name in own}
    return shared_rows(several, where=where) if several else None


def _list(columns: Mapping[str, Array | Ragged], branch: str, where: str) -> Ragged:
    column = columns.get(branch)
    if not isinstance(column, Ragged):
        raise SampleError(f"{where}: branch '{branch}' has no list of numbers for each event")
    return column


def _of_deep(arrays: _Arrays, branch: str, event: Rows, where: str) -> Ragged:
    found = arrays[branch]
    if not isinstance(found, _Deep):
        raise SampleError(
            f"{where}: branch '{branch}' has no list for each jet; say with link, match, indices "
            f"or of: event how constituents of events belong to jets"
        )
    if not found.outer.same_as(event):
        raise SampleError(f"{where}: branch '{branch}' differs from the jets in length")
    return found.inner


def _of_jet(arrays: _Arrays, branch: str, where: str) -> Ragged:
    column = _shallow(arrays, branch, where)
    if not isinstance(column, Ragged):
        raise SampleError(f"{where}: branch '{branch}' holds one value per jet, not per track")
    return column


def _shallow(arrays: _Arrays, branch: str, where: str) -> Array | Ragged:
    found = arrays[branch]
    if isinstance(found, _Deep):
        raise SampleError(f"{where}: branch '{branch}' holds lists of lists")
    return found


def _counted(
    columns: Mapping[str, Ragged], counter: Any, one: Collection, where: str
) -> dict[str, Ragged]:
    """The first ones of padded columns, as many as the counter says."""
    number, made = whole_counts(counter, branch=str(one.counter), where=where), {}
    for name, column in columns.items():
        rows = column.rows
        place = np.arange(len(rows.jet)) - rows.starts[rows.jet]
        keep = place < number[rows.jet]
        counts = np.bincount(rows.jet[keep], minlength=len(rows))
        made[name] = Ragged(column.content[keep], Rows(counts))
    return made


def _aligned(columns: Mapping[str, Ragged], one: Collection, where: str) -> dict[str, Ragged]:
    """Columns that share their rows, so that what is computed of rows is computed once."""
    if not columns:
        return {}
    rows = shared_rows({one.branch(name): each for name, each in columns.items()}, where=where)
    return {name: Ragged(column.content, rows) for name, column in columns.items()}
