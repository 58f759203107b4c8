"""Jets as tensors, and the batches that a training or an evaluation takes from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ftag_prune.errors import ConfigError
from ftag_prune.schema import as_numbers

if TYPE_CHECKING:
    from torch import Tensor, device

__all__ = ["Columns", "Jets", "Source", "batches", "from_records", "unshuffled"]

# Places of the inputs in a record; a slice makes a view.
Columns = slice | list[int]


class Jets(NamedTuple):
    """Jets as a network sees them.

    Attributes
    ----------
    x : (n, inputs), float32; NaN where an input is missing
    tracks : (n, tracks, variables), float32; 0 where there is no track
    valid : (n, tracks), bool, whether there is one
    y : (n,), int64, index of the class
    w : (n,), float32, training weight; its mean is 1 over the training split
    origin : (n, tracks), int8, where a track truly comes from; -1 where that is not known
    """

    x: Tensor
    tracks: Tensor | None
    valid: Tensor | None
    y: Tensor
    w: Tensor
    origin: Tensor | None = None

    @property
    def number(self) -> int:
        """Jets."""
        return len(self.y)

    def to(self, place: device) -> Jets:
        """The jets on a device; themselves if they are there."""
        return self if self.y.device == place else _each(self, lambda one: one.to(place))

    def mixed(self, size: int, *, rng: np.random.Generator) -> Iterator[Jets]:  # noqa: ARG002
        """All jets at once, see `Source`."""
        yield self

    def in_order(self, size: int) -> Iterator[Jets]:  # noqa: ARG002 - the common interface
        """All jets at once, see `Source`."""
        yield self


class Source(Protocol):
    """Jets that come in windows, each small enough for the memory.

    Every window but the last holds a multiple of `size` jets.
    """

    @property
    def number(self) -> int:
        """Jets in all windows together."""

    def mixed(self, size: int, *, rng: np.random.Generator) -> Iterator[Jets]:
        """Windows with jets from all over the source; one is valid until the next is asked for."""

    def in_order(self, size: int) -> Iterator[Jets]:
        """Windows in the order of the source."""


def batches(jets: Source, size: int, *, rng: np.random.Generator) -> Iterator[Jets]:
    """All jets once in random order; the last batch may be smaller.

    Each tensor of a batch is made by one gather.
    """
    import torch  # not above: three seconds, and a description does without

    for window in jets.mixed(_positive(size), rng=rng):
        order = torch.from_numpy(rng.permutation(window.number))
        for begin in range(0, len(order), size):
            chosen = order[begin : begin + size]
            yield _each(window, partial(torch.index_select, dim=0, index=chosen))


def unshuffled(jets: Source, size: int) -> Iterator[Jets]:
    """All jets in their order, as views; the last batch may be smaller."""
    for window in jets.in_order(_positive(size)):
        for begin in range(0, window.number, size):
            yield _each(window, itemgetter(slice(begin, begin + size)))


def from_records(jets: npt.NDArray[Any], tracks: npt.NDArray[Any] | None, columns: Columns) -> Jets:
    """Tensors of records (n,) and (n, tracks); x and tracks are views, if `columns` is a slice."""
    import torch

    return Jets(
        torch.from_numpy(as_numbers(jets)[:, columns]),
        None if tracks is None else torch.from_numpy(as_numbers(tracks)[..., :-1]),
        _of_tracks(tracks, "valid", np.bool_),
        torch.from_numpy(jets["label"].astype(np.int64)),
        torch.from_numpy(np.ascontiguousarray(jets["weight"])),
        _of_tracks(tracks, "origin", np.int8),
    )


def _of_tracks(tracks: npt.NDArray[Any] | None, name: str, kind: type[np.generic]) -> Tensor | None:
    """What is known of tracks beside their inputs, of which one may be called so too."""
    import torch

    if tracks is None or name not in (tracks.dtype.names or ()) or tracks.dtype[name] != kind:
        return None
    return torch.from_numpy(np.ascontiguousarray(tracks[name]))


def _positive(size: int) -> int:
    if size < 1:
        raise ConfigError(f"a batch of {size} jets is asked for; wanted at least 1")
    return size


def _each(jets: Jets, call: Callable[[Tensor], Tensor]) -> Jets:
    return Jets._make(None if one is None else call(one) for one in jets)
