"""Training weights: every class with the same spectrum, and with its share of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array

__all__ = ["BLOCK", "Balance", "balance", "blocks"]

BLOCK = 65_536  # jets in one sum; fixed, so that sums do not depend on how the files were read

_MOST_BINS = (24, 8)  # along the first and second column
_JETS_PER_BIN = 20  # of the smallest class, if they were spread evenly
_CAP = 20.0  # a jet from a sparse corner must not dominate a batch
_SAMPLE = 1_000_000  # jets that the edges are taken from


class Balance(NamedTuple):
    """Factors on the generator's weight, by class and bin of the two columns.

    Attributes
    ----------
    columns : their names
    edges : inner edges of the bins in each column
    factor : (classes, bins, bins)
    """

    columns: tuple[str, str]
    edges: tuple[Array, Array]
    factor: Array

    def weights(self, jets: Array) -> Array:
        """(jets,), float32: generator's weights times factors."""
        places = _places(jets, self.columns, self.edges)
        factor: Array = self.factor[(jets["label"], *places)]
        return (jets["mc_weight"] * factor).astype(np.float32)


def blocks(size: int, length: int = BLOCK) -> Iterator[slice]:
    """Consecutive pieces of `size` rows."""
    for begin in range(0, size, length):
        yield slice(begin, min(begin + length, size))


def balance(
    jets: Array, columns: Sequence[str], *, shares: Mapping[str, float], where: str
) -> Balance:
    """Make the classes of the training jets alike in two columns.

    The target is the mean of the shapes in which the classes were generated, unweighted, because
    there they have the most jets: a spectrum that was biased on purpose stays so. A bin is drawn
    up at most 20 times. The weights of a class add up to its share, and to a mean of one over all
    training jets.

    Parameters
    ----------
    jets : (n,), records with the columns, ``label`` and ``mc_weight``
    columns : two names
    shares : of the training weight, by class in the order of ``label``; their sum is one

    Raises
    ------
    SampleError
        If the generator's weights of a class do not add up to a positive number.
    """
    axes = (columns[0], columns[1])
    number = np.bincount(jets["label"], minlength=len(shares))
    edges = _edges(jets, axes, smallest=int(number.min()))
    spectra, counts = _histograms(jets, axes, edges, len(shares))
    heavy = spectra.sum(axis=(1, 2))
    for name, total in zip(shares, heavy, strict=True):
        if not total > 0:
            raise SampleError(
                f"{where}: the weights of the training jets of class '{name}' add up to {total:g}"
            )
    weighted, shapes = spectra / heavy[:, None, None], counts / number[:, None, None]
    target = np.minimum(shapes.mean(axis=0), _CAP * shapes)
    # Bins where a class has no jets, or negative weights alone, say nothing of its spectrum.
    ratio = np.divide(target, weighted, out=np.ones_like(target), where=weighted > 0)
    total = (spectra * ratio).sum(axis=(1, 2))
    wanted = len(jets) * np.array(list(shares.values()))
    return Balance(axes, edges, ratio * (wanted / total)[:, None, None])


def _edges(jets: Array, columns: tuple[str, str], *, smallest: int) -> tuple[Array, Array]:
    """Quantiles of all classes together."""
    per_axis = int(np.sqrt(smallest / _JETS_PER_BIN))
    some = jets[:: -(-len(jets) // _SAMPLE)]

    def quantiles(column: str, most: int) -> Array:
        values = some[column].astype(np.float64)
        values = values[np.isfinite(values)]
        if len(values) == 0:
            return values
        inner = np.linspace(0, 1, min(most, max(1, per_axis)) + 1)[1:-1]
        return np.unique(np.quantile(values, inner))

    return quantiles(columns[0], _MOST_BINS[0]), quantiles(columns[1], _MOST_BINS[1])


def _places(jets: Array, columns: tuple[str, str], edges: tuple[Array, Array]) -> list[Array]:
    """Bin of each jet in both columns; a missing value (NaN) counts as the largest."""
    both = zip(edges, columns, strict=True)
    return [np.searchsorted(inner, jets[name], side="right") for inner, name in both]


def _histograms(
    jets: Array, columns: tuple[str, str], edges: tuple[Array, Array], classes: int
) -> tuple[Array, Array]:
    """Twice (classes, bins, bins): sum of the generator's weights, and number of jets."""
    shape = (classes, len(edges[0]) + 1, len(edges[1]) + 1)
    total, number = np.zeros(int(np.prod(shape))), np.zeros(int(np.prod(shape)))
    for part in blocks(len(jets)):
        block = jets[part]
        places = _places(block, columns, edges)
        place = np.ravel_multi_index((block["label"].astype(np.int64), *places), shape)
        total += np.bincount(place, weights=block["mc_weight"], minlength=len(total))
        number += np.bincount(place, minlength=len(total))
    return total.reshape(shape), number.reshape(shape)
