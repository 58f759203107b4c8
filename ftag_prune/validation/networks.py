"""Every network of ours, measured: its size, its time a jet, and what it keeps of dense taggers."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ftag_prune.config import Validation
from ftag_prune.errors import FtagPruneError
from ftag_prune.metrics import Combined, combine, ratio_spread, rejection
from ftag_prune.model import load_model
from ftag_prune.tensors import load
from ftag_prune.validation.answer import Candidate, Kept
from ftag_prune.validation.heldout import HeldOut
from ftag_prune.validation.latency import Latency, latency
from ftag_prune.validation.runs import Group
from ftag_prune.validation.taggers import Tagger, of_group, ratio

__all__ = ["Measured", "best_dense", "candidate", "deciding", "measured"]

_log = logging.getLogger(__name__)


class Measured(NamedTuple):
    """One network, its trainings combined: numbers of runs are means over them.

    Attributes
    ----------
    name : short text
    run : the training with the lowest validation loss, whose time is measured
    latency : for each size of batch; empty if it was not measured
    rejections : of each background of the headline, at its working point, in the task's order
    of_best : what is kept of the best dense tagger of the task; empty without one
    of_own : what is kept of the dense tagger of the same network; empty without one
    """

    name: str
    run: str
    network: str
    strategy: str
    pruned: float
    nodes_left: float
    nodes: float
    parameters: float
    multiplications: float
    validation_loss: float
    trainings: int
    latency: tuple[Latency, ...]
    rejections: tuple[Combined, ...]
    of_best: tuple[Kept, ...]
    of_own: tuple[Kept, ...]

    @property
    def dense(self) -> bool:
        """Whether nothing was pruned."""
        return self.strategy == "dense"


def best_dense(groups: Sequence[Group]) -> Group | None:
    """Dense network with the lowest loss on the validation jets; None if there is no dense one.

    Chosen on test jets, the best of several would be partly luck.
    """
    dense = [group for group in groups if group.run.dense]
    known = [group for group in dense if not math.isnan(group.validation_loss)]
    return min(known or dense, key=lambda group: group.validation_loss, default=None)


def deciding(jets: HeldOut, options: Validation) -> tuple[str, ...]:
    """Backgrounds that matter in the discriminant; FtagPruneError if none does."""
    fractions = jets.task.discriminants[0].fractions
    found = tuple(name for name, share in fractions.items() if share >= options.matters)
    if not found:
        raise FtagPruneError(
            f"no background has a fraction of {options.matters:g} or more in the discriminant "
            f"that tags '{jets.task.signal}'; the largest is {max(fractions.values()):g}"
        )
    return found


def measured(
    groups: Sequence[Group], names: dict[str, str], jets: HeldOut, options: Validation
) -> list[Measured]:
    """Measure all networks, one after the other: only the dense ones stay in memory.

    Parameters
    ----------
    names : short text of each group, by the name of its first run
    """
    best = best_dense(groups)
    dense = {
        group.run.label: _judged(group, jets, names[group.run.name])
        for group in groups
        if group.run.dense
    }
    of_best = None if best is None else dense[best.run.label]
    rng = np.random.default_rng([options.seed, 1])
    found = []
    for group in groups:
        name = names[group.run.name]
        mine = dense[group.run.label] if group.run.dense else _judged(group, jets, name)
        own = dense.get(group.run.label)
        found.append(_one(group, mine, jets, options, rng=rng, of_best=of_best, of_own=own))
    return found


class _Judged(NamedTuple):
    """A tagger, and its rejections at the working point of the headline, by background."""

    tagger: Tagger
    rejections: dict[str, _Rejections]


class _Rejections(NamedTuple):
    """Of one background, each training for itself; and their errors."""

    value: list[float]
    error: list[float]


def _judged(group: Group, jets: HeldOut, name: str) -> _Judged:
    tagger = of_group(group, jets, name=name)
    return _Judged(tagger, {one: _rejections(tagger, jets, one) for one in jets.task.backgrounds})


def _one(
    group: Group,
    mine: _Judged,
    jets: HeldOut,
    options: Validation,
    *,
    rng: np.random.Generator,
    of_best: _Judged | None,
    of_own: _Judged | None,
) -> Measured:
    best = tuple(_kept(mine, of_best, jets, options, rng))
    return Measured(
        name=mine.tagger.name,
        run=group.chosen.run.name,
        network=group.run.label,
        strategy="dense" if group.run.dense else group.run.strategy,
        pruned=group.pruned,
        nodes_left=group.mean("nodes_left"),
        nodes=group.mean("nodes"),
        parameters=group.mean("parameters"),
        multiplications=group.mean("multiplications"),
        validation_loss=group.validation_loss,
        trainings=len(group.members),
        latency=_latency(group, jets) if options.latency else (),
        rejections=tuple(combine(*mine.rejections[name]) for name in jets.task.backgrounds),
        of_best=best,
        of_own=best if of_own is of_best else tuple(_kept(mine, of_own, jets, options, rng)),
    )


def _latency(group: Group, jets: HeldOut) -> tuple[Latency, ...]:
    """Time of the run to take; none if its network cannot be exported."""
    model = load_model(group.chosen.folder / "model.pt")
    try:
        return latency(model, load(jets.path, inputs=model.about.inputs))
    except FtagPruneError as wrong:
        _log.warning("%s: no time a jet (%s)", group.chosen.run.name, wrong)
        return ()


def _rejections(tagger: Tagger, jets: HeldOut, background: str) -> _Rejections:
    classes = jets.task.classes
    signal = jets.label == classes.index(jets.task.signal)
    other = jets.label == classes.index(background)
    found = [
        rejection(value[signal], value[other], efficiency=jets.task.working_point)
        for value in tagger.value
    ]
    return _Rejections([one.value for one in found], [one.error for one in found])


def _kept(
    mine: _Judged,
    other: _Judged | None,
    jets: HeldOut,
    options: Validation,
    rng: np.random.Generator,
) -> Iterator[Kept]:
    """What is kept of another tagger, of each background that matters."""
    if other is None:
        return
    for name in deciding(jets, options):
        points = [jets.task.working_point]
        both = mine.tagger, other.tagger
        found = ratio(*both, jets, name, points, replicas=options.replicas, rng=rng)
        values = [one.rejections[name].value for one in (mine, other)]
        spread = 0.0 if mine is other else ratio_spread(*values)
        trainings = min(map(len, values))
        yield Kept(name, float(found.ratio[0]), float(found.error[0]), spread, trainings)


def candidate(one: Measured, kept: Sequence[Kept], options: Validation) -> Candidate:
    """What is asked of a network: its size, and what it keeps."""
    size = one.parameters if options.size == "parameters" else one.multiplications
    return Candidate(one.name, size, one.validation_loss, tuple(kept))
