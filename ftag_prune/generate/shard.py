"""One shard: as many jets of one process as were asked for, from one Pythia, in one file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from ftag_prune.errors import ConfigError, FtagPruneError
from ftag_prune.generate import packages
from ftag_prune.generate.accepted import Accepted, concatenate, first
from ftag_prune.generate.clock import Clock
from ftag_prune.generate.events import Batch, flatten, start
from ftag_prune.generate.hbb_cc import hbb_cc_jets
from ftag_prune.generate.perigee import perigees
from ftag_prune.generate.pileup import Pileup, overlay, pool_of
from ftag_prune.generate.processes import SINGLE_INTERACTION, Process, process_of
from ftag_prune.generate.single_b import single_b_jets
from ftag_prune.generate.tracker import Tracks, measure, smear_vertex
from ftag_prune.generate.write import check_suffix, write
from ftag_prune.record import provenance

__all__ = ["Generated", "generate"]

_PYTHIA_SEEDS = 900_000_000  # the largest seed that Pythia takes


class Generated(NamedTuple):
    """What was made.

    Attributes
    ----------
    jets : int
        Jets in the file.
    events : int
        Events made: their numbers are ``first_event`` and the following.
    dropped : mapping
        Jets that passed the kinematic selection and are not in the file, by reason:
        ``parent_not_in_jet`` and ``fewer_than_two_hadrons`` for processes that promise a particle
        in the jet, and ``surplus``, what the last batch made too many.
    seconds : mapping
        CPU seconds by stage.
    """

    jets: int
    events: int
    dropped: Mapping[str, int]
    seconds: Mapping[str, float]


class _Recipe(NamedTuple):
    """All that decides the content of a shard."""

    task: str
    process: str
    jets: int
    seed: int
    first_event: int
    multiple_interactions: bool
    pileup: float
    batch: int


class _Seeds(NamedTuple):
    """Seeds of Pythia, of the pile-up's Pythia and of the detector."""

    pythia: int
    pileup: int
    detector: int


class _Builder(Protocol):
    """Makes the accepted jets of a batch of events."""

    def __call__(
        self, batch: Batch, tracks: Tracks, *, rng: np.random.Generator, clock: Clock
    ) -> Accepted: ...


def _builder(task: str, process: Process) -> _Builder:
    builders: Mapping[str, _Builder] = {
        "single_b": single_b_jets,
        "hbb_cc": partial(hbb_cc_jets, process=process),
    }
    return builders[task]


def _seeds(recipe: _Recipe) -> _Seeds:
    """Seeds that differ between shards and stay the same between computers."""
    text = f"{recipe.task}/{recipe.process}/{recipe.seed}/{recipe.first_event}"
    words = np.frombuffer(hashlib.blake2b(text.encode(), digest_size=24).digest(), dtype="<u8")
    pythia, pileup, detector = (int(word) for word in words)
    return _Seeds(1 + pythia % _PYTHIA_SEEDS, 1 + pileup % _PYTHIA_SEEDS, detector)


def _check(recipe: _Recipe) -> None:
    """Refuse numbers that are out of range, by name."""
    for name, smallest in {"jets": 1, "seed": 0, "first_event": 0, "batch": 1}.items():
        value = getattr(recipe, name)
        if value < smallest:
            raise ConfigError(f"{name} must be at least {smallest}, not {value}")
    if not 0 <= recipe.pileup < np.inf:
        raise ConfigError(f"pileup must be a number of vertices per mm from 0, not {recipe.pileup}")


def _tracks(batch: Batch, pileup: Pileup | None, rng: np.random.Generator) -> Tracks:
    vertex = smear_vertex(batch.events, rng)
    true = perigees(batch, vertex)
    if pileup is not None:
        true = overlay(true, pileup, vertex=vertex, rng=rng)
    return measure(true, rng)


def _numbered(accepted: Accepted, event: int) -> Accepted:
    """The same jets with event numbers that start at `event`."""
    numbers = accepted.jets["eventNumber"] + np.uint64(event)
    return accepted._replace(jets={**accepted.jets, "eventNumber": numbers})


