"""The axes of a study."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from ftag_prune.architecture import Architecture, Mlp
from ftag_prune.config.family import Family
from ftag_prune.config.names import Name
from ftag_prune.errors import nearest
from ftag_prune.flavours import TASKS
from ftag_prune.spec import Spec

__all__ = ["Grid"]


class Grid(Spec):
    """Axes of the study: every combination is a run, beside one dense run a network and seed."""

    tasks: tuple[str, ...] = Field(min_length=1)
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), description="nodes in each hidden layer of a perceptron"
    )
    depth: int = Field(3, ge=1, le=1000, description="hidden layers of a perceptron")
    networks: dict[Name, Architecture] = Field(
        default={}, description="other networks by their label, beside or instead of widths"
    )
    families: dict[Name, Family] = Field(
        default={}, description="grids of networks: one for each combination of some numbers"
    )
    targets: tuple[float, ...] = Field(
        default=(), description="fractions of nodes to prune, 0 for the dense reference"
    )
    keep: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), description="numbers of nodes to keep, beside or instead of targets"
    )
    strategies: tuple[Name, ...] = Field(default=("budget",), min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    runs_per_job: int = Field(8, ge=1, description="trainings that one job does in turn")
    minutes_per_job: float | None = Field(
        None, gt=0, description="about how long a job lasts, instead of runs_per_job"
    )
    training_jets: int | None = Field(
        None, ge=1, description="jets that minutes_per_job reckons with, if they are not generated"
    )
    checkpoint_seconds: float = Field(
        60.0, ge=0, description="time between two checkpoints of a training"
    )

    @field_validator("tasks")
    @classmethod
    def _known(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        for task in tasks:
            if task not in TASKS:
                raise ValueError(f"no task '{task}'{nearest(task, TASKS)}")
        return tasks

    @field_validator("targets")
    @classmethod
    def _fractions(cls, targets: tuple[float, ...]) -> tuple[float, ...]:
        for target in targets:
            if not 0 <= target < 1:
                raise ValueError(
                    f"a target is the fraction of nodes to prune, from 0 to below 1, not {target:g}"
                )
        return targets

    @field_validator("tasks", "widths", "targets", "keep", "strategies", "seeds")
    @classmethod
    def _once(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        for index, value in enumerate(values):
            if value in values[:index]:
                raise ValueError(f"{value!r} stands twice")
        return values

    @model_validator(mode="after")
    def _something(self) -> Grid:
        if not self.targets and not self.keep:
            raise ValueError("needs targets (fractions to prune) or keep (numbers of nodes)")
        if not self.labelled:
            raise ValueError("needs widths (of perceptrons), networks (by their label) or families")
        return self

    @model_validator(mode="after")
    def _labels(self) -> Grid:
        seen: dict[str, str] = dict.fromkeys(self._perceptrons(), "a width")
        seen |= {label: f"one of families.{name}" for name, label in self._members()}
        for label in self.networks:
            if label in seen:
                raise ValueError(f"networks: '{label}' is the label of {seen[label]}")
        return self

    @property
    def labelled(self) -> dict[str, Architecture]:
        """All networks by their label: perceptrons of each width, families, then the others."""
        families = (family.members(name) for name, family in self.families.items())
        members = {label: one for family in families for label, one in family.items()}
        return {**self._perceptrons(), **members, **self.networks}

    def _members(self) -> list[tuple[str, str]]:
        """Family and label of each network of a family."""
        return [
            (name, label)
            for name, family in self.families.items()
            for label in family.members(name)
        ]

    def _perceptrons(self) -> dict[str, Architecture]:
        return {f"w{width}": Mlp(hidden=(width,) * self.depth) for width in self.widths}
