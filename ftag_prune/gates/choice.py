"""All gates that a study can name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ftag_prune.gates.budget import Budget, StraightThrough
from ftag_prune.gates.concrete import HardConcrete
from ftag_prune.gates.sigmoid import Annealed, HardSigmoid, Sigmoid

__all__ = ["Gate"]

Gate = Annotated[
    Sigmoid | HardSigmoid | Annealed | HardConcrete | StraightThrough | Budget,
    Field(discriminator="kind"),
]
