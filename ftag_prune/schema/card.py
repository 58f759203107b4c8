"""The card of a sample: what its files are called, hold and mean, as a checked frozen object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import yaml
from pydantic import Field, field_validator, model_validator

from ftag_prune.errors import ConfigError, SampleError, nearest
from ftag_prune.expression import Expression, parse
from ftag_prune.flavours import Task, score_name, task_of
from ftag_prune.schema.collection import Collection, ColumnName, Constituents, Formula, Gaps
from ftag_prune.schema.layout import RESERVED
from ftag_prune.schema.place import Place, is_url, secret, unfetchable
from ftag_prune.schema.plan import JETS, SAMPLE, TRACKS, plan_of
from ftag_prune.spec import Spec, load_yaml, validated

__all__ = ["WHERE", "Card", "Inputs", "load_card"]

WHERE = frozenset({"files", "fetch", "endpoint"})  # keys that say where files are, not what
Files: TypeAlias = tuple[str, ...]


class Inputs(Spec):
    """What the network sees, in this order."""

    jets: tuple[str, ...] = Field(min_length=1)
    tracks: tuple[str, ...] = ()


class Card(Gaps):
    """A sample in the words of its files.

    Expressions of jets may use branches, columns of `jets` that stand above them, and constituents;
    cuts, labels, event and weight may use all columns of `jets`. A column hides a branch of the
    same name. Where `rows` are events, each jet has the values of its event too. All jets columns
    are kept in the prepared files, of the constituents the inputs.
    """

    name: str = Field(pattern=r"^\w[\w-]*$", max_length=60)
    title: str = Field(description="what figures call the sample")
    task: str
    files: Files | dict[ColumnName, Files] = Field(
        (),
        description="paths or patterns, beside the card or from here, or URLs; or a list for each "
        "named part of the sample, which ``sample.name`` tells apart in expressions",
    )
    fetch: bool = Field(
        default=False, description="whether the workflow copies files on servers once, to read them"
    )
    endpoint: str | None = Field(None, description="server of s3:// files, if not Amazon's")
    format: Literal["root", "hdf5", "parquet"]
    tree: str | None = Field(None, description="name of the TTree or RNTuple (ROOT)")
    dataset: str = Field("jets", description="dataset of records, or group of columns (HDF5)")
    rows: Literal["jets", "events"] = Field("jets", description="what an entry is (not HDF5)")
    jets: dict[ColumnName, Formula]
    constituents: Constituents | None = None
    collections: dict[ColumnName, Collection] = Field(
        default_factory=dict, description="further constituents, for columns of jets alone"
    )
    inputs: Inputs
    labels: dict[str, Formula]
    select: dict[str, Formula] = Field(default_factory=dict)
    event: Formula | None = None
    weight: Formula = Field(default_factory=lambda: parse("1"))
    references: dict[ColumnName, dict[str, Formula]] = Field(
        default_factory=dict, description="scores of other taggers in the files, by class"
    )
    units: dict[str, str] = Field(default_factory=dict)
    on_error: Literal["stop", "skip"] = Field(
        "stop", description="whether files that cannot be read are left out (and listed)"
    )

    @property
    def about(self) -> Task:
        """The task, with the classes that the card has labels for."""
        return task_of(self.task).among(self.labels)

    @property
    def within(self) -> Mapping[str, Collection]:
        """All collections of constituents; those that are kept are ``tracks``."""
        kept = {TRACKS: self.constituents} if self.constituents else {}
        return {**kept, **self.collections}

    def key_of(self, collection: str) -> str:
        """YAML key of a collection."""
        return "constituents" if collection == TRACKS else f"collections.{collection}"

    @property
    def samples(self) -> tuple[str, ...]:
        """Named parts of the sample."""
        return tuple(self.files) if isinstance(self.files, dict) else ()

    def paths(self) -> list[Place]:
        """Files that the card names; SampleError for a pattern that no file matches."""
        groups = self.files.values() if isinstance(self.files, dict) else [self.files]
        patterns = [pattern for group in groups for pattern in group]
        found = [path for pattern in patterns for path in _matches(pattern, name=self.name)]
        return list(dict.fromkeys(found))

    def sample_of(self, path: Place) -> str | None:
        """Named part of the sample that a file belongs to; None if the card names no parts.

        SampleError if the file belongs to none, or to two.
        """
        if not isinstance(self.files, dict):
            return None
        groups = self.files.items()
        found = [n for n, patterns in groups if any(_fits(path, one) for one in patterns)]
        if len(found) != 1:
            belongs = " and ".join(repr(one) for one in found) or "no part"
            raise SampleError(f"{path}: belongs to {belongs} of the files of card '{self.name}'")
        return found[0]

    @field_validator("files", mode="before")
    @classmethod
    def _lists(cls, given: Any) -> Any:
        """Said here: of two kinds that are allowed, pydantic would say what neither is."""
        groups = list(given.values()) if isinstance(given, dict) else [given]
        if not all(isinstance(one, list | tuple) for one in groups):
            raise ValueError(f"wanted a list, or named lists, of paths or URLs, found {given!r}")
        for pattern in (one for group in groups for one in group if isinstance(one, str)):
            if is_url(pattern) and secret(pattern):
                raise ValueError("a URL holds a password or is signed; cards hold no secrets")
            fault = _unusable(pattern)
            if fault:
                raise ValueError(f"{_short(pattern)} {fault}")
        for name in given if isinstance(given, dict) else ():
            if not str(name).isidentifier():
                raise ValueError(f"'{name}' cannot stand in an expression as sample.{name}")
        return given

    @field_validator("endpoint")
    @classmethod
    def _server(cls, given: str | None) -> str | None:
        if given is None:
            return None
        try:
            parts = urlsplit(given)
            good = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            good = False
        if not good or not given.isprintable():
            raise ValueError(f"wanted a server as https://s3.cern.ch, found {_short(given)}")
        if parts.username is not None:
            raise ValueError("holds a name or a password; those belong into the environment")
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Card:
        for fault in _faults(self):
            raise ValueError(fault)
        try:
            plan_of(self)
        except ConfigError as wrong:
            raise ValueError(str(wrong)) from None
        return self


def _faults(card: Card) -> Iterator[str]:
    """What is wrong with the card as a whole, each as a sentence that starts with the key."""
    try:
        task = task_of(card.task)
    except ConfigError as wrong:
        yield f"task: {wrong}"
        return
    if card.format == "root" and card.tree is None:
        yield "tree: is missing; a ROOT file may hold several"
    if card.rows == "events" and card.format == "hdf5":
        yield "rows: events are not read from HDF5; a record there is a jet"
    yield from _wrong_urls(card)
    yield from _wrong_labels(card, task)
    yield from _wrong_references(card, task)
    yield from _wrong_collections(card)
    yield from _wrong_columns(card, task)
    yield from _wrong_inputs(card)


def _wrong_urls(card: Card) -> Iterator[str]:
    if not card.fetch:
        return
    groups = card.files.values() if isinstance(card.files, dict) else [card.files]
    for url in (one for group in groups for one in group if is_url(one)):
        fault = unfetchable(url)
        if fault:
            yield f"fetch: {_short(url)} {fault}"


def _wrong_labels(card: Card, task: Task) -> Iterator[str]:
    for name in card.labels:
        if name not in task.classes:
            near = nearest(name, task.classes)
            yield f"labels.{name}: no class of the task '{task.name}'{near}"
    try:
        task.among(card.labels)
    except ConfigError as wrong:
        yield f"labels: {wrong}"


def _wrong_references(card: Card, task: Task) -> Iterator[str]:
    for model, scores in card.references.items():
        for name in scores:
            if name not in task.classes:
                near = nearest(name, task.classes)
                yield f"references.{model}.{name}: no class of the task '{task.name}'{near}"
            if score_name(model, name) in card.jets:
                yield f"jets.{score_name(model, name)}: is what references.{model}.{name} is called"


def _wrong_collections(card: Card) -> Iterator[str]:
    for name, one in card.within.items():
        key = card.key_of(name)
        if name in (JETS, SAMPLE) or (name == TRACKS and TRACKS in card.collections):
            yield f"collections.{name}: this name has another meaning; choose another"
        if one.way and card.rows != "events":
            yield f"{key}.{one.way}: finds constituents in events; this card says rows: {card.rows}"
        if one.counter and card.rows == "events":
            yield f"{key}.counter: counts constituents of jets; this card says rows: events"


def _wrong_columns(card: Card, task: Task) -> Iterator[str]:
    made = {f"jets.{name}": name for name in card.jets}
    known = list(card.jets)
    for owner, one in card.within.items():
        made |= {f"{card.key_of(owner)}.variables.{name}": name for name in one.variables}
        known += [f"{owner}.{name}" for name in one.variables]
    for key, name in made.items():
        if name in RESERVED:
            yield f"{key}: this name is taken by the prepared files"
    kept = card.constituents
    if kept and kept.origin and "origin" in kept.variables:
        yield "constituents.variables.origin: this name is taken by constituents.origin"
    for name in task.balance:
        if name not in card.jets:
            yield f"jets.{name}: is missing; training jets are balanced in it"
    for name in card.units:
        if name not in known:
            yield f"units.{name}: no such column{nearest(name, known)}"


def _wrong_inputs(card: Card) -> Iterator[str]:
    variables: Mapping[str, Expression] = card.constituents.variables if card.constituents else {}
    for space, chosen, known in (
        ("jets", card.inputs.jets, card.jets),
        ("tracks", card.inputs.tracks, variables),
    ):
        for place, name in enumerate(chosen):
            if name not in known:
                yield f"inputs.{space}: no column '{name}'{nearest(name, known)}"
            if name in chosen[:place]:
                yield f"inputs.{space}: names '{name}' twice"


_LONGEST_PATH, _LONGEST_NAME = 4000, 255  # bytes; what Linux takes
_MOST_FOLDERS = 100


def _unusable(pattern: str) -> str | None:
    """Why a text is no path, pattern or URL; None if it is one."""
    parts = pattern.split("/")
    if not pattern.strip("./ ") or not pattern.isprintable():
        return "is no path: wanted a name that can be printed"
    longest = max(len(part.encode()) for part in parts)
    if len(pattern.encode()) > _LONGEST_PATH or longest > _LONGEST_NAME:
        return f"is too long for a path, which has {_LONGEST_NAME} bytes a name"
    if len(parts) > _MOST_FOLDERS:
        return f"is more than {_MOST_FOLDERS} folders deep"
    if any("**" in part and part != "**" for part in parts):
        return "has ** beside other letters; it stands for folders, as in a/**/b"
    try:
        Path(pattern).expanduser()
    except RuntimeError:
        return "names the home of a user who is not known here"
    return None


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _matches(pattern: str, *, name: str) -> list[Place]:
    if is_url(pattern):
        if "*" in pattern:
            raise SampleError(f"card '{name}': '{pattern}' is a URL; name its files one by one")
        return [pattern]
    path = Path(pattern).expanduser()
    if not any(sign in pattern for sign in "*?["):
        return [path]
    base = Path(path.anchor)
    found: list[Place] = [*sorted(base.glob(str(path.relative_to(base))))]
    if not found:
        raise SampleError(f"card '{name}': no file matches '{pattern}'")
    return found


def _fits(path: Place, pattern: str) -> bool:
    """Whether a pattern means this file."""
    if is_url(pattern) or not isinstance(path, Path):
        return str(path) == pattern
    here, there = path.expanduser().absolute(), Path(pattern).expanduser().absolute()
    return here == there or here in _globbed(there)


def _globbed(pattern: Path) -> set[Path]:
    base = Path(pattern.anchor)
    return set(base.glob(str(pattern.relative_to(base))))


def load_card(path: Path) -> Card:
    """Card of a YAML file; ConfigError in one sentence names the file and the key.

    Files are looked for beside the card first, then from the working directory.
    """
    content = load_yaml(path)
    _refuse_twins(path)
    card = validated(Card, content, where=str(path))
    return card.model_copy(update={"files": _each(card.files, lambda one: _beside(path, one))})


def _each(files: Files | dict[str, Files], change: Callable[[str], str]) -> Any:
    if isinstance(files, dict):
        return {name: tuple(map(change, patterns)) for name, patterns in files.items()}
    return tuple(map(change, files))


def _beside(card: Path, pattern: str) -> str:
    if is_url(pattern):
        return pattern
    beside = card.parent / pattern
    there = (
        any(True for _ in card.parent.glob(pattern)) if not Path(pattern).is_absolute() else False
    )
    return str(beside) if there else pattern


def _refuse_twins(path: Path) -> None:
    """YAML keeps the last of two equal keys in silence: a column or a cut would be lost."""

    def look(node: yaml.Node, above: tuple[str, ...]) -> None:
        if not isinstance(node, yaml.MappingNode):
            return
        seen: set[str] = set()
        for key, value in node.value:
            place = (*above, str(key.value))
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ConfigError(f"{path}: {'.'.join(place)}: stands twice, again in line {line}")
            seen.add(key.value)
            look(value, place)

    root = yaml.compose(path.read_text(), Loader=yaml.SafeLoader)
    if root is not None:
        look(root, ())
