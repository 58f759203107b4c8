"""What is known of an epoch's batches, also of one that was interrupted between two of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ftag_prune.pressure import Seen

__all__ = ["Begun", "Step", "step_of"]


class Step(NamedTuple):
    """One batch; `seen` is what the pressure saw, if there were gates."""

    jets: int
    class_loss: float
    origin_loss: float = 0.0
    pruning_loss: float = 0.0
    seen: Seen | None = None


class Begun(NamedTuple):
    """An epoch of which some batches are done, the cuts before it too.

    Attributes
    ----------
    steps : of the batches that are done
    noise : generator of drawn gates, as it is now
    drawn : torch's own generators to go on from, the CPU's first; None at the start of an epoch
    """

    steps: list[Step]
    noise: torch.Generator
    drawn: list[Tensor] | None = None


def step_of(told: list[Any]) -> Step:
    """Step of its JSON content."""
    step = Step(*told)
    return step._replace(seen=None if step.seen is None else Seen(*step.seen))
