"""Generated jets into a file: a ROOT TTree, or HDF5 in the layout of ATLAS's dumper."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import awkward as ak
import h5py
import numpy as np
import numpy.typing as npt

from ftag_prune.errors import ConfigError
from ftag_prune.generate.accepted import Accepted
from ftag_prune.generate.columns import place, starts
from ftag_prune.record import atomic

__all__ = ["TRACKS", "check_suffix", "write"]

TRACKS = 40  # slots for tracks in HDF5; ROOT holds all of them

_STEP = 20_000  # jets in one ROOT basket
_CHUNK = 1_000  # jets in one HDF5 chunk


def write(path: Path, accepted: Accepted, *, about: Mapping[str, Any]) -> None:
    """Write jets, whole or not at all, in the format that the suffix names.

    Parameters
    ----------
    path : Path
        ``.root`` or ``.h5``.
    accepted : Accepted
        Jets and tracks.
    about : mapping
        Where they come from; written as JSON beside them.
    """
    writer = _WRITERS[check_suffix(path)]
    columns = (*accepted.jets.values(), *accepted.tracks.values())
    with atomic(path, size=sum(one.nbytes for one in columns)) as temporary:
        writer(temporary, accepted, json.dumps(about))


def check_suffix(path: Path) -> str:
    """Suffix of a path that can be written; ConfigError if it is another."""
    if path.suffix not in _WRITERS:
        raise ConfigError(
            f"{path}: jets are written to files ending in {' or '.join(_WRITERS)}, "
            f"not in '{path.suffix}'"
        )
    return path.suffix


def _write_root(path: Path, accepted: Accepted, about: str) -> None:
    """TTree ``jets``: branches ``jet_<name>``, jagged ``trk_<name>`` with the counter ``ntrk``."""
    import uproot  # here, because it takes a second and HDF5 does not need it

    first = starts(accepted.counts)
    with uproot.recreate(path, compression=uproot.ZSTD(5)) as file:
        types: dict[str, Any] = {f"jet_{name}": c.dtype for name, c in accepted.jets.items()}
        for begin in range(0, len(accepted.counts), _STEP):
            end = min(begin + _STEP, len(accepted.counts))
            tracks = {name: c[first[begin] : first[end]] for name, c in accepted.tracks.items()}
            nested = ak.unflatten(ak.zip(tracks), accepted.counts[begin:end])
            if begin == 0:
                tree = file.mktree("jets", {**types, "trk": nested.type.content})
            jets = {f"jet_{name}": c[begin:end] for name, c in accepted.jets.items()}
            tree.extend({**jets, "trk": nested})
        file["metadata"] = about


def _padding(dtype: np.dtype[Any]) -> float | int:
    return np.nan if dtype.kind == "f" else -1


def _padded(accepted: Accepted) -> npt.NDArray[Any]:
    """Structured tracks (n, 40): NaN, -1 and not ``valid`` where a jet has fewer."""
    size = len(accepted.counts)
    jet = np.repeat(np.arange(size), accepted.counts)
    slot = place(jet)
    kept = slot < TRACKS
    kinds = [(name, column.dtype) for name, column in accepted.tracks.items()]
    table = np.zeros((size, TRACKS), dtype=[*kinds, ("valid", np.bool_)])
    for name, column in accepted.tracks.items():
        table[name] = _padding(column.dtype)
        table[name][jet[kept], slot[kept]] = column[kept]
    table["valid"][jet[kept], slot[kept]] = True
    return table


def _structured(accepted: Accepted) -> npt.NDArray[Any]:
    kinds = [(name, column.dtype) for name, column in accepted.jets.items()]
    table = np.zeros(len(accepted.counts), dtype=kinds)
    for name, column in accepted.jets.items():
        table[name] = column
    return table


def _write_hdf5(path: Path, accepted: Accepted, about: str) -> None:
    """Datasets ``jets`` (n,) and ``tracks`` (n, 40)."""
    chunk = min(len(accepted.counts), _CHUNK)
    options = {"compression": "gzip", "compression_opts": 2, "shuffle": True}
    with h5py.File(path, "w") as file:
        file.create_dataset("jets", data=_structured(accepted), chunks=(chunk,), **options)
        file.create_dataset("tracks", data=_padded(accepted), chunks=(chunk, TRACKS), **options)
        file.attrs["metadata"] = about


_WRITERS: Mapping[str, Callable[[Path, Accepted, str], None]] = MappingProxyType(
    {".root": _write_root, ".h5": _write_hdf5}
)
