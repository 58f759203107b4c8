"""The learning rates of weights and gates, and how they rise and fall during a training."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, model_validator

from ftag_prune.spec import Spec

__all__ = ["Cosine", "HighToLow", "OneRate", "Pair", "Rates", "TwoRates", "schedule"]


class Pair(NamedTuple):
    """Learning rates of the two parameter groups."""

    weights: float
    gates: float


class _Warming(Spec):
    """Rates that may start from 0: what a kind of its own says comes after the warm-up.

    Weights and gates warm up alike. Adam's first steps are as long as its rate, whatever little it
    knows of the gradients by then (Liu et al., arXiv:1908.03265), and gates that ran ahead would
    judge nodes by weights that have not learned. With dense epochs in front the warm-up is usually
    over before the gates come.
    """

    warm_up: float = Field(
        0.0,
        ge=0,
        lt=1,
        # What a run's identity is made of: without a warm-up it is that of the runs before.
        exclude_if=lambda share: share == 0,
        description="share of all epochs in which the rates rise linearly from 0",
    )

    def at(self, progress: float, *, pruned: float = 0.0) -> Pair:
        """Rates after a share `progress` (0 to 1) of all epochs.

        Parameters
        ----------
        pruned : largest fraction of nodes that was off at the end of an epoch before
        """
        if progress < self.warm_up:
            first = self._once_warm(0.0, pruned)
            share = progress / self.warm_up
            return Pair(share * first.weights, share * first.gates)
        return self._once_warm((progress - self.warm_up) / (1 - self.warm_up), pruned)

    @abstractmethod
    def _once_warm(self, progress: float, pruned: float) -> Pair:
        """Rates after a share of the epochs that follow the warm-up."""


class _Falling(_Warming):
    decay: Literal["cosine", "none"] = Field(
        "cosine", description="how the weights' rate falls from the first epoch to the last"
    )
    floor: float = Field(0.01, ge=0, le=1, description="last rate as a share of the first")

    def _fall(self, progress: float) -> float:
        return 1.0 if self.decay == "none" else _cosine(progress, self.floor)


class OneRate(_Falling):
    """One rate for both losses: weights and gates learn alike."""

    kind: Literal["one_rate"] = "one_rate"
    rate: float = Field(1e-3, gt=0)

    def _once_warm(self, progress: float, pruned: float) -> Pair:  # noqa: ARG002
        now = self.rate * self._fall(progress)
        return Pair(now, now)


class TwoRates(_Falling):
    """One rate for the weights, which falls, and one for the gates, which stays."""

    kind: Literal["two_rates"] = "two_rates"
    weights: float = Field(2e-3, gt=0)
    gates: float = Field(5e-2, gt=0)

    def _once_warm(self, progress: float, pruned: float) -> Pair:  # noqa: ARG002
        return Pair(self.weights * self._fall(progress), self.gates)


class HighToLow(_Warming):
    """One rate for both, high until pruning has started, then low for good.

    The users' remedy: L_pru falls too slowly at a low rate, the accuracy suffers at a high one.
    `trigger` is the fraction of nodes switched off that counts as a start. It is looked at between
    epochs, and nodes that come back do not bring the high rate back. Pruning may stay incomplete:
    the low rate meets the same slow L_pru. A dense run has nothing to start and stays high.
    """

    kind: Literal["high_to_low"] = "high_to_low"
    high: float = Field(1e-2, gt=0)
    low: float = Field(1e-3, gt=0)
    trigger: float = Field(0.01, gt=0, lt=1, description="pruned fraction that lowers the rate")

    @model_validator(mode="after")
    def _falls(self) -> HighToLow:
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) lies above high ({self.high:g})")
        return self

    def _once_warm(self, progress: float, pruned: float) -> Pair:  # noqa: ARG002
        now = self.low if pruned >= self.trigger else self.high
        return Pair(now, now)


class Cosine(_Warming):
    """Weights and gates fall together along half a cosine, `cycles` times from the top.

    ``rate = first * (floor + (1 - floor) (1 + cos(pi p)) / 2)``, p the share of the cycle that is
    done: Loshchilov and Hutter, arXiv:1608.03983, eq. 5 with cycles of one length. Each new cycle
    is a warm restart, the usual remedy for a loss that is stuck. After a warm-up p counts what is
    left of the training: cosine with warm-up, as transformers are trained.
    """

    kind: Literal["cosine"] = "cosine"
    weights: float = Field(2e-3, gt=0)
    gates: float = Field(5e-2, gt=0)
    floor: float = Field(0.01, ge=0, le=1, description="last rate as a share of the first")
    cycles: int = Field(1, ge=1)

    def _once_warm(self, progress: float, pruned: float) -> Pair:  # noqa: ARG002
        done = progress * self.cycles % 1 if progress < 1 else 1.0
        share = _cosine(done, self.floor)
        return Pair(self.weights * share, self.gates * share)


Rates = Annotated[OneRate | TwoRates | HighToLow | Cosine, Field(discriminator="kind")]


def schedule(
    rates: Rates, pruned_of_epoch: Callable[[int], float] = lambda _epoch: 0.0, *, epochs: int
) -> list[Pair]:
    """Rates at the beginning of each epoch, if the training were as told.

    Parameters
    ----------
    pruned_of_epoch : fraction of nodes that are off at the end of an epoch (from 0)
    epochs : of the whole training: dense, gated and tuned
    """
    drawn, most = [], 0.0
    for epoch in range(epochs):
        drawn.append(rates.at(epoch / epochs, pruned=most))
        most = max(most, pruned_of_epoch(epoch))
    return drawn


def _cosine(progress: float, floor: float) -> float:
    """Half a cosine from 1 at the beginning to `floor` at the end."""
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
