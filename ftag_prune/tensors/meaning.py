"""What a prepared file says about its own columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.read.hdf5 import open_hdf5
from ftag_prune.schema import LAYOUT

__all__ = ["Description", "description", "prepared_file"]

_KEYS = ("task", "classes", "inputs", "mean", "std", "fingerprint", "counts")


class Description(NamedTuple):
    """What the columns of a prepared file mean; mean and std are those of the training split."""

    task: str
    classes: tuple[str, ...]
    inputs: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    counts: Mapping[str, Any]
    track_inputs: tuple[str, ...] = ()
    track_mean: tuple[float, ...] = ()
    track_std: tuple[float, ...] = ()


@contextmanager
def prepared_file(path: Path) -> Iterator[Any]:
    """An HDF5 file of our layout; anything else is one sentence."""
    with open_hdf5(path) as file:
        found = file.attrs.get("layout")
        if found is None or not {"jets"} <= set(file):
            raise SampleError(f"{path}: not a file of prepared jets")
        if found != LAYOUT:
            raise SampleError(f"{path}: has layout {found}, wanted {LAYOUT}; prepare it again")
        yield file


def description(path: Path) -> Description:
    """Meaning of a prepared file; SampleError if it is none."""
    with prepared_file(path) as file:
        lost = [name for name in _KEYS if name not in file.attrs]
        if lost:
            raise SampleError(f"{path}: has no attribute '{lost[0]}'")
        return Description(
            task=str(file.attrs["task"]),
            classes=tuple(json.loads(file.attrs["classes"])),
            inputs=tuple(json.loads(file.attrs["inputs"])),
            mean=tuple(file.attrs["mean"].tolist()),
            std=tuple(file.attrs["std"].tolist()),
            fingerprint=str(file.attrs["fingerprint"]),
            counts=json.loads(file.attrs["counts"]),
            track_inputs=tuple(json.loads(file.attrs.get("track_inputs", "[]"))),
            track_mean=tuple(np.asarray(file.attrs.get("track_mean", ())).tolist()),
            track_std=tuple(np.asarray(file.attrs.get("track_std", ())).tolist()),
        )
