"""Training jets left out or copied, so that the classes have the same spectrum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ftag_prune.errors import SampleError
from ftag_prune.expression import Array
from ftag_prune.prepare.balance import Weighing

__all__ = ["Draw"]


class Draw(NamedTuple):
    """How often each training jet is taken.

    Attributes
    ----------
    weighing : weights that would level the spectra; a jet is taken in proportion to its own
    rate : (classes,), copies for a weight of one: every class keeps its number of jets
    most : copies of a jet
    """

    weighing: Weighing
    rate: Array
    most: int
    seed: int

    def copies(self, training: Iterable[Array], *, where: str) -> Iterator[Array]:
        """Number of copies, (jets,) uint8, block by block; a jet's depends on its place alone.

        SampleError for negative weights, which no number of copies can stand for.
        """
        rng = np.random.default_rng(self.seed)
        for block in training:
            negative = int(np.count_nonzero(block["mc_weight"] < 0))
            if negative:
                raise SampleError(
                    f"{where}: some training jets have negative weights, {negative} among the "
                    f"first {len(block)}, and cannot be resampled; take balance: {{kind: weights}}"
                )
            wanted = self.expected(block)
            yield np.floor(wanted + rng.random(len(block))).astype(np.uint8)

    def expected(self, jets: Array) -> Array:
        """(jets,), float64: mean number of copies, of which the drawn one is a neighbour."""
        weight = jets["mc_weight"] * self.weighing.factors(jets)
        return np.asarray(np.minimum(weight * self.rate[jets["label"]], self.most))
