"""From the balance that a study asks for to the weights and copies of jets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ftag_prune.config import Resample, Unbalanced, Weights
from ftag_prune.errors import ConfigError, SampleError, nearest
from ftag_prune.expression import Array
from ftag_prune.flavours import Task
from ftag_prune.prepare.balance import Weighing, balance, scaled
from ftag_prune.prepare.resample import Draw
from ftag_prune.prepare.spool import Training
from ftag_prune.prepare.write import append
from ftag_prune.schema import Card

__all__ = ["Balanced", "Ground", "columns_of", "weigh"]

# Columns that a task is resampled in, beside those that its weights level.
_MORE = {"hbb_cc": ("mass",)}


class Balanced(NamedTuple):
    """Weights of all jets, and copies of the training jets.

    Attributes
    ----------
    weighing : weights where jets are not copied
    jets : (classes,), training jets after copying
    copies : raw file with the number of copies of each training jet, uint8; None for one of each
    even : weight of a training jet by class, if they are copied
    """

    weighing: Weighing
    jets: Array
    copies: Path | None = None
    even: Array | None = None

    def weights(self, jets: Array) -> Array:
        """(jets,), float32: final weight of each copy; `jets` have a ``split``."""
        weight = self.weighing.weights(jets)
        if self.even is None:
            return weight
        return np.where(jets["split"] == 0, self.even[jets["label"]], weight).astype(np.float32)

    def repeats(self, begin: int, number: int) -> Array:
        """Copies of consecutive training jets."""
        if self.copies is None:
            return np.ones(number, np.uint8)
        return np.fromfile(self.copies, np.uint8, number, offset=begin)

    def after(self, training: Training) -> Iterator[tuple[Array, Array]]:
        """Training jets, and what all copies of each weigh together, block by block."""
        begin = 0
        for block in training:
            yield block, self.weights(block) * self.repeats(begin, len(block))
            begin += len(block)


def columns_of(spec: Unbalanced | Weights | Resample, card: Card) -> tuple[str, ...]:
    """Columns in which the classes become alike; ConfigError if the card has no such column."""
    task = card.about
    if isinstance(spec, Unbalanced):
        return ()
    if spec.to is not None and spec.to not in task.classes:
        raise ConfigError(f"balance.to: no class '{spec.to}'{nearest(spec.to, task.classes)}")
    more = _MORE.get(task.name, ()) if isinstance(spec, Resample) else ()
    default = (*task.balance, *(name for name in more if name in card.jets))
    for name in spec.columns or ():
        if name not in card.jets:
            near = nearest(name, card.jets)
            raise ConfigError(f"balance.columns: no column '{name}' in card '{card.name}'{near}")
    return spec.columns or default


class Ground(NamedTuple):
    """What is known of the training jets.

    Attributes
    ----------
    columns : of `columns_of`
    number : (classes,), jets
    copies : where to write how often each jet is taken
    where : the sample, for messages
    """

    training: Training
    columns: tuple[str, ...]
    task: Task
    number: Array
    copies: Path
    where: str


@singledispatch
def weigh(spec: Unbalanced | Weights | Resample, on: Ground) -> Balanced:
    """Weights of all jets, and copies of the training jets.

    SampleError if the weights of a class do not add up to a positive number.
    """
    raise NotImplementedError(type(spec))


@weigh.register
def _unbalanced(spec: Unbalanced, on: Ground) -> Balanced:
    del spec
    return Balanced(scaled(on.training, len(on.number), where=on.where), on.number)


@weigh.register
def _weights(spec: Weights, on: Ground) -> Balanced:
    shares = on.task.shares
    made = balance(on.training, on.columns, shares=shares, where=on.where, to=spec.to)
    return Balanced(made, on.number)


@weigh.register
def _resample(spec: Resample, on: Ground) -> Balanced:
    shares = on.task.shares
    made = balance(on.training, on.columns, shares=shares, where=on.where, to=spec.to)
    rate = on.number / (on.number.sum() * np.array(list(shares.values())))
    draw = Draw(made, rate, spec.copies, spec.seed)
    after = np.zeros(len(shares), np.int64)
    for block, copies in zip(on.training, draw.copies(on.training, where=on.where), strict=True):
        append(on.copies, copies)
        after += np.bincount(block["label"], copies, len(shares)).astype(np.int64)
    for name, number in zip(shares, after, strict=True):
        if number == 0:
            raise SampleError(f"{on.where}: resampling takes no jet of class '{name}'")
    even = after.sum() * np.array(list(shares.values())) / after
    return Balanced(made, after, on.copies, even)
