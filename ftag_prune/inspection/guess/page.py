"""YAML with comments, from lines: a key, its value and what a human should know about it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import yaml

__all__ = ["TODO", "Line", "Value", "page", "unanswered"]

TODO = "TODO"
_WIDTH = 100


class Line(NamedTuple):
    """A key of a mapping.

    Attributes
    ----------
    value : text or number, names in brackets, or further lines; None stands for what a human has to
        write: the line is commented out
    comment : behind it
    above : lines of comment above it
    """

    key: str
    value: Value
    comment: str = ""
    above: tuple[str, ...] = ()


Value: TypeAlias = "str | float | list[str] | tuple[Line, ...] | None"


def page(lines: Sequence[Line], *, head: Sequence[str] = ()) -> str:
    """The text of a YAML file, blank lines around what has several lines."""
    parts = list(_comments(head, ""))
    last = False
    for line in lines:
        long = isinstance(line.value, tuple) or bool(line.above)
        if long or last:
            parts.append("")
        parts.extend(_lines(line, ""))
        last = long
    return "\n".join(parts) + "\n"


def unanswered(lines: Sequence[Line], *, within: str = "") -> Iterator[str]:
    """Keys, with the keys above them, that a human has to write."""
    for line in lines:
        key = f"{within}{line.key}"
        if line.value is None:
            yield key
        elif isinstance(line.value, tuple):
            yield from unanswered(line.value, within=f"{key}.")


def _lines(line: Line, indent: str) -> Iterator[str]:
    yield from _comments(line.above, indent)
    behind = f"  # {_printable(line.comment)}" if line.comment else ""
    key = _scalar(line.key)
    if line.value is None:
        yield f"{indent}# {key}:  # {TODO}: {_printable(line.comment)}"
    elif isinstance(line.value, tuple):
        empty = all(one.value is None for one in line.value)
        yield f"{indent}{'# ' if empty else ''}{key}:{behind}"
        for one in line.value:
            yield from _lines(one, indent + "  ")
    elif isinstance(line.value, list):
        yield from _names(key, line.value, indent, behind)
    else:
        value = str(line.value) if isinstance(line.value, int | float) else _scalar(line.value)
        yield f"{indent}{key}: {value}{behind}"


def _names(key: str, names: list[str], indent: str, behind: str) -> Iterator[str]:
    items = [_item(name) for name in names]
    if sum(len(item) + 2 for item in items) < _WIDTH - 20:
        yield f"{indent}{key}: [{', '.join(items)}]{behind}"
        return
    yield f"{indent}{key}: [{behind}"
    row = ""
    for item in items:
        if row and len(indent) + len(row) + len(item) + 4 > _WIDTH:
            yield f"{indent}  {row}"
            row = ""
        row += f"{' ' if row else ''}{item},"
    yield f"{indent}  {row.removesuffix(',')}"
    yield f"{indent}]"


def _comments(texts: Sequence[str], indent: str) -> Iterator[str]:
    for text in texts:
        lead = f"{indent}# "
        yield from textwrap.wrap(
            _printable(text), _WIDTH, initial_indent=lead, subsequent_indent=lead
        )


def _printable(text: str) -> str:
    """Names come from files: a line break would end the comment."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _scalar(text: str) -> str:
    """Text as YAML reads it back, in quotes where it must be."""
    made = yaml.safe_dump(text, width=10**9, allow_unicode=True)
    return made.removesuffix("\n").removesuffix("\n...")


def _item(text: str) -> str:
    """Text as it stands between brackets, where commas and brackets need quotes."""
    made = yaml.safe_dump([text], width=10**9, allow_unicode=True, default_flow_style=True)
    return made.removesuffix("\n").removeprefix("[").removesuffix("]")
