"""Where each name in a card's expressions comes from: another expression, a branch, a sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from ftag_prune.errors import ConfigError, nearest
from ftag_prune.expression import Expression
from ftag_prune.flavours import score_name

if TYPE_CHECKING:
    from ftag_prune.schema.card import Card

__all__ = [
    "JETS",
    "SAMPLE",
    "TRACKS",
    "Branches",
    "Column",
    "Entry",
    "Plan",
    "branches_of",
    "plan_of",
]

JETS, TRACKS, SAMPLE = "jets", "tracks", "sample"  # spaces that no collection may be called after
_ITSELF = "value"  # in a condition of `missing`: the branch that it is about


class Column(NamedTuple):
    """A column of jets, or of a collection of constituents, or the name of a sample.

    `made` by the card; otherwise found in the file, or for samples, known from the file's name.
    """

    space: str
    name: str
    made: bool


class Entry(NamedTuple):
    """An expression of the card, its place in the YAML, and what its names mean."""

    key: str
    space: str
    expression: Expression
    sources: Mapping[str, Column]
    default: float | None = None


class Plan(NamedTuple):
    """All expressions of a card.

    Attributes
    ----------
    within : columns of each collection of constituents; those that are kept are ``tracks``
    references : scores of other taggers, by the name of their column
    event, sort, origin : None if the card has none
    missing : for branches that are missing (NaN) where one of some conditions holds
    """

    jets: Mapping[str, Entry]
    within: Mapping[str, Mapping[str, Entry]]
    select: Mapping[str, Entry]
    labels: Mapping[str, Entry]
    references: Mapping[str, Entry]
    event: Entry | None
    weight: Entry
    sort: Entry | None
    origin: Entry | None
    missing: Mapping[Column, tuple[Entry, ...]]

    @property
    def tracks(self) -> Mapping[str, Entry]:
        """Columns of the constituents that are kept."""
        return self.within.get(TRACKS, {})

    def everything(self) -> list[Entry]:
        """Each expression once, without the conditions of missing values."""
        groups = (self.jets, *self.within.values(), self.select, self.labels, self.references)
        several = [entry for group in groups for entry in group.values()]
        single = (self.event, self.weight, self.sort, self.origin)
        return [*several, *(one for one in single if one is not None)]

    def made(self, column: Column) -> Entry:
        """Expression of a column that the card makes."""
        return (self.jets if column.space == JETS else self.within[column.space])[column.name]


class Branches(NamedTuple):
    """What has to be read: branches of jets, and of each collection (without its prefix)."""

    jets: tuple[str, ...]
    within: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class _Finder:
    """Finds the source of a name, by where in the card it is used."""

    columns: Mapping[str, tuple[str, ...]]
    samples: tuple[str, ...]

    def entry(
        self,
        key: str,
        space: str,
        expression: Expression,
        *,
        at: int | None = None,
        default: float | None = None,
    ) -> Entry:
        """Expression at the place `at` of its own mapping (None: after all of them)."""
        sources = {name: self._source(key, space, name, at) for name in expression.names}
        return Entry(key, space, expression, sources, default)

    def mapping(
        self,
        key: str,
        space: str,
        expressions: Mapping[str, Expression],
        defaults: Mapping[str, float],
    ) -> dict[str, Entry]:
        """Columns that stand one below the other; each sees those above it."""
        above, below = ("", "") if space == JETS else (f"{key}.", "variables.")
        for pattern in defaults:
            _some(f"{above}defaults.{pattern}", pattern, expressions, what="column")
        return {
            name: self.entry(
                f"{key}.{below}{name}", space, one, at=at, default=_default(name, defaults)
            )
            for at, (name, one) in enumerate(expressions.items())
        }

    def _source(self, key: str, space: str, name: str, at: int | None) -> Column:
        owner, _, member = name.partition(".")
        if owner == SAMPLE and member and self.samples:
            if member not in self.samples:
                raise ConfigError(f"{key}: no sample '{member}'{nearest(member, self.samples)}")
            return Column(SAMPLE, member, made=False)
        if owner == TRACKS and member and TRACKS not in self.columns:
            raise ConfigError(f"{key}: uses '{name}', but the card has no constituents")
        if owner in self.columns and owner != JETS and member and space == JETS:
            return Column(owner, member, member in self.columns[owner])
        if owner == JETS and member and space != JETS:
            return self._jet_of_constituents(key, member)
        known = self.columns[space]
        if name not in known:
            return Column(space, name, made=False)
        place = known.index(name)
        if at is not None and place > at:
            raise ConfigError(f"{key}: uses '{name}', which is defined below it; move that up")
        # An expression that uses its own name means the branch: `pt: pt / 1000`.
        return Column(space, name, made=place != at)

    def _jet_of_constituents(self, key: str, member: str) -> Column:
        known = self.columns[JETS]
        if member not in known:
            raise ConfigError(f"{key}: no jet column '{member}'{nearest(member, known)}")
        return Column(JETS, member, made=True)


def _default(name: str, defaults: Mapping[str, float]) -> float | None:
    """Of the last pattern that fits, so that exceptions stand below the rule."""
    found = [value for pattern, value in defaults.items() if fnmatchcase(name, pattern)]
    return found[-1] if found else None


def _some(key: str, pattern: str, names: Iterable[str], *, what: str) -> list[str]:
    """Names that fit a pattern; ConfigError if none does."""
    known = list(names)
    found = [name for name in known if fnmatchcase(name, pattern)]
    if not found:
        raise ConfigError(f"{key}: fits no {what} of the card{nearest(pattern, known)}")
    return found


def plan_of(card: Card) -> Plan:
    """Sources of all names in a card.

    Raises
    ------
    ConfigError
        One sentence that starts with the key, if a column is used above its definition, if columns
        of jets and constituents are made from one another in a circle, or if a pattern fits none.
    """
    within = card.within
    columns = {JETS: tuple(card.jets), **{n: tuple(one.variables) for n, one in within.items()}}
    find = _Finder(columns, card.samples)
    kept = _of_kept(find, card)
    plan = Plan(
        jets=find.mapping("jets", JETS, card.jets, card.defaults),
        within={
            name: find.mapping(card.key_of(name), name, one.variables, one.defaults)
            for name, one in within.items()
        },
        select={n: find.entry(f"select.{n}", JETS, e) for n, e in card.select.items()},
        labels={n: find.entry(f"labels.{n}", JETS, e) for n, e in card.labels.items()},
        references={
            score_name(model, flavour): find.entry(f"references.{model}.{flavour}", JETS, e)
            for model, scores in card.references.items()
            for flavour, e in scores.items()
        },
        event=find.entry("event", JETS, card.event) if card.event else None,
        weight=find.entry("weight", JETS, card.weight),
        sort=kept.get("sort"),
        origin=kept.get("origin"),
        missing={},
    )
    found = _columns_of(plan, plan.everything())
    return plan._replace(missing=_missing(card, found))


def _of_kept(find: _Finder, card: Card) -> dict[str, Entry]:
    """What the kept constituents have beside their variables."""
    if card.constituents is None:
        return {}
    made = {"sort": card.constituents.sort, "origin": card.constituents.origin}
    return {
        name: find.entry(f"constituents.{name}", TRACKS, one)
        for name, one in made.items()
        if one is not None
    }


def _missing(card: Card, found: Iterable[Column]) -> dict[Column, tuple[Entry, ...]]:
    """Conditions for each branch; a flag is not missing by the condition that it makes."""
    rules: dict[Column, list[Entry]] = {}
    spaces = {JETS: ("missing", card.missing)}
    for name, one in card.within.items():
        spaces[name] = (f"{card.key_of(name)}.missing", one.missing)
    for space, (key, conditions) in spaces.items():
        mine = {column.name: column for column in found if column.space == space}
        for pattern, condition in conditions.items():
            for name in _some(f"{key}.{pattern}", pattern, mine, what="branch"):
                if name in condition.names:
                    continue
                column = mine[name]
                raw = {one: Column(space, one, made=False) for one in condition.names}
                sources = {**raw, _ITSELF: column}
                entry = Entry(f"{key}.{pattern} of {name}", space, condition, sources)
                rules.setdefault(column, []).append(entry)
    return {column: tuple(entries) for column, entries in rules.items()}


def branches_of(plan: Plan, wanted: Iterable[Entry]) -> Branches:
    """Branches that some expressions need, directly or through columns that the card makes."""
    found = _columns_of(plan, wanted)
    conditions = [one for column in found for one in plan.missing.get(column, ())]
    found |= {source: None for one in conditions for source in one.sources.values()}
    within: dict[str, list[str]] = {}
    for column in found:
        if column.space not in (JETS, SAMPLE):
            within.setdefault(column.space, []).append(column.name)
    return Branches(
        tuple(column.name for column in found if column.space == JETS),
        {space: tuple(names) for space, names in within.items()},
    )


def _columns_of(plan: Plan, wanted: Iterable[Entry]) -> dict[Column, None]:
    found: dict[Column, None] = {}
    done: set[str] = set()
    for entry in wanted:
        found |= dict.fromkeys(_walk(plan, entry, done, ()))
    return found


def _walk(plan: Plan, entry: Entry, done: set[str], above: tuple[str, ...]) -> Iterator[Column]:
    if entry.key in above:
        circle = " -> ".join([*above[above.index(entry.key) :], entry.key])
        raise ConfigError(f"{entry.key}: is made from itself ({circle})")
    if entry.key in done:
        return
    for column in entry.sources.values():
        if column.made:
            yield from _walk(plan, plan.made(column), done, (*above, entry.key))
        else:
            yield column
    done.add(entry.key)
