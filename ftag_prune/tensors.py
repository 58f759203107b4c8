"""Prepared jets as tensors, memory-mapped, and their batches."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ftag_prune.errors import ConfigError, SampleError, nearest
from ftag_prune.read.hdf5 import open_hdf5
from ftag_prune.schema import LAYOUT, as_numbers

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Description", "Jets", "batches", "description", "load", "unshuffled"]

_KEYS = ("task", "classes", "inputs", "mean", "std", "fingerprint", "counts")


class Jets(NamedTuple):
    """Jets as a network sees them.

    Attributes
    ----------
    x : (n, inputs), float32; NaN where an input is missing
    tracks : (n, tracks, variables), float32; 0 where there is no track
    valid : (n, tracks), bool, whether there is one
    y : (n,), int64, index of the class
    w : (n,), float32, training weight; its mean is 1 over the training split
    """

    x: Tensor
    tracks: Tensor | None
    valid: Tensor | None
    y: Tensor
    w: Tensor


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
def _opened(path: Path) -> Iterator[Any]:
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
    with _opened(path) as file:
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


def load(path: Path, *, inputs: Sequence[str] | None = None) -> Jets:
    """Jets of a prepared file.

    With all inputs in their order, x and tracks are views of the memory-mapped file; changes to
    them do not reach the file.

    Parameters
    ----------
    inputs : some jet inputs, in the wanted order; default all of them
    """
    import torch  # not above: three seconds, and a description does without

    about = description(path)
    chosen = _columns(path, about, inputs)
    with _opened(path) as file:
        jets = _mapped(path, file["jets"])
        tracks = _mapped(path, file["tracks"]) if "tracks" in file else None
    return Jets(
        torch.from_numpy(as_numbers(jets)[:, chosen]),
        None if tracks is None else torch.from_numpy(as_numbers(tracks)[..., :-1]),
        None if tracks is None else torch.from_numpy(np.ascontiguousarray(tracks["valid"])),
        torch.from_numpy(jets["label"].astype(np.int64)),
        torch.from_numpy(np.ascontiguousarray(jets["weight"])),
    )


def _columns(path: Path, about: Description, inputs: Sequence[str] | None) -> slice | list[int]:
    """A slice, which makes a view, if all are wanted."""
    if inputs is None or tuple(inputs) == about.inputs:
        return slice(0, len(about.inputs))
    if not inputs:
        raise ConfigError(f"{path}: no inputs are asked for")
    for name in inputs:
        if name not in about.inputs:
            raise ConfigError(f"{path}: no input '{name}'{nearest(name, about.inputs)}")
    return [about.inputs.index(name) for name in inputs]


def _mapped(path: Path, dataset: Any) -> npt.NDArray[Any]:
    """Records as they lie on disk, copied on writing; read if they are compressed or empty."""
    offset = dataset.id.get_offset()
    if offset is None or dataset.size == 0:
        return np.asarray(dataset[:])
    return np.memmap(path, dataset.dtype, "c", offset=offset, shape=dataset.shape)


def batches(jets: Jets, size: int, *, rng: np.random.Generator) -> Iterator[Jets]:
    """All jets once in random order; the last batch may be smaller.

    Each tensor of a batch is made by one gather.
    """
    import torch

    order = torch.from_numpy(rng.permutation(len(jets.y)))
    for begin in range(0, len(order), _positive(size)):
        chosen = order[begin : begin + size]
        yield _each(jets, partial(torch.index_select, dim=0, index=chosen))


def unshuffled(jets: Jets, size: int) -> Iterator[Jets]:
    """All jets in their order, as views; the last batch may be smaller."""
    for begin in range(0, len(jets.y), _positive(size)):
        yield _each(jets, itemgetter(slice(begin, begin + size)))


def _positive(size: int) -> int:
    if size < 1:
        raise ConfigError(f"a batch of {size} jets is asked for; wanted at least 1")
    return size


def _each(jets: Jets, call: Callable[[Tensor], Tensor]) -> Jets:
    tracks, valid = jets.tracks, jets.valid
    return Jets(
        call(jets.x),
        None if tracks is None else call(tracks),
        None if valid is None else call(valid),
        call(jets.y),
        call(jets.w),
    )
