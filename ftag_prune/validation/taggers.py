"""A tagger on the test jets, whoever made it: its discriminant, and its ROC curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from ftag_prune.flavours import Task
from ftag_prune.metrics import PairedRatio, combine, discriminant, paired_ratio, roc
from ftag_prune.validation.heldout import Array, HeldOut
from ftag_prune.validation.references import Reference
from ftag_prune.validation.runs import Group, probability_of
from ftag_prune.validation.trees import NAME, Trees

__all__ = ["Curve", "Tagger", "common", "curve", "of_group", "of_reference", "of_trees", "ratio"]

_ROUNDING = 1e-3  # scores of others may have been written with few digits


class Tagger(NamedTuple):
    """One tagger; several trainings of ours that differ by their seed count as one.

    Attributes
    ----------
    name : text in legends
    kind : whose it is
    classes : that it has scores for
    value : (trainings, jets), discriminant of the headline; nan where there is no score
    probability : (jets, classes of the task) of one training; nan for a class without scores
    run : whose the probability is; the name of the tagger for those that are not ours
    row : of `value` that belongs to the probability
    pruned : fraction
    """

    name: str
    kind: Literal["ours", "reference", "trees"]
    classes: tuple[str, ...]
    value: Array
    probability: Array
    run: str
    row: int = 0
    pruned: float = 0.0

    @property
    def chosen(self) -> Array:
        """(jets,): discriminant of the training that the probability is of."""
        return np.asarray(self.value[self.row])

    @property
    def probable(self) -> bool:
        """Whether its scores are probabilities of all classes: of each jet, they add up to one."""
        return bool(np.allclose(self.probability.sum(axis=1), 1, atol=_ROUNDING))

    @property
    def to_one(self) -> Array:
        """(jets, classes): probabilities without the rounding of their scores."""
        return np.asarray(self.probability / self.probability.sum(axis=1, keepdims=True))

    @property
    def dense(self) -> bool:
        """Whether it is one of ours from which nothing was pruned."""
        return self.kind == "ours" and self.pruned == 0


class Curve(NamedTuple):
    """ROC curve against one background, (k,) each, mean over trainings."""

    efficiency: Array
    rejection: Array
    error: Array


def of_group(group: Group, jets: HeldOut, *, name: str) -> Tagger:
    """Our runs that differ by their seed; the probability is that of the one to take."""
    task = jets.task
    found = [probability_of(one, jets) for one in group.members]
    row = group.members.index(group.chosen)
    value = np.stack([_value(one, task, task.classes) for one in found])
    return Tagger(
        name, "ours", task.classes, value, found[row], group.chosen.run.name, row, group.pruned
    )


def of_reference(reference: Reference, jets: HeldOut) -> Tagger:
    """A tagger of the card; the classes that it does not know are left out of its discriminant."""
    task = jets.task
    value = np.full(len(reference.known), np.nan)
    value[reference.known] = _value(reference.score[reference.known], task, reference.classes)
    probability = np.full((len(value), len(task.classes)), np.nan)
    for column, name in enumerate(reference.classes):
        probability[:, task.classes.index(name)] = reference.score[:, column]
    return Tagger(
        reference.name, "reference", reference.classes, value[None], probability, reference.name
    )


def of_trees(trees: Trees, jets: HeldOut) -> Tagger:
    """The boosted trees."""
    task = jets.task
    value = _value(trees.probability, task, task.classes)
    return Tagger("boosted trees", "trees", task.classes, value[None], trees.probability, NAME)


def _value(score: Array, task: Task, classes: Sequence[str]) -> Array:
    """(jets,): the headline's discriminant from scores (jets, classes in the order given)."""
    mine = task.among(classes)
    ordered = score[:, [list(classes).index(name) for name in mine.classes]]
    chosen = mine.discriminants[0]
    return discriminant(ordered, mine, signal=chosen.signal, fractions=chosen.fractions)


def common(taggers: Sequence[Tagger], jets: HeldOut) -> tuple[list[Tagger], HeldOut]:
    """Taggers and jets, those jets alone that all have scored."""
    known = np.all([np.isfinite(one.value).all(axis=0) for one in taggers], axis=0)
    if known.all():
        return list(taggers), jets
    return [
        one._replace(value=one.value[:, known], probability=one.probability[known])
        for one in taggers
    ], jets.only(known)


def curve(tagger: Tagger, jets: HeldOut, background: str, efficiencies: Sequence[float]) -> Curve:
    """ROC curve; where one training lets nothing pass there is no mean."""
    signal, other = _masks(jets, background)
    found = [roc(one[signal], one[other], efficiencies=efficiencies) for one in tagger.value]
    pairs = zip(
        np.array([one.rejection for one in found]).T,
        np.array([one.error for one in found]).T,
        strict=True,
    )
    points = [combine(values, errors) for values, errors in pairs]
    return Curve(
        np.mean([one.efficiency for one in found], axis=0),
        np.array([one.mean for one in points]),
        np.array([one.total for one in points]),
    )


def ratio(
    tagger: Tagger,
    other: Tagger,
    jets: HeldOut,
    background: str,
    efficiencies: Sequence[float],
    *,
    replicas: int,
    rng: np.random.Generator,
) -> PairedRatio:
    """Ratio of the rejections of two taggers on the same jets; one, without error, to itself."""
    if tagger.name == other.name:
        one = np.ones(len(efficiencies))
        return PairedRatio(one, one, one, np.zeros(len(efficiencies)))
    signal, against = _masks(jets, background)
    return paired_ratio(
        tagger.value[:, signal],
        tagger.value[:, against],
        other.value[:, signal],
        other.value[:, against],
        efficiency=np.array(efficiencies),
        replicas=replicas,
        rng=rng,
    )


def _masks(jets: HeldOut, background: str) -> tuple[Array, Array]:
    """Which jets are signal, and which are of a background."""
    classes = jets.task.classes
    return jets.label == classes.index(jets.task.signal), jets.label == classes.index(background)
