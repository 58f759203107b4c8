"""What other runs leave behind for one: its shape from the start, the tagger it builds on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from ftag_prune.architecture import Architecture, Found, Mlp, TwoStep
from ftag_prune.config import Run
from ftag_prune.errors import FtagPruneError, TrainingError
from ftag_prune.model import Model, load_model
from ftag_prune.networks import Network, TwoStepNetwork, build_for
from ftag_prune.record import checksum, read_mapping
from ftag_prune.tensors import Description

__all__ = ["NOTHING", "Before", "before_of"]


class Before(NamedTuple):
    """What has to be there before a run starts.

    Attributes
    ----------
    like : nodes of each layer of a network that is small from the start
    first : tagger of the first of two steps
    checksum : of its file
    """

    like: dict[str, int] | None = None
    first: Model | None = None
    checksum: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What the results depend on, as JSON content."""
        everything = {"like": self.like, "first": self.checksum}
        return {name: one for name, one in everything.items() if one is not None}

    def build(self, about: Description, architecture: Architecture, *, seed: int) -> Network:
        """Network for prepared jets, on the first tagger if it has two steps."""
        if self.first is None or not isinstance(architecture, TwoStep):
            return build_for(about, architecture, seed=seed)
        network = build_for(about, _completed(architecture, self.first), seed=seed)
        if isinstance(network, TwoStepNetwork):
            network.adopt(self.first.network)
        return network


NOTHING = Before()


def _completed(architecture: TwoStep, first: Model) -> TwoStep:
    """The two steps, the first as its training has left it."""
    found, about = first.network.architecture, first.about
    if not isinstance(found, Mlp):
        raise TrainingError(
            f"first: a tagger of kind '{found.kind}' cannot score subjets; wanted one of kind 'mlp'"
        )
    told = Found(architecture=found, inputs=about.inputs, classes=about.classes)
    return architecture.model_copy(update={"found": told})


def before_of(run: Run, folder: Path) -> Before:
    """What the finished runs in a folder leave behind for a run.

    Raises
    ------
    TrainingError
        If one that it waits for is not there.
    """
    like = None if run.like is None else _shape(folder / run.like)
    if run.first is None:
        return Before(like)
    path = folder / run.first / "model.pt"
    try:
        return Before(like, load_model(path), checksum(path))
    except FtagPruneError as lost:
        raise TrainingError(f"needs the finished run '{run.first}' before: {lost}") from None


def _shape(folder: Path) -> dict[str, int]:
    """Nodes that a finished run has left in each layer."""
    try:
        found: dict[str, int] = read_mapping(folder / "run.json")["layers"]
    except (FtagPruneError, KeyError):
        raise TrainingError(
            f"{folder}: wanted a finished run, whose shape another run has from the start"
        ) from None
    return found
