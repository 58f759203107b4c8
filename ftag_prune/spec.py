"""A frozen piece of configuration: its base class, and how YAML becomes one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ftag_prune.errors import ConfigError, nearest, shortened

__all__ = ["Spec", "load_yaml", "validated"]

# Far beyond what a person writes, far below what fills a memory.
_LARGEST = 4_000_000  # bytes
_DEEPEST = 50  # mappings and lists inside one another
_MOST = 50_000  # values, each alias counted as all that it stands for
_LONGEST = 1000  # characters of a sentence: names in it may be of any length

# What PyYAML stumbles over in dates that there are not, and in numbers without digits.
_BROKEN = (ValueError, OverflowError, IndexError, AttributeError)


class Spec(BaseModel):
    """Frozen, and deaf to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


_Kind = TypeVar("_Kind", bound=BaseModel)


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; anything else is one sentence.

    The file may come from anybody: it is refused before it is built if it is too large or nested
    too deeply, aliases followed.
    """
    try:
        text = _text(path)
        _bounded(path, yaml.parse(text, Loader=yaml.SafeLoader))
        content = yaml.safe_load(text)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as broken:
        raise ConfigError(f"{path}: cannot be read ({broken})") from None
    except (yaml.YAMLError, *_BROKEN) as broken:
        raise ConfigError(f"{path}: not YAML ({shortened(str(broken), _LONGEST)})") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: wanted a YAML mapping, found {type(content).__name__}")
    return content


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        found = stream.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise ConfigError(f"{path}: wanted YAML of at most {_LARGEST:,} bytes, found more")
    return found.decode("utf-8-sig")


class _Open(NamedTuple):
    """A mapping or list that is not closed yet, and the values in it so far."""

    anchor: str | None
    values: int = 1


def _bounded(path: Path, events: Iterable[yaml.Event]) -> None:
    """Refuse what would become too many or too deep values, before any of them is made."""
    known: dict[str, int] = {}
    inside = [_Open(None)]
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            inside.append(_Open(event.anchor))
            values = 0
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, values = inside.pop()
            known |= {} if anchor is None else {anchor: values}
        else:
            values = _values(path, event, known, inside)
        last = inside[-1]
        inside[-1] = last._replace(values=last.values + values)
        if len(inside) > _DEEPEST + 1:
            raise ConfigError(f"{path}: is nested more than {_DEEPEST} times")
        if inside[-1].values > _MOST:
            raise ConfigError(f"{path}: holds more than {_MOST:,} values, aliases followed")


def _values(
    path: Path, event: yaml.Event, known: Mapping[str, int], inside: Iterable[_Open]
) -> int:
    """Values that a scalar or an alias adds."""
    if not isinstance(event, yaml.AliasEvent):
        return int(isinstance(event, yaml.ScalarEvent))
    if any(one.anchor == event.anchor for one in inside):
        raise ConfigError(f"{path}: alias '{event.anchor}' stands inside itself")
    return known.get(event.anchor or "", 1)


def validated(kind: type[_Kind], content: Mapping[str, Any], *, where: str) -> _Kind:
    """Turn a mapping into its checked object; ConfigError names the first wrong key.

    Parameters
    ----------
    where : str
        File (or other origin) that the sentence starts with.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as broken:
        raise ConfigError(f"{where}: {shortened(_sentence(kind, broken), _LONGEST)}") from None


def _sentence(kind: type[BaseModel], broken: ValidationError) -> str:
    faults = broken.errors(include_url=False, include_context=False)
    # A misspelt key is also a missing one: the former says more.
    fault = next((one for one in faults if one["type"] == "extra_forbidden"), faults[0])
    place, choices = _walk(kind, [str(part) for part in fault["loc"]])
    key = ".".join(place)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    if fault["type"] == "extra_forbidden":
        return f"no key '{key}'{nearest(place[-1], choices)}{more}"
    if fault["type"] == "missing":
        return f"key '{key}' is missing{more}"
    if fault["type"] == "value_error":
        said = fault["msg"].removeprefix("Value error, ")
        return f"{key}: {said}{more}" if key else f"{said}{more}"
    found = shortened(repr(fault["input"]))
    return f"{key}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, found {found}{more}"


def _walk(kind: type[BaseModel], place: list[str]) -> tuple[list[str], list[str]]:
    """Place as it stands in the YAML (without the tags of unions), and the keys known there."""
    kinds, written, known = [kind], [], list(kind.model_fields)
    for part in place:
        known = [name for one in kinds for name in one.model_fields]
        fields = [one.model_fields[part] for one in kinds if part in one.model_fields]
        tagged = [one for one in kinds if part in _tags(one)]
        if fields:
            kinds = [model for field in fields for model in _models(field.annotation)]
        elif tagged:
            kinds = tagged
            continue
        written.append(part)
    return written, known


def _tags(kind: type[BaseModel]) -> tuple[Any, ...]:
    tag = kind.model_fields.get("kind")
    return get_args(tag.annotation) if tag else ()


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)
