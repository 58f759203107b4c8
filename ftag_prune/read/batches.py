"""Files of a sample, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import awkward as ak

from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.expression import Ragged
from ftag_prune.read import hdf5, parquet, root
from ftag_prune.read.columns import Columns
from ftag_prune.read.server import in_s3, state
from ftag_prune.record import checksum
from ftag_prune.schema import SAMPLE, Branches, Card, Entry, Place, Plan, branches_of, plan_of

__all__ = ["STEP", "batches", "columns", "entries", "identity"]

STEP = 20_000  # jets; their columns fit into the caches

_FORMATS: Mapping[str, ModuleType] = {"root": root, "hdf5": hdf5, "parquet": parquet}


def entries(card: Card, path: Place) -> int:
    """Entries of a file, jets or events; SampleError if it has none or cannot be read."""
    found: int = _format(card, path).entries(path, card)
    return found


def _format(card: Card, path: Place) -> ModuleType:
    """The module that reads such files; SampleError for a URL that it cannot open."""
    if isinstance(path, str) and card.format != "root" and not in_s3(path):
        raise SampleError(
            f"{path}: a URL of a {card.format} file; only ROOT files are read so, and what is in "
            f"S3; for root:// say fetch: true in the card, and the workflow makes a copy"
        )
    return _FORMATS[card.format]


def columns(
    card: Card,
    path: Place,
    *,
    plan: Plan,
    wanted: Iterable[Entry],
    step: int | str = STEP,
    start: int = 0,
    stop: int | None = None,
) -> Iterator[Columns]:
    """Columns of jets in a file, in its order; only the wanted branches are read.

    Parameters
    ----------
    wanted : the expressions that will be asked for
    step : number of entries (jets or events), or memory such as ``"100 MB"``, read at once
    start, stop : first entry, and the one after the last (None: to the end)
    """
    branches = branches_of(plan, wanted)
    if not (branches.jets or branches.within):
        raise ConfigError(f"card '{card.name}': its expressions use no branch at all")
    _refuse_unnamed(card, branches)
    sample = card.sample_of(path)
    chunks = _format(card, path).chunks
    for chunk in chunks(path, card, branches, step=step, start=start, stop=stop):
        yield Columns(plan, chunk, where=str(path), sample=sample)


def _refuse_unnamed(card: Card, branches: Branches) -> None:
    """A name of a sample is taken for a branch where the card's files have no names."""
    for name in branches.jets:
        if name.startswith(f"{SAMPLE}.") and not card.samples:
            part = name.removeprefix(f"{SAMPLE}.")
            raise ConfigError(
                f"card '{card.name}': uses '{name}', but files has no parts with names, as in "
                f"{{{part}: [...]}}"
            )


def batches(
    card: Card, files: Sequence[Place], *, step: int | str = STEP, constituents: bool = False
) -> Iterator[ak.Array]:
    """Records of all jets with the columns of the card; with `constituents` also ``tracks``.

    No cut is applied. Energies and lengths are what the card makes them, GeV and mm in this house.
    """
    if not files:
        raise SampleError(f"card '{card.name}': no files; name them in the card or the command")
    plan = plan_of(card)
    if constituents and not plan.tracks:
        raise ConfigError(f"card '{card.name}': has no constituents")
    tracks = list(plan.tracks.items()) if constituents else []
    wanted = [*plan.jets.values(), *(entry for _, entry in tracks)]
    for path in files:
        for found in columns(card, path, plan=plan, wanted=wanted, step=step):
            fields: dict[str, Any] = {name: found.per_jet(one) for name, one in plan.jets.items()}
            if tracks:
                fields["tracks"] = _jagged({name: found.per_track(one) for name, one in tracks})
            yield ak.Array(fields)


def _jagged(table: dict[str, Ragged]) -> Any:
    rows = next(iter(table.values())).rows
    records = ak.zip({name: column.content for name, column in table.items()})
    return ak.unflatten(records, rows.counts)


def identity(card: Card, path: Place) -> dict[str, Any]:
    """Path, size in bytes, and what tells the content from others.

    That is a checksum of a file or a copy that is here; of one on a server the number that ROOT
    gave it, or when it was written.
    """
    sample = card.sample_of(path)
    part = {} if sample is None else {"sample": sample}
    if str(path).startswith("s3://") and card.endpoint:
        part["endpoint"] = card.endpoint
    if not isinstance(path, str):
        here = Path(path)
        return {"path": str(path), "size": here.stat().st_size, "checksum": checksum(here), **part}
    module = _format(card, path)
    if module is not root:
        return {"path": path, **state(path, endpoint=card.endpoint), **part}
    number, size = root.unique(path, endpoint=card.endpoint)
    return {"path": path, "size": size, "uuid": number, **part}
