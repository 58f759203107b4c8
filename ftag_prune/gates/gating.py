"""What all gates have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ftag_prune.goal import Aim
from ftag_prune.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Gating"]


class Gating(Spec, ABC):
    """Base of the gates: one frozen class each, with a `kind`, and an entry in `Gate`.

    ``noisy`` gates draw at each training step; ``pressed`` gates need the pruning loss, the others
    meet their budget by construction.
    """

    noisy: ClassVar[bool] = False
    pressed: ClassVar[bool] = True

    def start(self) -> float:
        """Theta of every node before the first step."""
        return 0.0

    @abstractmethod
    def values(self, theta: Tensor, aim: Aim, *, noise: Tensor | None = None) -> Tensor:
        """Gates (nodes,) of theta (nodes,).

        Parameters
        ----------
        noise : (nodes,) in (0, 1), uniform
            Of a training step, for gates that are `noisy`; None gives the gates at rest.
        """

    def active(self, theta: Tensor, values: Tensor, aim: Aim) -> Tensor:  # noqa: ARG002
        """What the pruning loss counts of each node (nodes,): its gate, if nothing else is said."""
        return values

    def steepness_at(self, progress: float) -> float:  # noqa: ARG002
        """Steepness k of the gate as a function of theta, after a share of the gated epochs."""
        return 1.0

    def least(self, aim: Aim) -> float:
        """Cost that has to stay at this moment, whatever is off."""
        return aim.budget
