"""Records of jets and tracks, and the raw files they wait in until their number is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array
from ftag_prune.prepare.count import SPLITS
from ftag_prune.read import Columns
from ftag_prune.schema import Card, Entry, Plan, as_numbers, jets_dtype, tracks_dtype

__all__ = ["Spool", "jet_records", "spooled", "track_records"]


class Spool:
    """Raw files, one a split, that records are added to.

    Parameters
    ----------
    files : open for writing
    """

    def __init__(self, files: tuple[IO[bytes], ...]) -> None:
        self._files = files
        self._dtype: np.dtype[Any] | None = None

    def append(self, records: Array, split: Array) -> None:
        """Add each record to the file of its split; `split` is the index, (n,).

        SampleError if the records are not of the kind of those before.
        """
        self._dtype = self._dtype or records.dtype
        if records.dtype != self._dtype:
            raise SampleError(
                "event: is signed in one file and unsigned in another; the card cannot hold both"
            )
        # As bytes: NumPy would leave gaps between fields to chance, and files would differ.
        size = records.itemsize * records[0:1].size  # of one jet
        raw = records.view(np.uint8).reshape(len(records), size)
        for index, file in enumerate(self._files):
            file.write(raw[split == index].data)

    def read(self, split: int, *shape: int) -> Array:
        """(n, *shape): all records of a split, as they lie on disk."""
        file = self._files[split]
        file.flush()
        if file.tell() == 0 or self._dtype is None:
            return np.zeros((0, *shape), self._dtype or np.uint8)
        return np.memmap(file.name, self._dtype, "r").reshape(-1, *shape)


@contextmanager
def spooled(folder: Path, kind: str) -> Iterator[Spool]:
    """Raw files in a folder, closed at the end."""
    with ExitStack() as stack:
        paths = [folder / f"{kind}-{split}" for split in SPLITS]
        yield Spool(tuple(stack.enter_context(path.open("wb")) for path in paths))


def jet_records(
    card: Card, plan: Plan, columns: Columns, *, event: Array, weight: Array, label: Array
) -> Array:
    """(jets,): inputs, kept columns, weights (0 for training), event and label."""
    kept = [name for name in card.jets if name not in card.inputs.jets]
    records = np.zeros(len(columns), jets_dtype(card.inputs.jets, kept, event=event.dtype))
    floats = as_numbers(records)
    for index, name in enumerate((*card.inputs.jets, *kept)):
        floats[:, index] = columns.per_jet(plan.jets[name])
    records["mc_weight"], records["event"], records["label"] = weight, event, label
    return records


def track_records(
    columns: Columns, inputs: Mapping[str, Entry], *, sort: Entry, maximum: int
) -> Array:
    """(jets, maximum): inputs of the leading tracks in the order of the sort key, 0 beyond."""
    key = columns.per_track(sort)
    rows, order = key.rows, key.order
    slot = np.arange(len(order)) - rows.starts[rows.jet]
    fits = slot < maximum
    order, place = order[fits], (rows.jet * maximum + slot)[fits]
    block = np.empty((len(order), len(inputs) + 1), np.float32)
    for index, entry in enumerate(inputs.values()):
        block[:, index] = columns.per_track(entry).content[order]
    records = np.zeros(len(columns) * maximum, tracks_dtype(list(inputs)))
    block[:, -1] = 0
    as_numbers(records)[place] = block
    records["valid"][place] = True
    return records.reshape(len(columns), maximum)
