"""Whether other background fractions in the discriminant would reject more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ftag_prune.metrics import discriminant, rejection, scan_fractions
from ftag_prune.report import Table, with_error
from ftag_prune.validation.heldout import HeldOut
from ftag_prune.validation.part import Part, at_efficiency, finite
from ftag_prune.validation.taggers import Tagger

__all__ = ["Mixture", "fractions", "mixtures"]


class Mixture(NamedTuple):
    """Background fractions, and what they reject.

    Attributes
    ----------
    how : "of the task" or "best"
    rejections : value and error, by background
    """

    tagger: str
    how: str
    fractions: Mapping[str, float]
    rejections: Mapping[str, tuple[float, float]]


def fractions(taggers: Sequence[Tagger], jets: HeldOut) -> Part:
    """Default and best fractions of each tagger with probabilities of all classes."""
    text = (
        "Best fractions have the largest geometric mean of the rejections at "
        f"{at_efficiency(jets.task)}, on a grid with steps of 0.05. They are sought on the jets of "
        "every second test event and measured on the others, because the best of many is partly "
        "luck.",
    )
    title = "Fractions in the discriminant"
    if lacking := _lacking(jets):
        return Part(title, (*text, f"There are too few jets of {lacking} for that."))
    found = [mixture for one in taggers if one.probable for mixture in mixtures(one, jets)]
    return Part(
        title,
        text,
        tables=(_table(found, jets),),
        numbers={"fractions": [_numbers(one) for one in found]},
    )


def _first_half(jets: HeldOut) -> npt.NDArray[np.bool_]:
    """Jets of every second event: their numbers may all be even."""
    return np.asarray(np.unique(jets.event, return_inverse=True)[1] % 2 == 0)


def _lacking(jets: HeldOut) -> str | None:
    """A class that one of the halves has no jet of."""
    first = _first_half(jets)
    for index, name in enumerate(jets.task.classes):
        mine = first[jets.label == index]
        if mine.all() or not mine.any():
            return name
    return None


def mixtures(tagger: Tagger, jets: HeldOut) -> Iterator[Mixture]:
    """The fractions of the task and the best ones, measured on the half that chose neither."""
    task, chosen = jets.task, jets.task.discriminants[0]
    first = _first_half(jets)
    scan = scan_fractions(
        tagger.to_one[first],
        jets.label[first],
        task,
        signal=task.signal,
        efficiency=task.working_point,
    )
    other = jets.only(~first)
    for how, mixture in (("of the task", chosen.fractions), ("best", scan.best)):
        value = discriminant(tagger.to_one[~first], task, signal=task.signal, fractions=mixture)
        signal = value[other.label == task.classes.index(task.signal)]
        found = {
            name: rejection(
                signal,
                value[other.label == task.classes.index(name)],
                efficiency=task.working_point,
            )
            for name in task.backgrounds
        }
        rejections = {name: (one.value, one.error) for name, one in found.items()}
        yield Mixture(tagger.name, how, dict(mixture), rejections)


def _table(found: Sequence[Mixture], jets: HeldOut) -> Table:
    names = jets.task.backgrounds
    default = {one.tagger: one for one in found if one.how == "of the task"}
    return Table(
        f"Fractions, and rejections at {at_efficiency(jets.task)}",
        [
            *("tagger", "fractions"),
            *(f"f({name})" for name in names),
            *(f"{name} rejection" for name in names),
            "gain of the geometric mean / %",
        ],
        [
            [
                one.tagger,
                one.how,
                *(f"{one.fractions[name]:g}" for name in names),
                *(_shown(*one.rejections[name]) for name in names),
                _gain(one, default[one.tagger]),
            ]
            for one in found
        ],
    )


def _shown(value: float, error: float) -> str | None:
    return with_error(value, error) if math.isfinite(value) else None


def _gain(one: Mixture, default: Mixture) -> str | None:
    """Per cent; None where nothing passes."""
    if one is default:
        return None
    logs = [
        math.log(one.rejections[k][0] / default.rejections[k][0])
        for k in one.rejections
        if math.isfinite(one.rejections[k][0]) and math.isfinite(default.rejections[k][0])
    ]
    return f"{100 * math.expm1(sum(logs) / len(logs)):+.1f}" if logs else None


def _numbers(one: Mixture) -> dict[str, Any]:
    return {
        "tagger": one.tagger,
        "how": one.how,
        "fractions": dict(one.fractions),
        "rejections": {
            name: {"value": finite(value), "error": finite(error)}
            for name, (value, error) in one.rejections.items()
        },
    }
