"""Which columns a network may see, and the formula that brings each into the house's units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ftag_prune.inspection.column import Column
from ftag_prune.inspection.guess import names
from ftag_prune.inspection.guess.jets import Jets
from ftag_prune.inspection.guess.names import branch, column, unusual

__all__ = ["Choice", "Made", "converted", "jet_inputs", "seen"]

_TAIL = 50  # range beyond which a logarithm is easier to learn from


class Made(NamedTuple):
    """A column of the card, its formula, a comment, and the branch behind it if it is one alone."""

    name: str
    formula: str
    comment: str = ""
    source: Column | None = None


class Choice(NamedTuple):
    """Columns for the network, and the branches that were left out with the reason."""

    columns: tuple[Made, ...]
    left: Mapping[str, tuple[str, ...]]


def jet_inputs(
    jets: Jets, *, task: str, taken: Mapping[str, object], known: frozenset[str]
) -> Choice:
    """Inputs of jets, in the order of the file.

    Parameters
    ----------
    taken : names that other columns have
    known : branches that something else means; a column of that name would hide them
    """
    made: dict[str, Made] = {}
    left: dict[str, list[str]] = {}
    several = jets.own if jets.prefix else jets.aligned
    for name, one in several.items():
        why = _refusal(name, one, task)
        if why:
            left.setdefault(why, []).append(one.name)
            continue
        hidden = {other: None for other in known if other != one.name}
        chosen = column(one.name, prefix=jets.prefix, taken={**taken, **made, **hidden})
        made[chosen] = Made(chosen, converted(one, name, mev=jets.mev), seen(one), one)
    return Choice(tuple(made.values()), {why: tuple(those) for why, those in left.items()})


def _refusal(name: str, one: Column, task: str) -> str:
    """Why a column is no input; empty if it is one."""
    for why, pattern in (
        ("other taggers and calibrations", names.SCORES),
        ("truth", names.TRUTH),
        ("identifiers, flags and weights", names.IDENTIFIERS),
        ("identifiers, flags and weights", names.WEIGHTS),
        ("the four-vector", names.FOUR_VECTORS),
        *([("the mass, which the tagger should not sculpt", names.MASSES)] * (task == "hbb_cc")),
    ):
        if pattern.search(name):
            return why
    return _no_number(one)


def _no_number(one: Column) -> str:
    if not re.match(r"float|u?int|bool", one.kind):
        return "no numbers"
    if unusual(one.low, one.high):
        return "not finite or beyond 1e15 (left-over memory)"
    return "the same in all jets of this file" if one.low == one.high else ""


def seen(one: Column) -> str:
    """Range of a column, for a comment."""
    if one.low is None or one.high is None:
        return "nothing finite in this file"
    text = f"{_short(one.low)} to {_short(one.high)}"
    return f"{text}, {100 * one.bad:.2g} % not finite" if one.bad else text


def _short(value: float) -> str:
    return f"{value:.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def converted(
    one: Column, name: str, *, mev: bool, centimetres: bool = False, text: str | None = None
) -> str:
    """Formula of a column in GeV and mm, and as its logarithm where its tails are long.

    Parameters
    ----------
    name : without the prefix of its collection
    text : how formulas name it; its whole name if not given
    """
    text, factor = text or branch(one.name), 1.0
    correlation = re.fullmatch(r"ECF([123])", name)
    if centimetres and names.LENGTHS.search(name):
        text, factor = f"{text} * 10", 10.0
    elif mev and re.search(r"qoverp|q_over_p", name, re.I):
        text, factor = f"{text} * 1000", 1000.0
    elif mev and correlation:
        text, factor = f"{text} / 1e{3 * int(correlation[1])}", 10.0 ** (-3 * int(correlation[1]))
    elif mev and _energy(name, one):
        text, factor = f"{text} / 1000", 1e-3
    low, high = (one.missing.low, one.missing.high) if one.missing else (one.low, one.high)
    usual = [abs(value) for value in (low, high) if value is not None]
    wide = one.kind.startswith("float") and max(usual, default=0) * factor > _TAIL
    return f"slog({text})" if wide else text


def _energy(name: str, one: Column) -> bool:
    words = re.search(r"pt|mass|energy|split|^e$|^m$|^qw$", name, re.I)
    shares = re.search(r"frac|ratio|significance|sig$|rel$", name, re.I)
    return bool(words) and not shares and abs(one.high or 0) > 20 and one.kind.startswith("float")
