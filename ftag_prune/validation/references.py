"""Taggers of others whose scores are in the prepared file, as its card names them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ftag_prune.errors import SampleError, nearest
from ftag_prune.flavours import score_name
from ftag_prune.tensors.meaning import prepared_file
from ftag_prune.validation.heldout import Array, HeldOut

__all__ = ["Reference", "References", "references"]


class Reference(NamedTuple):
    """Scores of one tagger.

    Attributes
    ----------
    classes : that it has scores for
    score : (jets, classes)
    known : (jets,), whether all of them are there
    """

    name: str
    classes: tuple[str, ...]
    score: Array
    known: npt.NDArray[np.bool_]


class References(NamedTuple):
    """Taggers that can be compared, and a sentence on each that cannot or not on all jets."""

    usable: tuple[Reference, ...]
    notes: tuple[str, ...]


def references(jets: HeldOut, wanted: Sequence[str] | None = None) -> References:
    """Taggers of the card, in its order; those that are wanted, if any are named.

    A score that is no number or negative counts as missing. A tagger without any score of one of
    the classes of the sample, of the signal, or of all backgrounds is not used, and a note says so.

    Raises
    ------
    SampleError
        If the card does not name a tagger that is wanted, or the file lacks one of its columns.
    """
    for name in wanted or ():
        if name not in jets.references:
            known = "names none" if not jets.references else "does not name it"
            raise SampleError(
                f"{jets.path}: no scores of the tagger '{name}', the card {known}"
                f"{nearest(name, jets.references)}"
            )
    names = jets.references if wanted is None else wanted
    read = [_reference(jets, name) for name in names]
    faults = [_fault(jets, one) for one in read]
    usable = [one for one, fault in zip(read, faults, strict=True) if fault is None]
    notes = [fault for fault in faults if fault is not None]
    return References(tuple(usable), (*notes, *(_gaps(one) for one in usable if _some(one))))


def _reference(jets: HeldOut, name: str) -> Reference:
    classes = jets.references[name]
    columns = [score_name(name, flavour) for flavour in classes]
    with prepared_file(jets.path) as file:
        for column in columns:
            if column not in file["jets"].dtype.names:
                raise SampleError(
                    f"{jets.path}: the card names the tagger '{name}', but there is no column "
                    f"'{column}'; prepare it again"
                )
        table = file["jets"].fields(columns)[:]
    score = np.stack([table[column] for column in columns], axis=1).astype(np.float64)
    known = np.all(np.isfinite(score) & (score >= 0), axis=1)
    return Reference(name, classes, score, known)


def _fault(jets: HeldOut, one: Reference) -> str | None:
    """Why a tagger cannot be compared, if it cannot."""
    if jets.task.discriminants[0].among(one.classes) is None:
        return (
            f"{one.name} is left out: it has scores for {', '.join(one.classes)}, and tagging "
            f"{jets.task.signal} needs one for it and one for a background."
        )
    here = {name for i, name in enumerate(jets.task.classes) if one.known[jets.label == i].any()}
    lost = [name for name in jets.task.classes if name not in here]
    if lost:
        every = len(lost) == len(jets.task.classes)
        return (
            f"{one.name} is left out: no test jet {'' if every else f'of the class {lost[0]} '}has "
            "all of its scores."
        )
    return None


def _some(one: Reference) -> bool:
    return not one.known.all()


def _gaps(one: Reference) -> str:
    lost = int((~one.known).sum())
    return (
        f"{one.name} has no score for {lost:,} of {len(one.known):,} test jets "
        f"({100 * lost / len(one.known):.2g} %); comparisons with other taggers are made on the "
        "jets that all have scored."
    )
