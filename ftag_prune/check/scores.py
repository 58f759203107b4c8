"""Scores of the reference taggers in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ftag_prune.check.finding import Finding, doubtful, note, percent
from ftag_prune.expression import Array

__all__ = ["probabilities"]

_ROUNDED = 0.01  # half precision, in which scores are often stored, adds up to this
_SOME = 0.01


def probabilities(name: str, scores: Mapping[str, Array]) -> Iterator[Finding]:
    """Scores (jets,) by class that are no probabilities.

    They may add up to less than one: the tagger may know classes that the card has no use for.
    """
    key = f"references.{name}"
    columns = {flavour: np.asarray(values, np.float64) for flavour, values in scores.items()}
    known = np.all([np.isfinite(values) for values in columns.values()], axis=0)
    if not known.any():
        yield doubtful(key, "has no jet with all scores")
        return
    if (lost := float(1 - known.mean())) > 0:
        yield note(key, f"has no score for {percent(lost)} of the jets")
    for flavour, values in columns.items():
        outside = (values[known] < -1e-6) | (values[known] > 1 + 1e-6)
        if outside.any():
            yield doubtful(
                f"{key}.{flavour}",
                f"is outside of 0 to 1 for {percent(float(outside.mean()))} of the jets",
            )
            return
    total = np.asarray(sum(values[known] for values in columns.values()))
    middle = f"of the jets (median {float(np.median(total)):.3g})"
    if (share := float((total > 1 + _ROUNDED).mean())) > _SOME:
        yield doubtful(key, f"the scores add up to more than one for {percent(share)} {middle}")
    elif (share := float((total < 1 - _ROUNDED).mean())) > _SOME:
        yield note(
            key,
            f"the scores add up to less than one for {percent(share)} {middle}; does the tagger "
            f"know further classes?",
        )
