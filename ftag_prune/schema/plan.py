"""Where each name in a card's expressions comes from: another expression, or a branch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ftag_prune.errors import ConfigError, nearest
from ftag_prune.expression import Expression

if TYPE_CHECKING:
    from ftag_prune.schema.card import Card

__all__ = ["Branches", "Column", "Entry", "Plan", "branches_of", "plan_of"]

Space: TypeAlias = Literal["jets", "tracks"]


class Column(NamedTuple):
    """A column of jets or of their tracks, made by the card or found in the file."""

    space: Space
    name: str
    made: bool


class Entry(NamedTuple):
    """An expression of the card, its place in the YAML, and what its names mean."""

    key: str
    space: Space
    expression: Expression
    sources: Mapping[str, Column]


class Plan(NamedTuple):
    """All expressions of a card; `sort` is None without constituents."""

    jets: Mapping[str, Entry]
    tracks: Mapping[str, Entry]
    select: Mapping[str, Entry]
    labels: Mapping[str, Entry]
    event: Entry
    weight: Entry
    sort: Entry | None

    def everything(self) -> list[Entry]:
        """Each expression once."""
        groups = (self.jets, self.tracks, self.select, self.labels)
        several = [entry for group in groups for entry in group.values()]
        return [*several, self.event, self.weight, *([self.sort] if self.sort else [])]


class Branches(NamedTuple):
    """What has to be read: branches of jets, and of constituents (without their prefix)."""

    jets: tuple[str, ...]
    tracks: tuple[str, ...]


@dataclass(frozen=True)
class _Finder:
    """Finds the source of a name, by where in the card it is used."""

    jets: tuple[str, ...]
    tracks: tuple[str, ...] | None

    def entry(self, key: str, space: Space, expression: Expression, at: int | None = None) -> Entry:
        """Expression at the place `at` of its own mapping (None: after all of them)."""
        sources = {name: self._source(key, space, name, at) for name in expression.names}
        return Entry(key, space, expression, sources)

    def _source(self, key: str, space: Space, name: str, at: int | None) -> Column:
        owner, _, member = name.partition(".")
        if owner == "tracks" and member:
            if self.tracks is None:
                raise ConfigError(f"{key}: uses '{name}', but the card has no constituents")
            if space == "jets":
                return Column("tracks", member, member in self.tracks)
        if owner == "jets" and member and space == "tracks":
            return self._jet_of_tracks(key, member)
        known = self.jets if space == "jets" else self.tracks or ()
        if name not in known:
            return Column(space, name, made=False)
        place = known.index(name)
        if at is not None and place > at:
            raise ConfigError(f"{key}: uses '{name}', which is defined below it; move that up")
        # An expression that uses its own name means the branch: `pt: pt / 1000`.
        return Column(space, name, made=place != at)

    def _jet_of_tracks(self, key: str, member: str) -> Column:
        if member not in self.jets:
            raise ConfigError(f"{key}: no jet column '{member}'{nearest(member, self.jets)}")
        return Column("jets", member, made=True)


def plan_of(card: Card) -> Plan:
    """Sources of all names in a card.

    Raises
    ------
    ConfigError
        One sentence that starts with the key, if a column is used above its definition, or if
        columns of jets and tracks are made from one another in a circle.
    """
    made, within = card.jets, card.constituents
    variables = within.variables if within else {}
    find = _Finder(tuple(made), tuple(variables) if within else None)
    plan = Plan(
        {n: find.entry(f"jets.{n}", "jets", e, at) for at, (n, e) in enumerate(made.items())},
        {
            n: find.entry(f"constituents.variables.{n}", "tracks", e, at)
            for at, (n, e) in enumerate(variables.items())
        },
        {n: find.entry(f"select.{n}", "jets", e) for n, e in card.select.items()},
        {n: find.entry(f"labels.{n}", "jets", e) for n, e in card.labels.items()},
        find.entry("event", "jets", card.event),
        find.entry("weight", "jets", card.weight),
        find.entry("constituents.sort", "tracks", within.sort) if within else None,
    )
    branches_of(plan, plan.everything())
    return plan


def branches_of(plan: Plan, wanted: Iterable[Entry]) -> Branches:
    """Branches that some expressions need, directly or through columns that the card makes."""
    found: dict[Column, None] = {}
    done: set[str] = set()
    for entry in wanted:
        _walk(plan, entry, found, done, ())
    return Branches(
        tuple(column.name for column in found if column.space == "jets"),
        tuple(column.name for column in found if column.space == "tracks"),
    )


def _walk(
    plan: Plan, entry: Entry, found: dict[Column, None], done: set[str], above: tuple[str, ...]
) -> None:
    if entry.key in above:
        circle = " -> ".join([*above[above.index(entry.key) :], entry.key])
        raise ConfigError(f"{entry.key}: is made from itself ({circle})")
    if entry.key in done:
        return
    for column in entry.sources.values():
        if column.made:
            made = plan.jets if column.space == "jets" else plan.tracks
            _walk(plan, made[column.name], found, done, (*above, entry.key))
        else:
            found[column] = None
    done.add(entry.key)
