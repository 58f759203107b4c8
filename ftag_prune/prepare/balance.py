"""Training weights: every class with the same spectrum, and with its share of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array

__all__ = ["Weighing", "balance", "scaled"]

_MOST_BINS = {1: (40,), 2: (24, 8), 3: (24, 8, 12)}  # along each of so many columns
_JETS_PER_BIN = 20  # of the smallest class, if they were spread evenly
_CAP = 20.0  # a jet from a sparse corner must not dominate a batch
_SAMPLE = 1_000_000  # jets that the edges are taken from


class Weighing(NamedTuple):
    """Factors on the generator's weight, by class and bin of some columns.

    Attributes
    ----------
    columns : their names; bins are in their magnitudes
    edges : inner edges of the bins in each column
    factor : (classes, bins, ...)
    """

    columns: tuple[str, ...]
    edges: tuple[Array, ...]
    factor: Array

    def factors(self, jets: Array) -> Array:
        """(jets,), float64."""
        return np.asarray(self.factor[(jets["label"], *_places(jets, self.columns, self.edges))])

    def weights(self, jets: Array) -> Array:
        """(jets,), float32: generator's weights times factors."""
        return (jets["mc_weight"] * self.factors(jets)).astype(np.float32)


def scaled(training: Iterable[Array], classes: int, *, where: str) -> Weighing:
    """The generator's weights as they are, but with a mean of one over the training jets."""
    total = sum(float(block["mc_weight"].sum(dtype=np.float64)) for block in training)
    if not total > 0:
        raise SampleError(f"{where}: the weights of the training jets add up to {total:g}")
    return Weighing((), (), np.full(classes, sum(map(len, training)) / total))


def balance(
    training: Iterable[Array],
    columns: Sequence[str],
    *,
    shares: Mapping[str, float],
    where: str,
    to: str | None = None,
) -> Weighing:
    """Make the classes of the training jets alike in one to three columns.

    The target is the shape in which the class `to` was generated, or else the mean of the shapes of
    all classes; unweighted, because there they have the most jets: a spectrum that was biased on
    purpose stays so. A bin is drawn up at most 20 times. The weights of a class add up to its
    share, and to a mean of one over all training jets.

    Parameters
    ----------
    training : blocks of records with the columns, ``label`` and ``mc_weight``
    shares : of the training weight, by class in the order of ``label``; their sum is one

    Raises
    ------
    SampleError
        If the generator's weights of a class do not add up to a positive number.
    """
    axes, names = tuple(columns), list(shares)
    edges = _edges(training, axes, classes=len(names))
    spectra, counts = _histograms(training, axes, edges, len(names))
    inside = tuple(range(1, counts.ndim))
    heavy, number = spectra.sum(axis=inside), counts.sum(axis=inside)
    for name, total in zip(names, heavy, strict=True):
        if not total > 0:
            raise SampleError(
                f"{where}: the weights of the training jets of class '{name}' add up to {total:g}"
            )
    weighted, shapes = spectra / _wide(heavy, counts), counts / _wide(number, counts)
    wanted = shapes.mean(axis=0) if to is None else shapes[names.index(to)]
    target = np.minimum(wanted, _CAP * shapes)
    # Bins where a class has no jets, or negative weights alone, say nothing of its spectrum.
    ratio = np.divide(target, weighted, out=np.ones_like(target), where=weighted > 0)
    total = (spectra * ratio).sum(axis=inside)
    share = number.sum() * np.array(list(shares.values()))
    return Weighing(axes, edges, ratio * _wide(share / total, counts))


def _wide(values: Array, like: Array) -> Array:
    """Values of the classes, (classes, 1, ...)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def _edges(
    training: Iterable[Array], columns: tuple[str, ...], *, classes: int
) -> tuple[Array, ...]:
    """Quantiles of all classes together."""
    number = np.zeros(classes, np.int64)
    for block in training:
        number += np.bincount(block["label"], minlength=classes)
    per_axis = int((number.min() / _JETS_PER_BIN) ** (1 / len(columns)))
    some = _every(training, -(-int(number.sum()) // _SAMPLE), columns)
    most = _MOST_BINS[len(columns)]
    return tuple(
        _quantiles(values, min(bins, max(1, per_axis)))
        for values, bins in zip(some, most, strict=True)
    )


def _every(training: Iterable[Array], step: int, columns: tuple[str, ...]) -> list[Array]:
    """Magnitudes in each column of every so many-th jet."""
    found: list[list[Array]] = [[] for _ in columns]
    seen = 0
    for block in training:
        for name, values in zip(columns, found, strict=True):
            values.append(np.abs(block[name][-seen % step :: step]))
        seen += len(block)
    return [np.concatenate(values) for values in found]


def _quantiles(values: Array, bins: int) -> Array:
    finite = values[np.isfinite(values)].astype(np.float64)
    if len(finite) == 0:
        return finite
    return np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1)[1:-1]))


def _places(jets: Array, columns: Sequence[str], edges: Sequence[Array]) -> list[Array]:
    """Bin of each jet in all columns; a missing value (NaN) counts as the largest."""
    both = zip(edges, columns, strict=True)
    return [np.searchsorted(inner, np.abs(jets[name]), side="right") for inner, name in both]


def _histograms(
    training: Iterable[Array], columns: tuple[str, ...], edges: tuple[Array, ...], classes: int
) -> tuple[Array, Array]:
    """Twice (classes, bins, ...): sum of the generator's weights, and number of jets."""
    shape = (classes, *(len(inner) + 1 for inner in edges))
    total, number = np.zeros(int(np.prod(shape))), np.zeros(int(np.prod(shape)))
    for block in training:
        places = _places(block, columns, edges)
        place = np.ravel_multi_index((block["label"].astype(np.int64), *places), shape)
        total += np.bincount(place, weights=block["mc_weight"], minlength=len(total))
        number += np.bincount(place, minlength=len(total))
    return total.reshape(shape), number.reshape(shape)
