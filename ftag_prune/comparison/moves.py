"""What moved between two releases of a study, beyond its error and beyond chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from scipy.special import stdtr

from ftag_prune.comparison.release import Key, Measured, Release, read_release
from ftag_prune.errors import FtagPruneError

__all__ = ["Comparison", "Move", "Resized", "compare", "moves_of"]


class Move(NamedTuple):
    """A number of both releases.

    Attributes
    ----------
    old, new : number
    difference : new - old rejection; inf or nan if no jet passes in one of them
    error : of the difference, the errors of both in quadrature
    pull : difference / error
    p_value : of a pull as large, if nothing had changed; nan if there is none
    adjusted : p-value after the correction for all numbers that were compared
    moved : ``better``, ``worse`` or ``same``; ``unknown`` if no jet passes in one of them
    """

    old: Measured
    new: Measured
    difference: float
    error: float
    pull: float
    p_value: float
    adjusted: float
    moved: str


class Resized(NamedTuple):
    """A point (network, strategy, target) of both releases, by any of its numbers."""

    old: Measured
    new: Measured

    @property
    def changed(self) -> bool:
        """Whether its size or its number of epochs is another."""
        old, new = (
            (one.left, one.parameters, one.multiplications, one.epochs)
            for one in (self.old, self.new)
        )
        return old != new

    @property
    def time(self) -> float:
        """Time of a training over that of the old release; nan where that took none."""
        return self.new.seconds / self.old.seconds if self.old.seconds else math.nan


class Comparison(NamedTuple):
    """What two releases have in common, and what only one has.

    `level` is the probability that anything at all is said to have moved if nothing has.
    """

    old: Release
    new: Release
    level: float
    moves: tuple[Move, ...]
    points: tuple[Resized, ...]
    only_old: tuple[Measured, ...]
    only_new: tuple[Measured, ...]

    def of(self, moved: str) -> list[Move]:
        """Numbers that moved in this way, the surest first."""
        return sorted(
            (move for move in self.moves if move.moved == moved), key=lambda move: -abs(move.pull)
        )

    @property
    def worse(self) -> bool:
        """Whether anything is worse beyond its error."""
        return any(move.moved == "worse" for move in self.moves)


def compare(old: Path, new: Path, *, level: float = 0.05) -> Comparison:
    """Compare the results folders of two releases of a study; see `moves_of`.

    Raises
    ------
    FtagPruneError
        If a folder has no tables of results, or the two have no number in common.
    """
    if not 0 < level < 1:
        raise FtagPruneError(f"the level of a comparison is a probability, found {level:g}")
    before, after = read_release(old), read_release(new)
    moves = moves_of(before.numbers, after.numbers, level=level)
    if not moves:
        raise FtagPruneError(
            f"{old} and {new} have no number in common: the first begins with {_first(before)}, "
            f"the second with {_first(after)}"
        )
    shared = {move.old.key for move in moves}
    return Comparison(
        before,
        after,
        level,
        moves=tuple(moves),
        points=tuple({move.old.point: Resized(move.old, move.new) for move in moves}.values()),
        only_old=tuple(one for one in before.numbers if one.key not in shared),
        only_new=tuple(one for one in after.numbers if one.key not in shared),
    )


def _first(release: Release) -> str:
    return " ".join(str(part) for part in release.numbers[0].key if part is not None)


def moves_of(old: Sequence[Measured], new: Sequence[Measured], *, level: float) -> list[Move]:
    """Numbers of both, with p-values corrected for their number.

    The errors of the two are taken as independent. Where both releases scored the same jets, or
    trained with the same seeds, they fluctuate together and the error of the difference is smaller
    than the one used: less is found to move than moved, not more. Each error is statistical (jets)
    and spread (trainings) in quadrature. The spread is itself measured with few trainings, so the
    pull follows Student's t with the degrees of freedom of Welch and Satterthwaite (1946), in
    which the statistical errors count as known. A single training knows no spread, and its number
    seems surer than it is.

    The correction is that of Holm (1979), which holds whatever the numbers have to do with each
    other: with the probability `level` or less is any of them said to move if none has.
    """
    before: dict[Key, Measured] = {number.key: number for number in old}
    pairs = [(before[number.key], number) for number in new if number.key in before]
    moves = [_move(*pair) for pair in pairs]
    adjusted = _holm([move.p_value for move in moves])
    return [
        move._replace(adjusted=p, moved=_verdict(move, p, level))
        for move, p in zip(moves, adjusted, strict=True)
    ]


def _move(old: Measured, new: Measured) -> Move:
    """The difference of a number and how likely it is, before any correction."""
    spreads = [0.0 if math.isnan(one.spread) else one.spread for one in (old, new)]
    error = math.hypot(old.statistical, new.statistical, *spreads)
    difference = new.rejection - old.rejection
    if not (math.isfinite(difference) and math.isfinite(error)):
        return Move(old, new, difference, error, math.nan, math.nan, math.nan, "unknown")
    pull = _pull(difference, error)
    freedom = _freedom(error, spreads, [old.seeds, new.seeds])
    p_value = float(2 * stdtr(freedom, -abs(pull)))
    return Move(old, new, difference, error, pull, p_value, math.nan, "same")


def _pull(difference: float, error: float) -> float:
    """Difference in units of its error; 0 for equal numbers without error."""
    if error:
        return difference / error
    return math.copysign(math.inf, difference) if difference else 0.0


def _freedom(error: float, spreads: Sequence[float], trainings: Sequence[int]) -> float:
    """Degrees of freedom of a pull whose error has parts from few trainings."""
    parts = sum(
        spread**4 / (number - 1)
        for spread, number in zip(spreads, trainings, strict=True)
        if number > 1
    )
    return error**4 / parts if parts else math.inf


def _holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number, nan where there is none."""
    known = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[index] = largest
    return adjusted


def _verdict(move: Move, adjusted: float, level: float) -> str:
    if math.isnan(adjusted):
        return "unknown"
    if adjusted >= level:
        return "same"
    return "better" if move.difference > 0 else "worse"
