"""A checked expression: a frozen tree of numbers, names, operations and reductions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from ftag_prune.errors import ConfigError, shortened
from ftag_prune.expression.functions import FUNCTIONS, condition, member
from ftag_prune.expression.ragged import Array, Ragged, Rows, common_rows

__all__ = [
    "Apply",
    "Expression",
    "Member",
    "Name",
    "Node",
    "Number",
    "Reduce",
    "Value",
    "filled",
    "without",
]

# What an expression gives: a value per jet, a value per constituent, or a plain number.
Value: TypeAlias = Array | Ragged | float | bool


class Node(Protocol):
    """A part of an expression."""

    def value(self, look_up: Callable[[str], Value]) -> Value:
        """Its value, for columns that `look_up` finds."""

    def names(self) -> Iterator[str]:
        """Columns that it needs, perhaps more than once."""


@dataclass(frozen=True)
class Number:
    """A literal number."""

    number: float

    def value(self, look_up: Callable[[str], Value]) -> Value:
        """The number itself."""
        del look_up
        return self.number

    def names(self) -> Iterator[str]:
        """None."""
        yield from ()


@dataclass(frozen=True)
class Name:
    """A column."""

    name: str

    def value(self, look_up: Callable[[str], Value]) -> Value:
        """The column's values."""
        return look_up(self.name)

    def names(self) -> Iterator[str]:
        """The one name."""
        yield self.name


@dataclass(frozen=True)
class Apply:
    """An operator or function, value by value; jets' values are repeated for their constituents."""

    call: Callable[..., Any]
    arguments: tuple[Node, ...]

    def value(self, look_up: Callable[[str], Value]) -> Value:
        """Values per jet, or per constituent if one of the arguments has them."""
        return _broadcast(self.call, [one.value(look_up) for one in self.arguments])

    def names(self) -> Iterator[str]:
        """Names in the arguments."""
        for one in self.arguments:
            yield from one.names()


@dataclass(frozen=True)
class Member:
    """Whether a value is one of a few numbers."""

    argument: Node
    choices: tuple[float, ...]

    def value(self, look_up: Callable[[str], Value]) -> Value:
        """Truth per jet or per constituent."""
        return _broadcast(lambda one: member(one, self.choices), [self.argument.value(look_up)])

    def names(self) -> Iterator[str]:
        """Names in the argument."""
        return self.argument.names()


@dataclass(frozen=True)
class Reduce:
    """One value per jet from the constituents; ``ranks`` holds k, for functions that have one."""

    name: str
    call: Callable[..., Array]
    arguments: tuple[Node, ...]
    ranks: tuple[int, ...]

    def value(self, look_up: Callable[[str], Value]) -> Value:
        """Values per jet."""
        columns = [one.value(look_up) for one in self.arguments]
        ragged = [one for one in columns if isinstance(one, Ragged)]
        if not ragged or not isinstance(columns[-1], Ragged):
            raise ConfigError(f"{self.name}() wants a value per constituent, not per jet")
        rows = common_rows(ragged)
        return self.call(*(_repeat(one, rows) for one in columns), *self.ranks)

    def names(self) -> Iterator[str]:
        """Names in the arguments."""
        for one in self.arguments:
            yield from one.names()


def _broadcast(call: Callable[..., Any], values: list[Value]) -> Value:
    ragged = [one for one in values if isinstance(one, Ragged)]
    if not ragged:
        made = call(*values)
        # A plain number again: NumPy's own scalars would turn single precision into double.
        number: Value = made.item() if np.ndim(made) == 0 and hasattr(made, "item") else made
        return number
    rows = common_rows(ragged)
    flat = [one if np.isscalar(one) else _repeat(one, rows).content for one in values]
    return Ragged(call(*flat), rows)


def without(value: Value, gone: Value) -> Value:
    """NaN where a condition holds; integers become fractions."""
    return _broadcast(lambda one, out: np.where(condition(out), np.nan, one), [value, gone])


def filled(value: Value, instead: float) -> Value:
    """A number where a value is missing (NaN)."""
    return _broadcast(lambda one: FUNCTIONS["nan_to"].call(one, instead), [value])


def _repeat(value: Value, rows: Rows) -> Ragged:
    """A jet's value for each of its constituents."""
    if isinstance(value, Ragged):
        return value
    if not isinstance(value, np.ndarray):
        return Ragged(np.full(len(rows.jet), value), rows)
    if len(value) != len(rows):
        raise ConfigError(f"mixes {len(value)} jets with constituents of {len(rows)}")
    return Ragged(value[rows.jet], rows)


@dataclass(frozen=True)
class Expression:
    """A formula; two are equal if their text is.

    Attributes
    ----------
    text : as it was written
    names : columns that it needs, in order of appearance; dotted ones as ``tracks.d0``
    """

    text: str
    names: tuple[str, ...]
    root: Node = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    def value(self, look_up: Callable[[str], Value]) -> Value:
        """Value for columns that `look_up` finds; ConfigError if a number leaves its range."""
        try:
            with np.errstate(all="ignore"):
                return self.root.value(look_up)
        except ArithmeticError as wrong:
            raise ConfigError(f"'{shortened(self.text)}' cannot be computed ({wrong})") from None

    def evaluate(self, columns: Mapping[str, Any]) -> Any:
        """Value for columns that are NumPy arrays (jets,) or jagged awkward arrays.

        Returns
        -------
        array (jets,), or an awkward array if the expression gives a value per constituent; an
        expression without names gives a number.
        """
        made = self.value(lambda name: _from_awkward(columns[name]))
        return _to_awkward(made) if isinstance(made, Ragged) else made


def _from_awkward(column: Any) -> Value:
    if not hasattr(column, "layout"):
        given: Value = column if isinstance(column, Ragged) else np.asarray(column)
        return given
    import awkward as ak  # not above: the Snakefile reads cards, but evaluates nothing

    if column.ndim == 1:
        return np.asarray(ak.to_numpy(column))
    counts = ak.to_numpy(ak.num(column, axis=1))
    return Ragged(np.asarray(ak.to_numpy(ak.flatten(column, axis=1))), Rows(counts))


def _to_awkward(column: Ragged) -> Any:
    import awkward as ak

    return ak.unflatten(column.content, column.rows.counts)
