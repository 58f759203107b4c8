"""The fingerprint of prepared jets: what is in them, wherever and whenever they were made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.prepare.workers import Map
from ftag_prune.prepare.write import Target
from ftag_prune.record import digest
from ftag_prune.schema import LAYOUT, Card

__all__ = ["BLOCK", "fingerprint"]

BLOCK = 2**24  # bytes that a process reads at once; another number, another fingerprint


class _Block(NamedTuple):
    """A stretch of a file."""

    path: Path
    begin: int
    size: int


def fingerprint(
    run: Map, card: Card, targets: Sequence[Target], kinds: Mapping[str, np.dtype[Any]]
) -> str:
    """SHA-256 of the records of all files and of what their columns mean, in hexadecimal.

    Where the records come from is no part of it: the same jets have the same fingerprint. Mean and
    standard deviation of the inputs follow from them. Files are read once, block by block.

    Parameters
    ----------
    targets : files of the splits, filled
    kinds : record of each dataset
    """
    blocks = [block for target in targets for block in _blocks(target, card, kinds)]
    meaning = {
        "layout": LAYOUT,
        "task": card.task,
        "classes": list(card.about.classes),
        "inputs": list(card.inputs.jets),
        "track_inputs": list(card.inputs.tracks) if "tracks" in kinds else [],
        "records": {name: kind.descr for name, kind in kinds.items()},
        "rows": [target.rows for target in targets],
    }
    return digest({**meaning, "content": list(run(_sum, blocks))})


def _blocks(target: Target, card: Card, kinds: Mapping[str, np.dtype[Any]]) -> Iterator[_Block]:
    """The bytes of all datasets of a file."""
    most = card.constituents.maximum if card.constituents else 0
    places = {"jets": (target.jets, 1), "tracks": (target.tracks or 0, most)}
    for name, kind in kinds.items():
        first, each = places[name]
        size = target.rows * each * kind.itemsize
        for begin in range(0, size, BLOCK):
            yield _Block(target.path, first + begin, min(BLOCK, size - begin))


def _sum(block: _Block) -> str:
    with block.path.open("rb") as file:
        file.seek(block.begin)
        return hashlib.sha256(file.read(block.size)).hexdigest()
