"""Which numbers of a file stand for a missing value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ftag_prune.inspection.column import Column, Missing
from ftag_prune.inspection.guess.jets import Jets
from ftag_prune.inspection.guess.names import branch
from ftag_prune.inspection.guess.page import Line

__all__ = ["mentions", "missing", "piled"]

_FAR = -9  # numbers from here on mean nothing else, so that one pattern may stand for many branches
_MANY = 3


def piled(columns: Mapping[str, Column]) -> list[Line]:
    """Lines of `missing` for columns, by the names that the card has for them."""
    found = {name: one.missing for name, one in columns.items() if one.missing}
    groups: dict[tuple[str, float], list[str]] = {}
    for name, one in found.items():
        groups.setdefault((_start(name), one.value), []).append(name)
    return [line for those in groups.values() for line in _lines(those, found)]


def _start(name: str) -> str:
    """Name up to its last word, ``Jet_DeepCSV_``."""
    words = name.split("_")
    return "_".join(words[:2]) + "_" if len(words) > 2 else ""


def _lines(those: list[str], found: Mapping[str, Missing]) -> Iterator[Line]:
    value, start = found[those[0]].value, _start(those[0])
    if value <= _FAR and start and len(those) >= _MANY:
        yield Line(f"{start}*", f"value == {value:.10g}", f"seen in {len(those)} branches")
        return
    for name in those:
        one = found[name]
        sign = "<=" if one.low > value else "=="
        yield Line(name, f"value {sign} {value:.10g}", f"{100 * one.share:.3g} % of the values")


def missing(jets: Jets, formulas: Iterable[str]) -> Iterator[Line]:
    """The key `missing` for the branches of jets that formulas name, if there is any need of it."""
    text, own = "\n".join(formulas), jets.aligned
    flags = [name.removesuffix("isDefaults") for name in own if name.endswith("_isDefaults")]
    used = [
        one
        for name, one in own.items()
        if mentions(text, branch(name)) and not name.startswith(tuple(flags))
    ]
    lines = [*(_flagged(start, own) for start in flags), *piled({one.name: one for one in used})]
    if lines:
        said = "Numbers that stand for a missing value become NaN."
        yield Line("missing", tuple(lines), above=(said,))


def _flagged(start: str, own: Mapping[str, Column]) -> Line:
    """All branches beside a flag that says that they hold nothing."""
    known = [one for one in own if one.startswith(start)]
    return Line(f"{start}*", branch(f"{start}isDefaults"), f"{len(known) - 1} branches")


def mentions(text: str, name: str) -> bool:
    """Whether formulas use a name, as they write it."""
    return re.search(rf"(?<![\w.`]){re.escape(name)}(?![\w.`])", text) is not None
