"""Layout of the prepared files, known to the step that writes them and to the one that loads them.

``jets`` (n,) and ``tracks`` (n, t) are contiguous and uncompressed, the inputs of the network first
in each record and every record a multiple of four bytes: a matrix of inputs is a view of the
memory-mapped file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LAYOUT", "ORIGINS", "RESERVED", "as_numbers", "jets_dtype", "tracks_dtype"]

LAYOUT = 1  # version; goes up when older files cannot be read any more

ORIGINS = 8  # of a track: those of ATLAS's ftagTruthOriginLabel

# Columns that a card cannot give another meaning.
RESERVED = ("label", "event", "weight", "mc_weight", "valid")


def jets_dtype(
    inputs: Sequence[str], kept: Sequence[str], *, event: np.dtype[Any]
) -> np.dtype[Any]:
    """Record of a jet: inputs, kept columns, weights (float32), event (64 bits), label (int8)."""
    floats = [*inputs, *kept, "weight", "mc_weight"]
    end = -(-4 * len(floats) // 8) * 8
    return np.dtype(
        {
            "names": [*floats, "event", "label"],
            "formats": ["<f4"] * len(floats) + [event.newbyteorder("<"), "i1"],
            "offsets": [*range(0, 4 * len(floats), 4), end, end + 8],
            "itemsize": end + 16,
        }
    )


def tracks_dtype(inputs: Sequence[str], *, origin: bool = False) -> np.dtype[Any]:
    """Record of a track: inputs in float32, whether there is a track at all, its origin (int8)."""
    words = range(0, 4 * len(inputs), 4)
    end = 4 * len(inputs)
    return np.dtype(
        {
            "names": [*inputs, "valid", *(["origin"] if origin else [])],
            "formats": ["<f4"] * len(inputs) + ["?"] + (["i1"] if origin else []),
            "offsets": [*words, end, *([end + 1] if origin else [])],
            "itemsize": end + 4,
        }
    )


def as_numbers(records: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """(..., words): records as rows of float32, the inputs first; a view."""
    words = records.dtype.itemsize // 4
    return np.asarray(records).view(np.float32).reshape(*records.shape, words)
