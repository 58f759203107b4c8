"""The functions and operators that an expression may use."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.errors import ConfigError
from ftag_prune.expression.ragged import Array, Ragged

__all__ = ["FUNCTIONS", "OPERATORS", "REDUCERS", "Function", "Reducer", "condition", "member"]


class Function(NamedTuple):
    """Works value by value; takes between `least` and `most` arguments."""

    call: Callable[..., Any]
    least: int
    most: int


class Reducer(NamedTuple):
    """Makes one value per jet of the constituents' columns; `ranked`: the last argument is k."""

    call: Callable[..., Array]
    columns: int
    ranked: bool


def _wide(value: Any) -> Any:
    """Integers of 64 bits: small ones overflow in silence, bools cannot be subtracted."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iub" and value.dtype.itemsize < 8:
        return value.astype(np.int64)
    return int(value) if isinstance(value, bool) else value


def _arithmetic(call: Callable[..., Any]) -> Callable[..., Any]:
    def wide(*values: Any) -> Any:
        made = call(*map(_wide, values))
        kinds = {value.dtype.kind for value in values if isinstance(value, np.ndarray)}
        # True division makes fractions of integers on purpose; the others by NumPy's promotion.
        if kinds == {"i", "u"} and call is not np.divide and made.dtype.kind == "f":
            raise ConfigError("mixes signed and unsigned 64-bit integers, which would lose digits")
        return made

    return wide


def _real(call: Callable[..., Any]) -> Callable[..., Any]:
    """Integers become float64 first: NumPy would make float16 of the smallest ones."""
    return lambda *values: call(*map(_fraction, values))


def _fraction(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind != "f":
        return value.astype(np.float64)
    return value


def _power(base: Any, exponent: Any) -> Any:
    return np.power(_fraction(base) if isinstance(base, np.ndarray) else float(base), exponent)


def _many(call: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return _arithmetic(lambda *values: functools.reduce(call, values))


def condition(value: Any) -> Any:
    """Truth of a number: not zero, and not NaN."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "b":
            return value
        return (value != 0) & ~np.isnan(value) if value.dtype.kind == "f" else value != 0
    return bool(value) and not np.isnan(value)


def _where(chosen: Any, yes: Any, no: Any) -> Any:
    return np.where(condition(chosen), yes, no)


def _clip(value: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(value, low), high)


def _nan_to(value: Any, instead: Any) -> Any:
    return np.where(np.isnan(value), instead, value)


def _slog(value: Any) -> Any:
    return np.copysign(np.log1p(np.abs(value)), value)


def _delta_phi(first: Any, second: Any) -> Any:
    """Difference of two azimuths, in [-pi, pi)."""
    return (first - second + np.pi) % (2 * np.pi) - np.pi


def _delta_r(eta: Any, phi: Any, other_eta: Any, other_phi: Any) -> Any:
    """Distance of two directions in eta and phi."""
    return np.hypot(eta - other_eta, _delta_phi(phi, other_phi))


def _sum(column: Ragged) -> Array:
    rows = column.rows
    total = np.bincount(rows.jet, weights=column.content, minlength=len(rows))
    whole = column.content.dtype.kind in "iub"
    return total.astype(np.int64) if whole else total.astype(column.content.dtype)


def _count(column: Ragged) -> Array:
    """Conditions that hold, or numbers that are not NaN."""
    content, rows = column.content, column.rows
    if content.dtype.kind == "b":
        return np.bincount(rows.jet[content], minlength=len(rows))
    return np.bincount(rows.jet[~np.isnan(content)], minlength=len(rows))


def _mean(column: Ragged) -> Array:
    return np.asarray(_sum(column) / column.rows.counts)


def _largest(column: Ragged, k: int) -> Array:
    return _at_largest(column, column, k)


def _at_largest(column: Ragged, key: Ragged, k: int) -> Array:
    jets, number = key.place(k)
    made = np.full(len(key.rows), np.nan, np.result_type(column.content.dtype, np.float32))
    made[jets] = column.content[number]
    return made


def _first(column: Ragged) -> Array:
    rows = column.rows
    made = np.full(len(rows), np.nan, np.result_type(column.content.dtype, np.float32))
    some = rows.counts > 0
    made[some] = column.content[rows.starts[:-1][some]]
    return made


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        "abs": Function(_arithmetic(np.abs), 1, 1),
        "log": Function(_real(np.log), 1, 1),
        "log1p": Function(_real(np.log1p), 1, 1),
        "exp": Function(_real(np.exp), 1, 1),
        "sqrt": Function(_real(np.sqrt), 1, 1),
        "sign": Function(_arithmetic(np.sign), 1, 1),
        "min": Function(_many(np.minimum), 2, 8),
        "max": Function(_many(np.maximum), 2, 8),
        "clip": Function(_arithmetic(_clip), 3, 3),
        "where": Function(_where, 3, 3),
        "isnan": Function(np.isnan, 1, 1),
        "isfinite": Function(np.isfinite, 1, 1),
        "nan_to": Function(_nan_to, 2, 2),
        "hypot": Function(_real(np.hypot), 2, 2),
        "sinh": Function(_real(np.sinh), 1, 1),
        "arctan2": Function(_real(np.arctan2), 2, 2),
        "arcsinh": Function(_real(np.arcsinh), 1, 1),
        "cosh": Function(_real(np.cosh), 1, 1),
        "tanh": Function(_real(np.tanh), 1, 1),
        "tan": Function(_real(np.tan), 1, 1),
        "floor": Function(_real(np.floor), 1, 1),
        "cos": Function(_real(np.cos), 1, 1),
        "sin": Function(_real(np.sin), 1, 1),
        "delta_phi": Function(_real(_delta_phi), 2, 2),
        "delta_r": Function(_real(_delta_r), 4, 4),
        "slog": Function(_real(_slog), 1, 1),
    }
)

REDUCERS: Mapping[str, Reducer] = MappingProxyType(
    {
        "sum": Reducer(_sum, 1, ranked=False),
        "count": Reducer(_count, 1, ranked=False),
        "mean": Reducer(_mean, 1, ranked=False),
        "first": Reducer(_first, 1, ranked=False),
        "largest": Reducer(_largest, 1, ranked=True),
        "at_largest": Reducer(_at_largest, 2, ranked=True),
    }
)

OPERATORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "+": _arithmetic(np.add),
        "-": _arithmetic(np.subtract),
        "*": _arithmetic(np.multiply),
        "/": _arithmetic(np.divide),
        "//": _arithmetic(np.floor_divide),
        "%": _arithmetic(np.remainder),
        "**": _power,
        "minus": _arithmetic(np.negative),
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
        "==": np.equal,
        "!=": np.not_equal,
        "and": lambda *values: functools.reduce(np.logical_and, map(condition, values)),
        "or": lambda *values: functools.reduce(np.logical_or, map(condition, values)),
        "not": lambda value: np.logical_not(condition(value)),
    }
)


def member(value: Any, choices: tuple[float, ...]) -> Any:
    """Whether each value is one of a few numbers."""
    return functools.reduce(np.logical_or, (np.equal(value, one) for one in choices))
