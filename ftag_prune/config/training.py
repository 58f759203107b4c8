"""What all trainings of a study share: phases, batches, optimiser."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from ftag_prune.spec import Spec

__all__ = ["Adam", "Epochs", "Optimiser", "Sgd", "Training"]


class Epochs(Spec):
    """Phases of a training: without gates, with gates, and after the freeze."""

    dense: int = Field(3, ge=0)
    gated: int = Field(6, ge=1)
    tuned: int = Field(3, ge=0)

    @property
    def total(self) -> int:
        """Epochs of the whole training; a dense reference gets as many."""
        return self.dense + self.gated + self.tuned


class Adam(Spec):
    """Adam with decoupled weight decay, AdamW (Loshchilov and Hutter, arXiv:1711.05101).

    Either name chooses it; a spec that is written says adam.
    """

    kind: Literal["adam", "adamw"] = "adam"
    weight_decay: float = Field(0.0, ge=0)

    @field_validator("kind")
    @classmethod
    def _one_name(cls, _kind: str) -> str:
        return "adam"


class Sgd(Spec):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)


Optimiser = Annotated[Adam | Sgd, Field(discriminator="kind")]


class Training(Spec):
    """What a run and its dense reference share."""

    epochs: Epochs = Epochs()
    batch_size: int = Field(1024, ge=1)
    optimiser: Optimiser = Adam()
    patience: int | None = Field(
        None,
        ge=1,
        description="epochs without a gain on the validation jets that end a training to which "
        "nothing is cut any more; default none",
    )
    least_gain: float = Field(
        0.0, ge=0, description="fall of the validation loss that is a gain to the patience"
    )
    keep: Literal["best", "last"] = Field(
        "best",
        description="weights of the epoch with the lowest validation loss, of those after the "
        "last cut, or of the last epoch",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "cpu",
        description="where the network is trained; auto is cuda or mps if there is one; results "
        "are the same to the bit on the CPU alone",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="of products with weights in training; gates, losses, validation, optimiser "
        "and results stay in float32",
    )
    memory_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="share of the memory of machine or job; larger files are read in chunks",
    )
