"""A tagger of large-R jets in two steps, before it is built: subjets first, then their scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ftag_prune.architecture.mlp import Mlp
from ftag_prune.spec import Spec

__all__ = ["FirstStep", "Found", "TwoStep"]


class FirstStep(Spec):
    """A tagger of the same study, by its place in the grid; its seed is that of the second step."""

    task: str = "single_b"
    network: str = Field(description="its label")
    target: float = Field(0.0, ge=0, lt=1, description="pruned fraction; 0 for the dense one")
    strategy: str | None = Field(None, description="that pruned it")

    @model_validator(mode="after")
    def _whole(self) -> FirstStep:
        if self.target and self.strategy is None:
            raise ValueError(f"strategy: is missing; a target of {self.target:g} needs one")
        if not self.target and self.strategy is not None:
            raise ValueError(f"target: is missing; which of '{self.strategy}' is meant?")
        return self


class Found(Spec):
    """The first tagger as its training has left it."""

    architecture: Mlp
    inputs: tuple[str, ...]
    classes: tuple[str, ...]


class TwoStep(Spec):
    """A trained tagger scores the subjets; a perceptron on their scores tags the jet.

    As ATLAS's Xbb taggers on DL1r scores (ATL-PHYS-PUB-2020-019). The first tagger stays as it is;
    the nodes are those of the second step. Input `x` of the first tagger is the jet input
    `{subjet}x`; a subjet without any of them is absent.
    """

    needs_tracks: ClassVar[bool] = False
    selects_inputs: ClassVar[bool] = False
    tracks: ClassVar[tuple[str, ...]] = ()

    kind: Literal["two_step"] = "two_step"
    first: FirstStep
    second: Mlp
    subjets: tuple[str, ...] = Field(
        ("subjet1_", "subjet2_", "subjet3_"), min_length=1, description="start of their inputs"
    )
    beside: tuple[str, ...] = Field(
        default=(), description="jet inputs that the second step takes beside the scores"
    )
    found: Annotated[
        Found | None, Field(description="the first tagger; filled in when the training starts")
    ] = None

    @property
    def nodes(self) -> dict[str, int]:
        """Number of nodes of each layer of the second step by its name."""
        return self.second.nodes

    def resized(self, nodes: Mapping[str, int]) -> TwoStep:
        """Build the same with other numbers of nodes in some layers of the second step."""
        return self.model_copy(update={"second": self.second.resized(nodes)})
