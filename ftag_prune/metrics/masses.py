"""Mass sculpting: how far a cut on the tagger bends the mass spectrum of a background."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ftag_prune.metrics.ranking import Array

__all__ = ["Sculpting", "sculpting"]


class Sculpting(NamedTuple):
    """Mass spectra before and after a cut, and how far they are apart.

    Attributes
    ----------
    edges : (bins + 1,)
    before, before_error, after, after_error : (bins,)
        Share of the jets within the edges that is in each bin (sum one), and its error.
    divergence, error : float
        Jensen-Shannon divergence of the two in bits, 0 (the same shape) to 1 (no common bin), and
        its error. Few jets alone make it differ from zero: see `unsculpted`.
    unsculpted : float
        Mean divergence if as many jets passed, chosen by chance.
    """

    edges: Array
    before: Array
    before_error: Array
    after: Array
    after_error: Array
    divergence: float
    error: float
    unsculpted: float


def sculpting(
    mass: ArrayLike,
    passed: ArrayLike,
    *,
    edges: ArrayLike,
    replicas: int,
    rng: np.random.Generator,
    weight: ArrayLike | None = None,
) -> Sculpting:
    """Mass spectrum of background jets before and after a cut.

    Parameters
    ----------
    mass : (n,), finite
    passed : (n,), bool
        Whether the jet passes the cut.
    edges : (bins + 1,), rising
        Jets beyond them are left out; the last bin holds its upper edge.
    replicas : int
        Bootstrap replicas behind the errors.
    """
    raise NotImplementedError