def _batches(generator: Any, size: int, *, clock: Clock) -> Iterator[Batch]:
    """Batches of Pythia's events without end."""
    while True:
        with clock("pythia"):
            nested = generator.nextBatch(size)
        with clock("flatten"):
            batch = flatten(nested)
        if batch.events == 0:
            raise FtagPruneError(f"Pythia failed to make any of {size} events")
        yield batch


def _parts(recipe: _Recipe, *, clock: Clock) -> Iterator[Accepted]:
    """Accepted jets of one batch after another."""
    seeds = _seeds(recipe)
    rng = np.random.default_rng(seeds.detector)
    process = process_of(recipe.task, recipe.process)
    build = _builder(recipe.task, process)
    quiet = () if recipe.multiple_interactions else SINGLE_INTERACTION
    with clock("start"):
        generator = start((*process.settings, *quiet), seed=seeds.pythia)
        pileup = pool_of(recipe.pileup, seed=seeds.pileup) if recipe.pileup > 0 else None
    events = 0
    for batch in _batches(generator, recipe.batch, clock=clock):
        with clock("tracks"):
            tracks = _tracks(batch, pileup, rng)
        part = build(batch, tracks, rng=rng, clock=clock)
        yield _numbered(part, recipe.first_event + events)
        events += batch.events


def _about(recipe: _Recipe, accepted: Accepted) -> dict[str, Any]:
    """What stands beside the jets in the file."""
    return {
        "sample": "Pythia 8 + parametrised tracker",
        "cite": "Pythia 8.3 (arXiv:2203.11601), FastJet (arXiv:1111.6097)",
        "units": "MeV, mm, rad",
        **recipe._asdict(),
        "events": accepted.events,
        "dropped": dict(accepted.dropped),
        "generators": {name: metadata.version(name) for name in ("pythia8mc", "fastjet")},
        "provenance": provenance(),
    }


def generate(
    out: Path,
    *,
    task: str,
    process: str,
    jets: int,
    seed: int,
    first_event: int = 0,
    multiple_interactions: bool = False,
    pileup: float = 0.55,
    batch: int = 200,
    progress: Callable[[int], None] | None = None,
) -> Generated:
    """Make exactly `jets` jets of one process and write them, whole or not at all.

    The same arguments give the same jets, in any process on any day.

    Parameters
    ----------
    out : Path
        ``.root``: TTree ``jets`` with branches ``jet_<name>`` and jagged ``trk_<name>``.
        ``.h5``: structured ``jets`` (n,) and ``tracks`` (n, 40) in the layout of ATLAS's dumper.
        Energies are MeV, lengths mm.
    task : {'single_b', 'hbb_cc'}
        Small-R jets, or large-R jets with track subjets.
    process : str
        One of ``PROCESSES[task]``.
    jets : int
        Number of jets, at least 1.
    seed : int
        Seed of the sample, at least 0; every shard derives its own from it.
    first_event : int
        Event number of the shard's first event. Shards of one sample must lie so far apart that
        their events, ``Generated.events`` each, do not overlap.
    multiple_interactions : bool
        Whether Pythia simulates the underlying event: three to four times slower.
    pileup : float
        Other collisions per mm of the beam axis around the primary vertex; 0 for none.
    batch : int
        Events made at once. Another number gives another sample.
    progress : function, optional
        Called with the number of jets made so far after each batch.

    Returns
    -------
    Generated

    Raises
    ------
    ConfigError
        An argument names something that does not exist, or is out of range.
    FtagPruneError
        Pythia or FastJet is not installed, or Pythia cannot start or make events.
    """
    recipe = _Recipe(task, process, jets, seed, first_event, multiple_interactions, pileup, batch)
    process_of(task, process)
    check_suffix(out)
    _check(recipe)
    packages.fastjet()  # so that a missing package shows before any work is done
    clock = Clock()
    parts: list[Accepted] = []
    made = 0
    for part in _parts(recipe, clock=clock):
        parts.append(part)
        made += len(part.counts)
        if progress is not None:
            progress(min(made, jets))
        if made >= jets:
            break
    accepted = first(concatenate(parts), jets)
    with clock("write"):
        write(out, accepted, about=_about(recipe, accepted))
    return Generated(jets, accepted.events, accepted.dropped, dict(clock.seconds))
