"""The pruning loss L_pru: how far the gates are from what they are asked for.

Written with tensor methods only, as the gates are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ftag_prune.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Absolute", "OneSided", "PruningLoss", "Squared"]


class _Loss(Spec, ABC):
    reduction: Literal["mean", "sum", "scaled"] = Field(
        "mean",
        description="of the gap a - t: mean f(a - t), sum f(N (a - t)), scaled N f(a - t)",
    )
    binarise: float = Field(
        0.0, ge=0, description="factor of mean z (1 - z), which no half-open gate survives"
    )

    def of(self, active: Tensor, gates: Tensor, *, wanted: float) -> Tensor:
        """L_pru of an active fraction a (a number), and of the gates z (nodes,) for `binarise`."""
        nodes = gates.numel()
        inside, outside = {"mean": (1, 1), "sum": (nodes, 1), "scaled": (1, nodes)}[self.reduction]
        loss = outside * self._shape(inside * (active - wanted))
        return loss + self.binarise * (gates * (1 - gates)).mean() if self.binarise else loss

    @abstractmethod
    def _shape(self, gap: Tensor) -> Tensor:
        """Loss of a gap."""


class Squared(_Loss):
    """``(a - t)^2``: the closer, the less it presses."""

    kind: Literal["squared"] = "squared"

    def _shape(self, gap: Tensor) -> Tensor:
        return gap.square()


class Absolute(_Loss):
    """``|a - t|``: presses to the end, and to and fro at the end."""

    kind: Literal["absolute"] = "absolute"

    def _shape(self, gap: Tensor) -> Tensor:
        return gap.abs()


class OneSided(_Loss):
    """``max(0, a - t)^2``: too few open gates are no fault."""

    kind: Literal["one_sided"] = "one_sided"

    def _shape(self, gap: Tensor) -> Tensor:
        return gap.clamp_min(0).square()


PruningLoss = Annotated[Squared | Absolute | OneSided, Field(discriminator="kind")]
