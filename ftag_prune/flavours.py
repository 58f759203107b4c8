"""The classes of the two tasks: their names, colours, discriminants and fractions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

from ftag_prune.errors import ConfigError, nearest

__all__ = ["FLAVOURS", "TASKS", "Discriminant", "Flavour", "Task", "score_name", "task_of"]


class Flavour(NamedTuple):
    """A class of jets: its short name (as in score names), its text and its colour on figures."""

    name: str
    label: str
    colour: str


FLAVOURS: Mapping[str, Flavour] = MappingProxyType(
    {
        one.name: one
        for one in (
            Flavour("b", r"$b$-jets", "#1f77b4"),
            Flavour("c", r"$c$-jets", "#ff7f0e"),
            Flavour("u", "light-flavour jets", "#2ca02c"),
            Flavour("tau", r"$\tau$-jets", "#7c5295"),
            Flavour("hbb", r"$H \rightarrow b\bar{b}$", "#1f77b4"),
            Flavour("hcc", r"$H \rightarrow c\bar{c}$", "#b45f06"),
            Flavour("top", "top", "#7c5295"),
            Flavour("qcd", "multijet", "#38761d"),
        )
    }
)


@dataclass(frozen=True)
class Discriminant:
    """Log-likelihood ratio of one class against a mixture of the others.

    ``D = ln(p_signal / sum_k f_k p_k)``, the fractions f_k summing to one.
    """

    signal: str
    fractions: Mapping[str, float]

    def among(self, classes: Collection[str]) -> Discriminant | None:
        """The discriminant where only some classes are; None without signal or background."""
        kept = {name: part for name, part in self.fractions.items() if name in classes}
        if self.signal not in classes or not kept:
            return None
        return Discriminant(self.signal, _to_one(kept))


def _to_one(parts: Mapping[str, float]) -> Mapping[str, float]:
    """Parts in the same proportions, with one as their sum."""
    total = sum(parts.values())
    if math.isclose(total, 1.0, abs_tol=1e-12):
        return parts  # to the last digit what the paper says
    return {name: part / total for name, part in parts.items()}


@dataclass(frozen=True)
class Task:
    """What a tagger has to tell apart, and how the field judges it.

    ``classes`` fixes the order of the network's outputs; ``working_point`` is the signal efficiency
    of the headline figures, one of the ``working_points`` of the tables.
    ``balance`` names the columns in which training classes are given the same spectrum, and
    ``shares`` the part that each has in the training weight.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    discriminants: tuple[Discriminant, ...]
    working_point: float
    working_points: tuple[float, ...]
    balance: tuple[str, ...]
    shares: Mapping[str, float]

    @property
    def signal(self) -> str:
        """The class that the headline figures tag."""
        return self.discriminants[0].signal

    @property
    def backgrounds(self) -> tuple[str, ...]:
        """The classes that the headline figures reject."""
        return tuple(self.discriminants[0].fractions)

    def among(self, classes: Collection[str]) -> Task:
        """The task for a sample that has some of its classes, in the task's order.

        Fractions and shares keep their proportions; discriminants without their signal or without
        any background are left out. ConfigError if there is no such class, or if the headline's
        discriminant is left out.
        """
        for name in classes:
            if name not in self.classes:
                near = nearest(name, self.classes)
                raise ConfigError(f"no class '{name}' in the task '{self.name}'{near}")
        kept = tuple(name for name in self.classes if name in classes)
        some = (one.among(kept) for one in self.discriminants)
        discriminants = tuple(one for one in some if one is not None)
        if not discriminants or discriminants[0].signal != self.signal:
            raise ConfigError(
                f"the task '{self.name}' needs the class '{self.signal}' and one of "
                f"{', '.join(repr(name) for name in self.backgrounds)}"
            )
        shares = _to_one({name: self.shares[name] for name in kept})
        return replace(self, classes=kept, discriminants=discriminants, shares=shares)

    def discriminant(self, signal: str) -> Discriminant:
        """Discriminant that selects one class; ConfigError if the task has none for it."""
        for one in self.discriminants:
            if one.signal == signal:
                return one
        known = [one.signal for one in self.discriminants]
        raise ConfigError(
            f"task '{self.name}' has no discriminant for '{signal}'{nearest(signal, known)}"
        )


# Fractions: f_c = 0.2, f_tau = 0.01 as in GN2 (ATLAS, arXiv:2505.19689); f_Hcc = 0.02,
# f_top = 0.25 as in GN2X (ATL-PHYS-PUB-2023-021). The others mirror them with the classes swapped.
TASKS: Mapping[str, Task] = MappingProxyType(
    {
        one.name: one
        for one in (
            Task(
                name="single_b",
                title="single-b tagging",
                classes=("b", "c", "u", "tau"),
                discriminants=(
                    Discriminant("b", {"u": 0.79, "c": 0.2, "tau": 0.01}),
                    Discriminant("c", {"u": 0.69, "b": 0.3, "tau": 0.01}),
                ),
                working_point=0.70,
                working_points=(0.60, 0.65, 0.70, 0.77, 0.85, 0.90),
                balance=("pt", "eta"),
                # Few jets are taus: with an equal share each would weigh as much as ten others.
                shares={"b": 0.32, "c": 0.32, "u": 0.32, "tau": 0.04},
            ),
            Task(
                name="hbb_cc",
                title=r"$H \rightarrow b\bar{b}/c\bar{c}$ tagging",
                classes=("hbb", "hcc", "top", "qcd"),
                discriminants=(
                    Discriminant("hbb", {"qcd": 0.73, "top": 0.25, "hcc": 0.02}),
                    Discriminant("hcc", {"qcd": 0.45, "top": 0.25, "hbb": 0.3}),
                ),
                working_point=0.60,
                working_points=(0.40, 0.50, 0.60, 0.70, 0.80),
                # Not the mass: it is no input, and weights that level its peaks would cost two
                # thirds of the effective jets.
                balance=("pt", "eta"),
                shares={"hbb": 0.25, "hcc": 0.25, "top": 0.25, "qcd": 0.25},
            ),
        )
    }
)


def task_of(name: str) -> Task:
    """Task by its name; ConfigError with the nearest names if there is none."""
    if name not in TASKS:
        raise ConfigError(f"no task '{name}'{nearest(name, TASKS)}")
    return TASKS[name]


def score_name(model: str, flavour: str) -> str:
    """Column of a score in the naming of the FTAG tools: ``{model}_p{flavour}``."""
    return f"{model}_p{flavour}"
