"""Ways to a smaller network: a shadow network, and the controls that a referee asks for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ftag_prune.config.names import Name
from ftag_prune.config.training import Epochs, Optimiser
from ftag_prune.gates import Budget, Gate
from ftag_prune.goal import Goal
from ftag_prune.pressure import Fixed, Pressure
from ftag_prune.pruning_loss import PruningLoss, Squared
from ftag_prune.rates import Rates, TwoRates
from ftag_prune.spec import Spec

__all__ = ["Dense", "Gated", "Iterative", "OneShot", "Scratch", "Strategy"]


class _Strategy(Spec):
    """What all ways to a smaller network share."""

    rates: Rates = TwoRates()
    goal: Goal = Goal()
    optimiser: Optimiser | None = Field(None, description="instead of that of the training")
    epochs: Epochs | None = Field(None, description="instead of those of the training")

    @property
    def pressed(self) -> bool:
        """Whether a pruning loss pulls at gates."""
        return False

    def cuts(self, epochs: Epochs) -> dict[int, float]:  # noqa: ARG002 - the common interface
        """Epochs before which nodes are cut out, and the share of the target that is then done."""
        return {}


class Gated(_Strategy):
    """A shadow network switches nodes off during the training."""

    kind: Literal["gated"] = "gated"
    gate: Gate = Budget()
    pressure: Pressure = Fixed()
    loss: PruningLoss = Squared()
    ratchet: int | None = Field(
        None, ge=1, description="nodes that are off for so many epochs are cut out for good"
    )
    one_training: bool = Field(
        default=False, description="all targets are left behind by one training on its way down"
    )

    @model_validator(mode="after")
    def _passes(self) -> Gated:
        if self.one_training and self.gate.pressed:
            raise ValueError(
                f"one_training needs a gate with a budget that falls (budget, straight_through), "
                f"not {self.gate.kind}"
            )
        return self

    @property
    def pressed(self) -> bool:
        """Whether the pruning loss pulls at the gates, or they meet their budget by themselves."""
        return self.gate.pressed or self.loss.binarise > 0

    def cuts(self, epochs: Epochs) -> dict[int, float]:
        """The freeze, after the gated epochs."""
        return {epochs.dense + epochs.gated: 1.0}


class Dense(_Strategy):
    """Nothing is pruned: the reference."""

    kind: Literal["dense"] = "dense"


class Scratch(_Strategy):
    """A network that is small from the start, trained for as many epochs: the honest control."""

    kind: Literal["scratch"] = "scratch"
    like: Name | None = Field(
        None,
        description="strategy whose pruned shape it has; default the same share of each layer",
    )


class _Criterion(_Strategy):
    criterion: Literal["magnitude", "taylor", "random"] = Field(
        "taylor", description="magnitude: of the weights; taylor: |weight * gradient|, summed"
    )


class OneShot(_Criterion):
    """Train, cut everything at once by a criterion, fine-tune; no gates."""

    kind: Literal["one_shot"] = "one_shot"

    def cuts(self, epochs: Epochs) -> dict[int, float]:
        """All at once, where the others freeze."""
        return {epochs.dense + epochs.gated: 1.0}


class Iterative(_Criterion):
    """Prune and retrain in rounds, the classical way: each cuts the same share of what is left.

    The rounds divide the gated epochs; give `epochs` for longer ones.
    """

    kind: Literal["iterative"] = "iterative"
    rounds: int = Field(5, ge=1)

    def cuts(self, epochs: Epochs) -> dict[int, float]:
        """One cut at the beginning of each round; the last one is followed by the tuned epochs."""
        starts = [epochs.dense + i * epochs.gated // self.rounds for i in range(self.rounds)]
        return {start: (index + 1) / self.rounds for index, start in enumerate(starts)}


def _kind(content: Any) -> str:
    """What a strategy calls itself; gated if it says nothing."""
    found = content.get("kind") if isinstance(content, dict) else getattr(content, "kind", None)
    return "gated" if found is None else str(found)


Strategy = Annotated[
    Annotated[Gated, Tag("gated")]
    | Annotated[Dense, Tag("dense")]
    | Annotated[Scratch, Tag("scratch")]
    | Annotated[OneShot, Tag("one_shot")]
    | Annotated[Iterative, Tag("iterative")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message="kind should be gated, dense, scratch, one_shot or iterative",
    ),
]
