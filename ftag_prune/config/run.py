"""One training of a study, and the runs that one job does in turn."""

from __future__ import annotations

from pydantic import Field, model_validator

from ftag_prune.architecture import Architecture
from ftag_prune.config.names import Name
from ftag_prune.config.strategy import Strategy
from ftag_prune.config.training import Training
from ftag_prune.errors import nearest
from ftag_prune.spec import Spec

__all__ = ["Chunk", "Run"]


class Run(Spec):
    """One training of the study.

    Attributes
    ----------
    target : float in [0, 1)
        Fraction to prune of what the strategy's goal counts; 0 for the dense reference.
    keep : int or None
        Exact number of nodes left, where nodes are counted and their number is known beforehand.
    like : str or None
        Run whose pruned shape this one has from the start.
    first : str or None
        Run whose tagger is the first of two steps.
    stops : tuple of float
        Targets that one training passes on its way, this one's among them.
    """

    name: Name
    task: str
    label: Name = Field(description="name of the network, one line on a figure")
    network: Architecture
    strategy: Name
    how: Strategy
    training: Training
    target: float = Field(0.0, ge=0, lt=1)
    keep: int | None = None
    seed: int
    like: Name | None = None
    first: Name | None = None
    stops: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> Run:
        goal, nodes = self.how.goal, self.network.nodes
        for name in goal.layers or ():
            if name not in nodes:
                raise ValueError(
                    f"run '{self.name}': goal.layers: no layer '{name}'{nearest(name, nodes)}"
                )
        if self.keep is not None:
            sizes = [nodes[name] for name in (nodes if goal.layers is None else goal.layers)]
            least = sum(min(goal.floor, size) for size in sizes)
            if not least <= self.keep <= sum(sizes):
                raise ValueError(
                    f"run '{self.name}' asks to keep {self.keep} nodes; its network has "
                    f"{sum(sizes)} and needs at least {least}, {goal.floor} in each layer"
                )
        return self

    @property
    def before(self) -> frozenset[str]:
        """Names of the runs that have to be finished before."""
        return frozenset(one for one in (self.like, self.first) if one is not None)

    @property
    def dense(self) -> bool:
        """Whether nothing is asked to be pruned."""
        return self.target == 0

    @property
    def nodes(self) -> int:
        """Nodes of the whole network, before anything is pruned."""
        return sum(self.network.nodes.values())

    @property
    def trunk(self) -> str:
        """Name of the training that this run shares with others; its own name if it does not."""
        if not self.stops:
            return self.name
        return "-".join([self.task, self.label, "trunk", self.strategy, f"s{self.seed}"])


class Chunk(Spec):
    """Runs that one job trains, one after another."""

    name: Name
    runs: tuple[Run, ...] = Field(min_length=1)
    checkpoint_seconds: float = Field(60.0, ge=0)
