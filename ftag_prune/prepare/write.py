"""Prepared jets into HDF5, all splits or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from ftag_prune.expression import Array
from ftag_prune.prepare.balance import Balance, blocks
from ftag_prune.record import atomic

__all__ = ["Filled", "write"]


class Filled(NamedTuple):
    """Records of one split."""

    jets: Array
    tracks: Array | None


def write(
    splits: Mapping[Path, Filled],
    attributes: Mapping[str, Any],
    *,
    balance: Balance,
) -> None:
    """Write a file for each split with the same attributes; `weight` is filled on the way.

    Numbers and arrays become attributes as they are, all else as JSON.
    """
    with ExitStack() as stack:
        for path, filled in splits.items():
            temporary = stack.enter_context(atomic(path))
            # From version 1.8 on attributes may exceed 64 kB, as long lists of sources do.
            with h5py.File(temporary, "w", libver=("v108", "latest")) as file:
                _copy(file, "jets", filled.jets, lambda block: _weighted(block, balance))
                if filled.tracks is not None:
                    _copy(file, "tracks", filled.tracks, lambda block: block)
                for name, value in attributes.items():
                    file.attrs[name] = _attribute(value)


def _weighted(block: Array, balance: Balance) -> Array:
    # Copied as bytes, so that the gaps between fields stay what they are.
    filled = block.view(np.uint8).copy().view(block.dtype)
    filled["weight"] = balance.weights(block)
    return filled


def _copy(file: Any, name: str, records: Array, change: Callable[[Array], Array]) -> None:
    """Contiguous and uncompressed: the file can be mapped into memory."""
    dataset = file.create_dataset(name, shape=records.shape, dtype=records.dtype)
    for part in blocks(len(records)):
        dataset[part] = change(np.asarray(records[part]))


def _attribute(value: Any) -> Any:
    return value if isinstance(value, int | str | np.ndarray) else json.dumps(value)
