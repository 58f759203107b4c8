"""What a prepared file says about its own columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.read.hdf5 import open_hdf5
from ftag_prune.record import parse_json
from ftag_prune.schema import LAYOUT

__all__ = ["Description", "description", "prepared_file", "told_by"]

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
        with _ours(path):
            return _described(file.attrs)


def told_by(path: Path, *names: str) -> dict[str, Any]:
    """Attributes of a prepared file that are JSON, those that are there of the ones asked for."""
    with prepared_file(path) as file, _ours(path):
        return {name: parse_json(file.attrs[name]) for name in names if name in file.attrs}


@contextmanager
def _ours(path: Path) -> Iterator[None]:
    """Attributes that anybody may have written are one sentence."""
    try:
        yield
    except (ValueError, TypeError) as broken:
        raise SampleError(f"{path}: attributes that are none of ours ({broken})") from None


def _described(attributes: Mapping[str, Any]) -> Description:
    return Description(
        task=str(attributes["task"]),
        classes=tuple(parse_json(attributes["classes"])),
        inputs=tuple(parse_json(attributes["inputs"])),
        mean=tuple(np.asarray(attributes["mean"]).tolist()),
        std=tuple(np.asarray(attributes["std"]).tolist()),
        fingerprint=str(attributes["fingerprint"]),
        counts=parse_json(attributes["counts"]),
        track_inputs=tuple(parse_json(attributes.get("track_inputs", "[]"))),
        track_mean=tuple(np.asarray(attributes.get("track_mean", ())).tolist()),
        track_std=tuple(np.asarray(attributes.get("track_std", ())).tolist()),
    )
