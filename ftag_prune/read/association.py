"""Which constituents of an event belong to which of its jets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array, Ragged, Rows
from ftag_prune.read.chunk import shared_rows
from ftag_prune.schema import Collection

__all__ = ["Found", "branches", "constituents"]

_NONE = np.zeros(0, np.int64)


class Found(NamedTuple):
    """Constituents jet by jet.

    Attributes
    ----------
    rows : how many each jet has
    number : (constituents of jets,), the number of each among all constituents of the chunk
    link : the same among the rows of the table of pairs; empty without such a table
    """

    rows: Rows
    number: Array
    link: Array


class _Event(NamedTuple):
    """What the way to find constituents may look at."""

    jets: Rows
    items: Rows | None
    columns: Mapping[str, Array | Ragged]
    where: str


def branches(one: Collection) -> tuple[str, ...]:
    """Branches that are needed to find the constituents of jets."""
    if one.link:
        item = [one.link.item] if one.link.item else []
        return tuple(one.link.prefix + name for name in [one.link.jet, *item])
    if one.match:
        found = one.match
        return (one.branch(found.eta), one.branch(found.phi), found.jet_eta, found.jet_phi)
    return one.indices


def constituents(
    one: Collection,
    columns: Mapping[str, Array | Ragged],
    *,
    jets: Rows,
    items: Rows | None,
    where: str,
) -> Found:
    """Constituents of each jet, in the way that the collection says.

    Parameters
    ----------
    columns : by branch; those of `branches` among them, a value per constituent, jet or pair
    jets : of each event
    items : constituents of each event; None if only branches of a table of pairs are wanted

    Raises
    ------
    SampleError
        If a number of a jet or constituent points to none, or branches differ in length.
    """
    return _WAYS[str(one.way)](one, _Event(jets, items, columns, where))


def _of_event(one: Collection, event: _Event) -> Found:
    """All constituents of the event for each of its jets."""
    del one
    items = _items(event)
    counts = items.counts[event.jets.jet]
    rows = Rows(counts)
    return Found(rows, items.starts[event.jets.jet][rows.jet] + rows.place, _NONE)


def _by_indices(one: Collection, event: _Event) -> Found:
    """A few numbers per jet; negative ones mean none."""
    items, size = _items(event), len(event.jets.jet)
    table = np.full((size, len(one.indices)), -1, np.int64)
    for slot, name in enumerate(one.indices):
        table[:, slot] = _numbers(_of_jets(event, name), branch=name, event=event)
    most = items.counts[event.jets.jet]
    for slot, name in enumerate(one.indices):
        _refuse(table[:, slot] >= most, branch=name, what="constituent", event=event)
    good = table >= 0
    number = (table + items.starts[event.jets.jet][:, None])[good]
    return Found(Rows(good.sum(axis=1)), number, _NONE)


def _by_link(one: Collection, event: _Event) -> Found:
    """A table of pairs; a negative number of a jet or constituent means none."""
    if one.link is None:
        raise ValueError("the collection has no link")
    table = {name: _ragged(event, name) for name in branches(one)}
    pairs, (name, *_) = shared_rows(table, where=event.where), table
    jet = _numbers(table[name].content, branch=name, event=event)
    _refuse(jet >= event.jets.counts[pairs.jet], branch=name, what="jet", event=event)
    good, number = jet >= 0, np.arange(len(jet))
    if one.link.item:
        item_name = one.link.prefix + one.link.item
        item = _numbers(table[item_name].content, branch=item_name, event=event)
        if event.items is not None:
            most = event.items.counts[pairs.jet]
            _refuse(item >= most, branch=item_name, what="constituent", event=event)
            number = item + event.items.starts[pairs.jet]
        good &= item >= 0
    place = (jet + event.jets.starts[pairs.jet])[good]
    order = np.argsort(place, kind="stable")
    link = np.flatnonzero(good)[order]
    return Found(Rows(np.bincount(place, minlength=len(event.jets.jet))), number[link], link)


def _by_match(one: Collection, event: _Event) -> Found:
    """The nearest jet within a distance; the first of equally near ones."""
    if one.match is None:
        raise ValueError("the collection has no match")
    items = _items(event)
    eta, phi = (_ragged(event, one.branch(n)).content for n in (one.match.eta, one.match.phi))
    jet_eta, jet_phi = (_of_jets(event, n) for n in (one.match.jet_eta, one.match.jet_phi))
    best, nearest = np.full(len(eta), -1), np.full(len(eta), one.match.dr)
    # One jet of each event after the other: all pairs at once would fill the memory.
    for place in range(event.jets.counts.max(initial=0)):
        item = np.flatnonzero(event.jets.counts[items.jet] > place)
        jet = event.jets.starts[items.jet[item]] + place
        turn = (phi[item] - jet_phi[jet] + np.pi) % (2 * np.pi) - np.pi
        distance = np.hypot(eta[item] - jet_eta[jet], turn)
        nearer = distance < nearest[item]
        best[item[nearer]], nearest[item[nearer]] = jet[nearer], distance[nearer]
    found = np.flatnonzero(best >= 0)
    counts = np.bincount(best[found], minlength=len(event.jets.jet))
    return Found(Rows(counts), found[np.argsort(best[found], kind="stable")], _NONE)


_WAYS: Mapping[str, Callable[[Collection, _Event], Found]] = {
    "of": _of_event,
    "indices": _by_indices,
    "link": _by_link,
    "match": _by_match,
}


def _items(event: _Event) -> Rows:
    if event.items is None:
        raise SampleError(f"{event.where}: no branch of the constituents is read")
    return event.items


def _ragged(event: _Event, name: str) -> Ragged:
    column = event.columns.get(name)
    if not isinstance(column, Ragged):
        raise SampleError(f"{event.where}: branch '{name}' has no list of numbers for each event")
    return column


def _of_jets(event: _Event, name: str) -> Array:
    """(jets,): a branch with a value for each jet."""
    column = _ragged(event, name)
    if not column.rows.same_as(event.jets):
        raise SampleError(f"{event.where}: branch '{name}' differs from the jets in length")
    return column.content


def _numbers(values: Array, *, branch: str, event: _Event) -> Array:
    """Numbers of jets or constituents as int64; a fraction or NaN is none."""
    if values.dtype.kind not in "iu":
        raise SampleError(
            f"{event.where}: branch '{branch}' holds {values.dtype}, not whole numbers"
        )
    return values.astype(np.int64)


def _refuse(bad: Array, *, branch: str, what: str, event: _Event) -> None:
    number = int(np.count_nonzero(bad))
    if number:
        raise SampleError(
            f"{event.where}: branch '{branch}' points to a {what} that its event does not have, "
            f"{number} of {len(bad)} times"
        )
