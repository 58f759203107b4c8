"""The card of a sample: what its files are called, hold and mean, as a checked frozen object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, model_validator

from ftag_prune.errors import ConfigError, SampleError, nearest
from ftag_prune.expression import Expression, parse
from ftag_prune.flavours import Task, task_of
from ftag_prune.schema.layout import RESERVED
from ftag_prune.schema.plan import plan_of
from ftag_prune.spec import Spec, load_yaml, validated

__all__ = ["Card", "Constituents", "Inputs", "load_card"]


def _formula(given: Any) -> Expression:
    if isinstance(given, Expression):
        return given
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(f"wanted an expression, found {given!r}")
    try:
        return parse(str(given))
    except ConfigError as wrong:
        raise ValueError(str(wrong)) from None


Formula = Annotated[
    InstanceOf[Expression],
    BeforeValidator(_formula),
    PlainSerializer(lambda expression: expression.text, return_type=str),
]
ColumnName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$", max_length=80)]


class Constituents(Spec):
    """The constituents of a jet, called tracks in expressions: ``tracks.d0``."""

    prefix: str = Field("", description="what their branches start with (ROOT)")
    dataset: str = Field("tracks", description="their dataset (HDF5)")
    valid: str = Field("valid", description="flag of the slots that hold one (HDF5)")
    variables: dict[ColumnName, Formula] = Field(min_length=1)
    sort: Formula = Field(description="the constituents with the largest values are kept, in order")
    maximum: int = Field(ge=1, le=1000, description="constituents kept of one jet")


class Inputs(Spec):
    """What the network sees, in this order."""

    jets: tuple[str, ...] = Field(min_length=1)
    tracks: tuple[str, ...] = ()


class Card(Spec):
    """A sample in the words of its files.

    Expressions of jets may use branches, columns of `jets` that stand above them, and constituents;
    cuts, labels, event and weight may use all columns of `jets`. A column hides a branch of the
    same name. Where `rows` are events, each jet has the values of its event too. All jets columns
    are kept in the prepared files, of the constituents the inputs.
    """

    name: str = Field(pattern=r"^\w[\w-]*$", max_length=60)
    title: str = Field(description="what figures call the sample")
    task: str
    files: tuple[str, ...] = Field(
        (), description="paths or patterns, beside the card or from here"
    )
    format: Literal["root", "hdf5"]
    tree: str | None = Field(None, description="name of the TTree or RNTuple (ROOT)")
    dataset: str = Field("jets", description="dataset of the jets (HDF5)")
    rows: Literal["jets", "events"] = Field("jets", description="what an entry is (ROOT)")
    jets: dict[ColumnName, Formula]
    constituents: Constituents | None = None
    inputs: Inputs
    labels: dict[str, Formula]
    select: dict[str, Formula] = Field(default_factory=dict)
    event: Formula
    weight: Formula = Field(default_factory=lambda: parse("1"))
    units: dict[str, str] = Field(default_factory=dict)

    @property
    def about(self) -> Task:
        """The task that the labels are classes of."""
        return task_of(self.task)

    def paths(self) -> list[Path]:
        """Files that the card names; SampleError for a pattern that no file matches."""
        found = [path for pattern in self.files for path in _matches(pattern, name=self.name)]
        return list(dict.fromkeys(found))

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
        task = card.about
    except ConfigError as wrong:
        yield f"task: {wrong}"
        return
    if card.format == "root" and card.tree is None:
        yield "tree: is missing; a ROOT file may hold several"
    if card.rows == "events" and card.format != "root":
        yield f"rows: events are read from ROOT alone; a record of format '{card.format}' is a jet"
    if card.rows == "events" and card.constituents:
        yield "constituents: cannot be read yet where rows are events; write one jet an entry"
    yield from _wrong_labels(card, task)
    yield from _wrong_columns(card, task)
    yield from _wrong_inputs(card)


def _wrong_labels(card: Card, task: Task) -> Iterator[str]:
    for name in card.labels:
        if name not in task.classes:
            near = nearest(name, task.classes)
            yield f"labels.{name}: no class of the task '{task.name}'{near}"
    for name in task.classes:
        if name not in card.labels:
            yield f"labels.{name}: is missing; the task '{task.name}' has this class"


def _wrong_columns(card: Card, task: Task) -> Iterator[str]:
    variables = card.constituents.variables if card.constituents else {}
    columns = [f"jets.{name}" for name in card.jets]
    columns += [f"constituents.variables.{name}" for name in variables]
    for key in columns:
        if key.rpartition(".")[2] in RESERVED:
            yield f"{key}: this name is taken by the prepared files"
    for name in task.balance:
        if name not in card.jets:
            yield f"jets.{name}: is missing; training jets are balanced in it"
    known = [*card.jets, *(f"tracks.{name}" for name in variables)]
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


def _matches(pattern: str, *, name: str) -> list[Path]:
    path = Path(pattern).expanduser()
    if not any(sign in pattern for sign in "*?["):
        return [path]
    base = Path(path.anchor)
    found = sorted(base.glob(str(path.relative_to(base))))
    if not found:
        raise SampleError(f"card '{name}': no file matches '{pattern}'")
    return found


def load_card(path: Path) -> Card:
    """Card of a YAML file; ConfigError in one sentence names the file and the key.

    Files are looked for beside the card first, then from the working directory.
    """
    content = load_yaml(path)
    _refuse_twins(path)
    card = validated(Card, content, where=str(path))
    return card.model_copy(update={"files": tuple(_beside(path, one) for one in card.files)})


def _beside(card: Path, pattern: str) -> str:
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
