"""Whether the files of a results folder still belong together, by their checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ftag_prune.config import Study
from ftag_prune.errors import FtagPruneError
from ftag_prune.provenance.beside import NAME, Known, Told, read_beside
from ftag_prune.provenance.origin import attributes
from ftag_prune.record import checksum, read_mapping
from ftag_prune.spec import validated

__all__ = ["Verdict", "verify"]

_PICTURES = (".pdf", ".png")
_DRAWN = ("figures", "samples", "validation")
_DATA = (".h5", ".hdf5", ".root", ".parquet")  # may be elsewhere, or left behind by an archive


class Verdict(NamedTuple):
    """What a look at a results folder found.

    Attributes
    ----------
    checked : files whose bytes were read again
    wrong : sentences about what does not belong together
    absent : sentences about what could not be compared, for it is not there: archives hold no jets
    """

    checked: int
    wrong: tuple[str, ...]
    absent: tuple[str, ...]


class _Found(NamedTuple):
    """A sentence."""

    text: str
    wrong: bool = True


def verify(results: Path) -> Verdict:
    """Read all files of a results folder again, and say what no longer belongs to what.

    Raises
    ------
    FtagPruneError
        If there is no study and no run.
    """
    folder = _Folder(results)
    if not folder.runs and not (results / "study.json").is_file():
        raise FtagPruneError(f"{results}: wanted the results of a study, found no run and no study")
    found = [
        *(one for run in folder.runs for one in _run(folder, run)),
        *_chunks(folder),
        *_study(folder),
        *_drawn(folder),
        *(one for path in folder.beside for one in _recorded(folder, path)),
        *_tables(folder),
    ]
    said = dict.fromkeys(found)
    return Verdict(
        checked=len(folder.sums),
        wrong=tuple(one.text for one in said if one.wrong),
        absent=tuple(one.text for one in said if not one.wrong),
    )


class _Folder:
    """A results folder; every file is read at most once."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.sums: dict[Path, str | None] = {}

    @cached_property
    def runs(self) -> list[Path]:
        """Folders of runs, finished or not."""
        return sorted(path for path in (self.root / "runs").glob("*") if path.is_dir())

    @cached_property
    def beside(self) -> list[Path]:
        """Files that say where results come from."""
        return sorted(self.root.rglob(f"*{NAME}"))

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of the prepared jets, by task."""
        files = sorted((self.root / "jets").glob("*/train.h5"))
        return {path.parent.name: str(attributes(path).get("fingerprint")) for path in files}

    def sum_of(self, path: Path) -> str | None:
        """Checksum; None if there is no such file."""
        path = Path(os.path.normpath(path))
        if path not in self.sums:
            if not path.is_file():
                return None
            self.sums[path] = checksum(path)
        return self.sums[path]

    def name(self, path: Path) -> str:
        """Path as a sentence calls it."""
        return os.path.relpath(path, self.root)


# -- runs -----------------------------------------------------------------------------------------


def _run(folder: _Folder, run: Path) -> Iterator[_Found]:
    name = folder.name(run)
    if not (run / "run.json").is_file():
        if not _is_trunk(run.name):
            yield _Found(f"{name}: is not finished; it has no run.json", wrong=False)
        return
    told, spec = read_mapping(run / "run.json"), read_mapping(run / "spec.json")
    model = folder.sum_of(run / "model.pt")
    if model is None:
        yield _Found(f"{name}: its model.pt is lost")
    elif model != told.get("model"):
        yield _Found(f"{name}: model.pt is not the model that run.json tells of")
    if not run.name == told.get("run") == spec.get("name"):
        yield _Found(
            f"{name}: run.json is of the run '{told.get('run')}', spec.json of '{spec.get('name')}'"
        )
    yield from _trained_on(folder, name, told, task=str(spec.get("task")))
    yield from _measured(folder, run, told)


def _is_trunk(name: str) -> bool:
    """Whether it is the training that several runs shared: it has a checkpoint, and no results."""
    return "-trunk-" in name


def _trained_on(
    folder: _Folder, name: str, told: Mapping[str, Any], *, task: str
) -> Iterator[_Found]:
    there = folder.fingerprints.get(task)
    if there is None:
        yield _Found(
            f"jets/{task}: is not there; what was trained on it is not compared", wrong=False
        )
    elif told.get("jets") != there:
        yield _Found(f"{name}: was trained on other jets than those in jets/{task}")


def _measured(folder: _Folder, run: Path, told: Mapping[str, Any]) -> Iterator[_Found]:
    """Scores and metrics, as far as they name their model."""
    name = folder.name(run)
    metrics, scores = run / "metrics.json", run / "scores.h5"
    if metrics.is_file():
        measured = read_mapping(metrics)
        if measured.get("model", told.get("model")) != told.get("model"):
            yield _Found(f"{name}: metrics.json was measured with another model")
    if not scores.is_file():
        return
    about = attributes(scores)
    if about.get("model", told.get("model")) != told.get("model"):
        yield _Found(f"{name}: scores.h5 holds scores of another model")
    if about.get("jets", told.get("jets")) != told.get("jets"):
        yield _Found(f"{name}: scores.h5 holds scores of other jets than it was trained with")


def _chunks(folder: _Folder) -> Iterator[_Found]:
    """What the jobs said that they left."""
    for kind, file in (("trained", "model.pt"), ("evaluated", "metrics.json")):
        for path in sorted((folder.root / "chunks").glob(f"*.{kind}.json")):
            for run, known in read_mapping(path).items():
                found = folder.sum_of(folder.root / "runs" / run / file)
                if found is None:
                    yield _Found(f"runs/{run}: {file} is lost; {folder.name(path)} tells of it")
                elif found != known:
                    yield _Found(f"runs/{run}: {file} is not the one that {kind} it left")


def _study(folder: _Folder) -> Iterator[_Found]:
    path = folder.root / "study.json"
    if not path.is_file():
        yield _Found("study.json: is not there; runs are not compared with the study", wrong=False)
        return
    wanted = {run.name for run in validated(Study, read_mapping(path), where=str(path)).runs()}
    there = {run.name for run in folder.runs if (run / "run.json").is_file()}
    for name in sorted(there - wanted):
        yield _Found(f"runs/{name}: is no run of study.json")
    lost = sorted(wanted - there)
    if lost:
        yield _Found(
            f"runs: {len(lost)} of {len(wanted)} are not there, {lost[0]} first", wrong=False
        )


# -- what is made of runs -------------------------------------------------------------------------


def _drawn(folder: _Folder) -> Iterator[_Found]:
    """Every figure has its numbers."""
    for kind in _DRAWN:
        for path in sorted((folder.root / kind).rglob("*")):
            if path.suffix in _PICTURES and not path.with_suffix(".csv").is_file():
                yield _Found(f"{folder.name(path)}: has no {path.stem}.csv with its numbers")


def _tables(folder: _Folder) -> Iterator[_Found]:
    """A table that does not say what it is made from can still be too old."""
    measured = [path.stat().st_mtime for path in (folder.root / "runs").glob("*/metrics.json")]
    for table in sorted((folder.root / "tables").glob("*.csv")):
        beside = table.with_name(f"{table.stem}.{NAME}")
        if not beside.is_file() and table.stat().st_mtime < max(measured, default=0.0):
            yield _Found(f"{folder.name(table)}: is older than metrics of its runs")


def _recorded(folder: _Folder, path: Path) -> Iterator[_Found]:
    """A result that says what it is and what it was made from."""
    told = read_beside(path)
    name = _result(folder, path, told)
    for one in told.files:
        place = path.parent / one.path
        state = _state(folder, place, one)
        if state == _LOST:
            yield _Found(f"{folder.name(place)}: is not there", wrong=place.suffix not in _DATA)
        elif state is not None:
            yield _Found(f"{folder.name(place)}: {state} since it was made", wrong=state != _LATER)
    for one in told.made_from:
        if "://" in one.path:
            continue
        place = path.parent / one.path
        state = _state(folder, place, one)
        if state == _LOST:
            text = f"{folder.name(place)}: is not there; {name} was made from it"
            yield _Found(text, wrong=False)
        elif state is not None:
            text = f"{name}: was made from another {folder.name(place)} than the one there"
            yield _Found(text, wrong=state != _LATER)


_LOST, _OTHER, _LATER = "is lost", "has changed", "has another time, and is too large to read again"


def _state(folder: _Folder, place: Path, known: Known) -> str | None:
    """What became of a file; None if it is still the same."""
    if not place.is_file():
        return _LOST
    state = place.stat()
    if state.st_size != known.size:
        return _OTHER
    if known.sha256 is not None:
        return None if folder.sum_of(place) == known.sha256 else _OTHER
    return None if state.st_mtime_ns == known.modified else _LATER


def _result(folder: _Folder, path: Path, told: Told) -> str:
    """Name of the file, or of the folder, that the provenance is about."""
    if path.name == NAME:
        return folder.name(path.parent)
    return folder.name(path.parent / told.files[0].path) if told.files else folder.name(path)
