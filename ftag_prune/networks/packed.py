"""Tracks of all jets one after another, without the empty slots.

Most jets have fewer tracks than there is room for. What is done to each track is done to those that
are there alone: quicker, and what stands in an empty slot cannot be seen at all.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Group", "Packed", "packed"]

# Jets are compared track by track in so many groups at most, of at least so many jets each.
_GROUPS = 8
_JETS = 64


class Group(NamedTuple):
    """Jets with about as many tracks, whose tracks stand together.

    Attributes
    ----------
    tracks : of all its jets
    jets : number of jets
    most : room for tracks in a jet: what the jet with most of them has, and at least 1
    jet : (tracks,) jet of each track, from 0 within the group
    rank : (tracks,) place of each track among those of its jet
    absent : (jets, most) bool, True where a jet has fewer
    """

    tracks: int
    jets: int
    most: int
    jet: Tensor
    rank: Tensor
    absent: Tensor


class Packed(NamedTuple):
    """Where the tracks of a batch are; those of a jet stand together.

    Attributes
    ----------
    shape : jets, slots
    place : (tracks,) slot of each track, of all slots of the batch
    jet : (tracks,) its jet
    row : (tracks,) its jet in the order in which they stand: by their number of tracks
    rank : (tracks,) its place among the tracks of its jet
    counts : (jets,) tracks of the jets in that order
    """

    shape: tuple[int, int]
    place: Tensor
    jet: Tensor
    row: Tensor
    rank: Tensor
    counts: Tensor

    def taken(self, padded: Tensor) -> Tensor:
        """Values (tracks, k) of padded ones (jets, slots, k)."""
        return padded.flatten(0, 1).index_select(0, self.place)

    def put(self, values: Tensor) -> Tensor:
        """Values (tracks, k) in their slots (jets, slots, k), and 0 in empty ones."""
        jets, slots = self.shape
        empty = values.new_zeros(jets * slots, values.shape[1])
        filled = empty.index_copy(0, self.place, values)
        return filled.view(jets, slots, values.shape[1])

    def summed(self, values: Tensor) -> Tensor:
        """Sums (jets, k) of values (tracks, k) over the tracks of each jet."""
        # The exporter to ONNX cannot add to one place twice.
        if torch.onnx.is_in_onnx_export():
            return self.put(values).sum(1)
        return values.new_zeros(self.shape[0], values.shape[1]).index_add(0, self.jet, values)

    def shares(self, scores: Tensor) -> Tensor:
        """Softmax (tracks, 1) of scores (tracks, 1) over the tracks of each jet."""
        jets, slots = self.shape
        place = self.jet * slots + self.rank
        room = scores.new_full((jets * slots,), -torch.inf).index_copy(0, place, scores[:, 0])
        # That of a jet without tracks is 0/0, and nobody takes it.
        return room.view(jets, slots).softmax(1).flatten().index_select(0, place)[:, None]

    def groups(self) -> list[Group]:
        """The jets in groups, in the order in which they stand."""
        jets, slots = self.shape
        # An exported network is the same for all numbers of tracks.
        if torch.onnx.is_in_onnx_export():
            absent = torch.arange(slots, device=self.row.device) >= self.counts[:, None]
            return [Group(self.row.shape[0], jets, slots, self.row, self.rank, absent)]
        number = max(1, min(_GROUPS, jets // _JETS))
        edges = [jets * index // number for index in range(number + 1)]
        before = torch.nn.functional.pad(self.counts.cumsum(0), (1, 0))[edges].tolist()
        most = self.counts[[max(0, edge - 1) for edge in edges[1:]]].tolist() if jets else [0]
        return [
            self._group(*of_jets, *of_tracks, most=max(1, one))
            for of_jets, of_tracks, one in zip(pairwise(edges), pairwise(before), most, strict=True)
        ]

    def _group(self, first: int, last: int, begin: int, end: int, *, most: int) -> Group:
        room = torch.arange(most, device=self.row.device)
        return Group(
            end - begin,
            last - first,
            most,
            self.row[begin:end] - first,
            self.rank[begin:end],
            room >= self.counts[first:last, None],
        )


def packed(valid: Tensor) -> Packed:
    """Places of the tracks of jets, of which `valid` (jets, slots) are there."""
    jets, slots = valid.shape
    counts = valid.sum(1)
    order = torch.arange(jets, device=valid.device)
    if not torch.onnx.is_in_onnx_export():
        order = counts.argsort(stable=True)
    ordered = valid.index_select(0, order)
    row, slot = ordered.nonzero().unbind(1)
    jet = order.index_select(0, row)
    place = jet * slots + slot
    rank = (ordered.long().cumsum(1) - 1).flatten().index_select(0, row * slots + slot)
    return Packed((jets, slots), place, jet, row, rank, counts.index_select(0, order))
