"""All files of a sample, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import awkward as ak

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.expression import Ragged
from ftag_prune.read import hdf5, root
from ftag_prune.read.columns import Columns
from ftag_prune.schema import Card, Entry, Plan, branches_of, plan_of

__all__ = ["STEP", "batches", "columns"]

STEP = 20_000  # jets; their columns fit into the caches

_CHUNKS = {"root": root.chunks, "hdf5": hdf5.chunks}


def columns(
    card: Card,
    files: Sequence[Path],
    *,
    plan: Plan,
    wanted: Iterable[Entry],
    step: int | str = STEP,
) -> Iterator[tuple[Path, Columns]]:
    """Columns of all jets, in the order of the files; only the wanted branches are read.

    Parameters
    ----------
    wanted : the expressions that will be asked for
    step : number of entries (jets or events), or memory such as ``"100 MB"``, read at once

    Yields
    ------
    file, Columns
        No batch goes across files.
    """
    if not files:
        raise SampleError(f"card '{card.name}': no files; name them in the card or the command")
    branches = branches_of(plan, wanted)
    if not (branches.jets or branches.tracks):
        raise ConfigError(f"card '{card.name}': its expressions use no branch at all")
    for path in files:
        for chunk in _CHUNKS[card.format](path, card, branches, step=step):
            yield path, Columns(plan, chunk, where=str(path))


def batches(
    card: Card, files: Sequence[Path], *, step: int | str = STEP, constituents: bool = False
) -> Iterator[ak.Array]:
    """Records of all jets with the columns of the card; with `constituents` also ``tracks``.

    No cut is applied. Energies and lengths are what the card makes them, GeV and mm in this house.
    """
    plan = plan_of(card)
    if constituents and not plan.tracks:
        raise ConfigError(f"card '{card.name}': has no constituents")
    tracks = list(plan.tracks.items()) if constituents else []
    wanted = [*plan.jets.values(), *(entry for _, entry in tracks)]
    for _, found in columns(card, files, plan=plan, wanted=wanted, step=step):
        fields: dict[str, Any] = {name: found.per_jet(one) for name, one in plan.jets.items()}
        if tracks:
            fields["tracks"] = _jagged({name: found.per_track(one) for name, one in tracks})
        yield ak.Array(fields)


def _jagged(table: dict[str, Ragged]) -> Any:
    rows = next(iter(table.values())).rows
    records = ak.zip({name: column.content for name, column in table.items()})
    return ak.unflatten(records, rows.counts)
