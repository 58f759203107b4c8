"""The results folder of a study: its numbers, and what is known of the trainings behind them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_type_hints

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.flavours import TASKS
from ftag_prune.record import read_csv, read_json

__all__ = ["Key", "Measured", "Release", "read_release"]

Key: TypeAlias = tuple[str | float | None, ...]


class Measured(NamedTuple):
    """A number of a release: what `summary.Cell` says of it and a comparison needs.

    Tables of older releases may lack other columns, and are read all the same.
    """

    task: str
    network: str
    strategy: str
    unit: str
    asked: float
    signal: str
    background: str
    working_point: float
    left: float
    parameters: float
    multiplications: float
    epochs: float
    seconds: float
    seeds: int
    rejection: float
    statistical: float
    spread: float

    @property
    def point(self) -> Key:
        """The network, strategy and target: what was trained and pruned."""
        asked = None if math.isnan(self.asked) else self.asked  # nan is not itself
        return (self.task, self.network, self.strategy, self.unit, asked)

    @property
    def key(self) -> Key:
        """What the number is of: the same in two releases."""
        return (*self.point, self.signal, self.background, self.working_point)


class Release(NamedTuple):
    """Results of a study.

    Attributes
    ----------
    name : the folder, as it was given
    numbers : in the order of the tables
    jets, seeds : by task, fingerprints of the prepared jets and seeds; empty without runs
    versions : by package, of the last training; empty without runs
    """

    name: str
    numbers: tuple[Measured, ...]
    jets: Mapping[str, frozenset[str]]
    seeds: Mapping[str, frozenset[int]]
    versions: Mapping[str, str]


def read_release(folder: Path) -> Release:
    """Numbers of ``tables/<task>.csv``, and what ``runs/*`` tell if they are there.

    Raises
    ------
    FtagPruneError
        If there are no tables, or one has other columns, something else than numbers in them, or
        two numbers of one thing.
    """
    tables = [folder / "tables" / f"{task}.csv" for task in TASKS]
    found = [table for table in tables if table.exists()]
    if not found:
        wanted = " or ".join(table.name for table in tables)
        raise FtagPruneError(f"{folder / 'tables'}: no table of results, wanted {wanted}")
    numbers = tuple(number for table in found for number in _numbers(table))
    return Release(str(folder), numbers, **_trainings(folder / "runs"))


def _numbers(table: Path) -> list[Measured]:
    numbers = [_measured(row, table) for row in read_csv(table)]
    if not numbers:
        raise FtagPruneError(f"{table}: holds no results")
    key, times = Counter(number.key for number in numbers).most_common(1)[0]
    if times > 1:
        raise FtagPruneError(f"{table}: {times} results of one thing, {key}")
    return numbers


def _measured(row: Mapping[str, Any], table: Path) -> Measured:
    values = {}
    for name, kind in get_type_hints(Measured).items():
        if row.get(name) is None:
            raise FtagPruneError(
                f"{table}: not a table of results, it has no column '{name}'"
                f"{nearest(name, filter(None, row))}"
            )
        try:
            values[name] = kind(row[name])
        except ValueError:
            raise FtagPruneError(
                f"{table}: '{row[name]}' in the column '{name}' is no number"
            ) from None
    return Measured(**values)


def _trainings(runs: Path) -> dict[str, Any]:
    """Jets, seeds and versions of finished trainings."""
    jets: dict[str, set[str]] = {}
    seeds: dict[str, set[int]] = {}
    versions: dict[str, str] = {}
    for path in sorted(runs.glob("*/run.json")):
        spec, told = read_json(path.with_name("spec.json")), read_json(path)
        try:
            jets.setdefault(spec["task"], set()).add(told["jets"])
            seeds.setdefault(spec["task"], set()).add(spec["seed"])
            versions = told["provenance"]["versions"]
        except (KeyError, TypeError) as missing:
            raise FtagPruneError(f"{path.parent}: not the results of a run ({missing})") from None
    return {
        "jets": {task: frozenset(found) for task, found in jets.items()},
        "seeds": {task: frozenset(found) for task, found in seeds.items()},
        "versions": versions,
    }
