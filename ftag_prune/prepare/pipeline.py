"""One pass over the files, one over the training jets, and three files."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ftag_prune import __version__
from ftag_prune.config import Split
from ftag_prune.errors import ConfigError
from ftag_prune.expression import Array
from ftag_prune.prepare.balance import balance
from ftag_prune.prepare.count import SPLITS, Counts, Tally, check, choose, finite, whole
from ftag_prune.prepare.moments import jet_rows, moments, track_rows
from ftag_prune.prepare.table import Spool, jet_records, spooled, track_records
from ftag_prune.prepare.write import Filled, write
from ftag_prune.read import STEP, Columns, columns
from ftag_prune.record import checksum, digest, provenance
from ftag_prune.schema import LAYOUT, Card, Entry, Plan, plan_of

__all__ = ["Prepared", "prepare"]


class Prepared(NamedTuple):
    """The files that were written, and where every jet went."""

    train: Path
    val: Path
    test: Path
    counts: Counts
    fingerprint: str


class _Done(NamedTuple):
    """What the pass over the files leaves: counts, and records of each split on disk."""

    counts: Counts
    splits: tuple[Filled, ...]


def prepare(
    card: Card,
    files: Sequence[Path],
    out: Path,
    *,
    split: Split | None = None,
    constituents: bool = False,
    step: int | str = STEP,
    progress: Callable[[int], None] = lambda _jets: None,
) -> Prepared:
    """Write ``train.h5``, ``val.h5`` and ``test.h5`` into the folder `out`, all or none.

    The content depends on the card, the files, the split and `constituents` alone: not on `step`.

    Parameters
    ----------
    files : in the order in which their jets stand in the result
    split : tenths of the event numbers modulo 10; default 6, 1 and 3
    constituents : also write ``tracks``
    step : number of jets, or memory such as ``"100 MB"``, that is read at once
    progress : is told the number of jets read so far

    Raises
    ------
    SampleError
        If the files do not hold what the card says, a split has no jets, a class none for
        training, or a jet two classes.
    """
    plan, shares = plan_of(card), split or Split()
    if constituents and not card.inputs.tracks:
        raise ConfigError(f"card '{card.name}': inputs.tracks names none, but tracks are wanted")
    wanted = _wanted(card, plan, tracks=constituents)
    read = columns(card, files, plan=plan, wanted=wanted, step=step)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".prepare-") as folder, ExitStack() as stack:
        jets = stack.enter_context(spooled(Path(folder), "jets"))
        tracks = stack.enter_context(spooled(Path(folder), "tracks")) if constituents else None
        tally = _collect(card, plan, read, jets, tracks, shares=shares, progress=progress)
        done = _Done(tally.counts(), _filled(card, jets, tracks))
        check(done.counts, plan, where=_name(files))
        about = _about(card, files, done, shares)
        task = card.about
        balanced = balance(
            done.splits[0].jets, task.balance, shares=task.shares, where=_name(files)
        )
        train, val, test = (out / f"{name}.h5" for name in SPLITS)
        write(dict(zip((train, val, test), done.splits, strict=True)), about, balance=balanced)
    return Prepared(train, val, test, done.counts, about["fingerprint"])


def _name(files: Sequence[Path]) -> str:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{files[0]}{more}"


def _wanted(card: Card, plan: Plan, *, tracks: bool) -> list[Entry]:
    several = [plan.jets, plan.select, plan.labels]
    wanted = [entry for group in several for entry in group.values()]
    wanted += [plan.event, plan.weight]
    if tracks and plan.sort:
        wanted += [plan.sort, *(plan.tracks[name] for name in card.inputs.tracks)]
    return wanted


def _collect(
    card: Card,
    plan: Plan,
    read: Iterable[tuple[Path, Columns]],
    jets: Spool,
    tracks: Spool | None,
    *,
    shares: Split,
    progress: Callable[[int], None],
) -> Tally:
    """Select, label and split batch after batch, into the raw files."""
    tally = Tally(plan)
    inputs = {name: plan.tracks[name] for name in card.inputs.tracks}
    for path, batch in read:
        passed = choose(plan, batch, where=str(path))
        kept = batch.pick(passed.keep)
        event = whole(kept.per_jet(plan.event), key="event", where=str(path))
        split = _split(event, shares)
        weight = finite(kept.per_jet(plan.weight), key="weight", where=str(path))
        records = jet_records(card, plan, kept, event=event, weight=weight, label=passed.label)
        jets.append(records, split)
        if tracks is not None and plan.sort and card.constituents:
            maximum = card.constituents.maximum
            tracks.append(track_records(kept, inputs, sort=plan.sort, maximum=maximum), split)
        tally.add(passed, split)
        progress(tally.read)
    return tally


def _split(event: Array, shares: Split) -> Array:
    """Index of each jet's split; jets of one event stay together."""
    tenths = np.repeat(np.arange(3), [shares.train, shares.val, shares.test])
    return np.asarray(tenths[(event % event.dtype.type(10)).astype(np.int64)])


def _filled(card: Card, jets: Spool, tracks: Spool | None) -> tuple[Filled, ...]:
    maximum = card.constituents.maximum if card.constituents else 0
    return tuple(
        Filled(jets.read(index), tracks.read(index, maximum) if tracks else None)
        for index in range(len(SPLITS))
    )


def _about(card: Card, files: Sequence[Path], done: _Done, shares: Split) -> dict[str, Any]:
    """Attributes of all three files."""
    train, where = done.splits[0], _name(files)
    sources = [_source(path) for path in files]
    content = card.model_dump(mode="json", exclude={"files"})
    identity = {
        "layout": LAYOUT,
        "card": content,
        "sources": [source["checksum"] for source in sources],
        "split": shares.model_dump(),
        "constituents": train.tracks is not None,
        "version": __version__,
    }
    over_jets = jet_rows(train.jets, len(card.inputs.jets))
    about = {
        **identity,
        "sources": sources,
        "fingerprint": digest(identity),
        "task": card.task,
        "classes": list(card.about.classes),
        "inputs": list(card.inputs.jets),
        "units": card.units,
        "counts": done.counts._asdict(),
        "provenance": provenance(),
        **moments(over_jets, card.inputs.jets, where=where)._asdict(),
    }
    if train.tracks is not None:
        over_tracks = track_rows(train.tracks, len(card.inputs.tracks))
        found = moments(over_tracks, card.inputs.tracks, where=where)
        about |= {"track_inputs": list(card.inputs.tracks)}
        about |= {"track_mean": found.mean, "track_std": found.std}
    return about


def _source(path: Path) -> dict[str, Any]:
    return {"path": str(path), "size": path.stat().st_size, "checksum": checksum(path)}
