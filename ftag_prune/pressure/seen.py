"""What a pressure sees, what it keeps, and what all pressures have in common."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from ftag_prune.spec import Spec

__all__ = ["Memory", "Pressing", "Seen"]


class Seen(NamedTuple):
    """What the loop observed at a step.

    ``epoch`` counts gated epochs from 0 (dense ones before them do not count); ``progress`` runs
    from 0 to 1 over the gated epochs; ``pruned`` and ``target`` are fractions of the ``nodes``, or
    of the parameters or multiplications if the goal counts those.
    ``pruning_gradient`` is the 2-norm of the pruning loss's gradient on the gates' trainable
    numbers theta, and 0 for a pressure that does not ask for it (`Pressing.needs_gradient`).
    """

    epoch: int
    progress: float
    nodes: int
    pruned: float
    target: float
    class_loss: float
    pruning_loss: float
    pruning_gradient: float = 0.0

    @property
    def shortfall(self) -> float:
        """Fraction that is still to be switched off; below 0 if too much is."""
        return self.target - self.pruned


class Memory(NamedTuple):
    """What a pressure keeps between steps; it goes into the checkpoint.

    ``kept`` are the numbers that only the pressure itself understands; empty before the first step.
    """

    pressure: float
    kept: tuple[float, ...] = ()


class Pressing(Spec):
    """Base of the pressures: one frozen class each, with a `kind`, and an entry in `Pressure`."""

    needs_gradient: ClassVar[bool] = False

    def start(self, nodes: int) -> Memory:  # noqa: ARG002 - the common interface
        """Memory before the first step of a network of `nodes`: nothing seen, nothing pressed."""
        return Memory(0.0)
