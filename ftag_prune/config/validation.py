"""What a validation can be asked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ftag_prune.spec import Spec

__all__ = ["Validation"]


class Validation(Spec):
    """What is compared, and how strictly."""

    tolerance: float = Field(0.10, gt=0, lt=1, description="loss of rejection that is allowed")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="at which no more is lost")
    matters: float = Field(
        0.05, ge=0, le=1, description="fraction in the discriminant from which on a class decides"
    )
    size: Literal["parameters", "multiplications"] = Field(
        "parameters", description="what the smallest network has least of"
    )
    references: tuple[str, ...] | None = Field(
        None, description="taggers of the card; all of them if not given"
    )
    trees: bool = Field(default=True, description="train boosted trees on the same inputs")
    latency: bool = Field(default=True, description="measure the time a jet with ONNX Runtime")
    replicas: int = Field(200, ge=20, description="of the bootstrap behind errors of ratios")
    seed: int = Field(0, ge=0)
