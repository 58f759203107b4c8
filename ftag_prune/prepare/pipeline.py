"""Two passes over the files: which jets are kept, then all their columns into three files."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ftag_prune.config import Balance, Split, Weights
from ftag_prune.errors import ConfigError, SampleError
from ftag_prune.prepare.about import Choice, figures, inputs, origin
from ftag_prune.prepare.content import fingerprint
from ftag_prune.prepare.count import SPLITS, Counts, Tally, check
from ftag_prune.prepare.fill import Filling, Job, fill
from ftag_prune.prepare.piece import Failed, Piece, Work, described, pieces
from ftag_prune.prepare.scan import kept_dtype, scan
from ftag_prune.prepare.spool import Part, Spool, Training
from ftag_prune.prepare.table import kinds as kinds_of
from ftag_prune.prepare.weigh import Balanced, Ground, columns_of, weigh
from ftag_prune.prepare.workers import Map
from ftag_prune.prepare.workers import workers as processes
from ftag_prune.prepare.write import create, describe, writing
from ftag_prune.read import STEP, identity
from ftag_prune.record import atomic
from ftag_prune.schema import Card, Place, plan_of

__all__ = ["PIECE", "Prepared", "prepare"]

_log = logging.getLogger(__name__)

_NO_EVENT = (
    "card '%s' names no event number: jets are split by a hash of their %s, and jets of one event "
    "may be in the training and in the test"
)
PIECE = 100_000  # entries that a process reads before it takes others

Progress = Callable[[int, int], None]


class Prepared(NamedTuple):
    """The files that were written, and where every jet went."""

    train: Path
    val: Path
    test: Path
    counts: Counts
    fingerprint: str


def prepare(
    card: Card,
    files: Sequence[Place],
    out: Path,
    *,
    split: Split | None = None,
    balance: Balance | None = None,
    constituents: bool = False,
    workers: int = 1,
    step: int | str = STEP,
    piece: int = PIECE,
    progress: Progress = lambda _done, _total: None,
) -> Prepared:
    """Write ``train.h5``, ``val.h5`` and ``test.h5`` into the folder `out`, all or none.

    The content depends on the card, the files, the split, the balance and `constituents` alone: not
    on `workers`, `step` or `piece`. Memory does not grow with the sample.

    Parameters
    ----------
    files : in the order in which their jets stand in the result
    split : default 6, 1 and 3 tenths of the event numbers modulo 10
    balance : default weights
    constituents : also write ``tracks``
    workers : processes
    step : number of entries, or memory such as ``"100 MB"``, that one process reads at once
    piece : entries that one process takes at a time
    progress : is told the entries done and their total; each counts half in each pass

    Raises
    ------
    SampleError
        If the files do not hold what the card says, a split has no jets, a class none for
        training, or a jet two classes; if a file cannot be written, or a process is killed.
    """
    plan_of(card)
    if constituents and not card.inputs.tracks:
        raise ConfigError(f"card '{card.name}': inputs.tracks names none, but tracks are wanted")
    if not files:
        raise SampleError(f"card '{card.name}': no files; name them in the card or the command")
    choice = Choice(split or Split(), balance or Weights(), constituents)
    work = _work(card, choice, step)
    if not card.event:
        _log.warning(_NO_EVENT, card.name, " and ".join(card.about.balance))
    with _beside(out) as folder, processes(workers) as run:
        said = _Progress(progress)
        sample = _scan(run, work, files, folder, most=piece, said=said)
        while True:
            try:
                return _write(run, card, choice, sample, out, said=said)
            except _LostError as lost:
                sample = sample.without(lost.failed)


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder in the folder `out`, which is made; it goes when the block ends."""
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(dir=out, prefix=".prepare-")
    with made as folder:
        yield Path(folder)


def _work(card: Card, choice: Choice, step: int | str) -> Work:
    """The spectra show what is balanced, what the task balances, and the mass."""
    balanced = columns_of(choice.balance, card)
    shown = (*card.about.balance, *(["mass"] if "mass" in card.jets else []))
    columns = tuple(dict.fromkeys((*balanced, *shown)))
    return Work(card.model_dump_json(), columns, choice.split, choice.constituents, step)


class _Progress:
    """Entries that are done, of all in both passes."""

    def __init__(self, tell: Progress) -> None:
        self._tell, self._done, self._total = tell, 0, 0

    def begin(self, entries: int) -> None:
        self._total = 2 * entries

    def add(self, piece: Piece) -> None:
        self._done += piece.stop - piece.start
        self._tell(min(self._done, self._total) // 2, self._total // 2)

    def again(self) -> None:
        """Only the first pass is done."""
        self._done = self._total // 2


class _LostError(Exception):
    """Files that could be read in the first pass, but not in the second."""

    def __init__(self, failed: Sequence[Failed]) -> None:
        super().__init__(failed)
        self.failed = failed


class _Sample(NamedTuple):
    """What the first pass leaves: pieces with their kept jets, and files that cannot be read."""

    card: Card
    files: tuple[Place, ...]
    work: Work
    spool: Spool
    parts: tuple[Part, ...]
    skipped: Mapping[str, str]

    def without(self, failed: Sequence[Failed]) -> _Sample:
        """The same without the files that failed; SampleError if no file is left."""
        reasons = {one.file: one.reason for one in failed}
        for reason in reasons.values():
            _log.warning("left out: %s", reason)
        parts = tuple(part for part in self.parts if part.piece.file not in reasons)
        more = {str(self.files[file]): reason for file, reason in sorted(reasons.items())}
        skipped = {**self.skipped, **more}
        if not parts:
            raise SampleError(
                f"card '{self.card.name}': none of {len(self.files)} files can be read; the first: "
                f"{next(iter(skipped.values()))}"
            )
        return self._replace(parts=parts, skipped=skipped)

    @property
    def training(self) -> Training:
        """Records of the training jets."""
        return Training(self.spool, self.parts)

    @property
    def sources(self) -> tuple[Place, ...]:
        """Files that jets come from."""
        return tuple(self.files[file] for file in sorted({part.piece.file for part in self.parts}))

    @property
    def where(self) -> str:
        """The files, for messages."""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f"{self.files[0]}{more}"


def _scan(
    run: Map, work: Work, files: Sequence[Place], folder: Path, *, most: int, said: _Progress
) -> _Sample:
    """First pass."""
    card, _ = described(work.card)
    failed: list[Failed] = []
    todo: list[Piece] = []
    for cut in run(partial(pieces, work, most), enumerate(files)):
        if isinstance(cut, Failed):
            failed.append(cut)
        else:
            todo += cut
    said.begin(sum(piece.stop - piece.start for piece in todo))
    spool, parts = Spool(folder / "kept", kept_dtype(work.columns)), []
    for piece, found in zip(todo, run(partial(scan, work), todo), strict=True):
        said.add(piece)
        if isinstance(found, Failed):
            failed.append(found)
        else:
            parts.append(spool.add(found))
    return _Sample(card, tuple(files), work, spool, tuple(parts), {}).without(failed)


def _counts(sample: _Sample) -> Counts:
    """Counts of all parts; SampleError if a split or a class has no jets."""
    _, plan = described(sample.work.card)
    tally = Tally(plan)
    for part in sample.parts:
        tally.include(part.tally)
    counts = tally.counts()
    check(counts, plan, where=sample.where)
    return counts


def _event(parts: Sequence[Part]) -> np.dtype[Any]:
    kinds = {part.event for part in parts if part.number}
    if len(kinds) > 1:
        raise SampleError(
            "event: is signed in one file and unsigned in another; the card cannot hold both"
        )
    return kinds.pop()


def _write(
    run: Map, card: Card, choice: Choice, sample: _Sample, out: Path, *, said: _Progress
) -> Prepared:
    """Second pass, and the description."""
    counts, plan = _counts(sample), described(sample.work.card)[1]
    kinds = kinds_of(card, plan, event=_event(sample.parts), tracks=choice.constituents)
    balanced = _balanced(card, choice, sample, counts)
    jobs, rows = _jobs(sample.parts, balanced)
    most = card.constituents.maximum if card.constituents else 0
    train, val, test = (out / f"{name}.h5" for name in SPLITS)
    with ExitStack() as stack:
        targets = tuple(
            create(stack.enter_context(atomic(path)), path, kinds, rows=number, tracks=most)
            for path, number in zip((train, val, test), rows, strict=True)
        )
        _fill(
            run, Filling(sample.work, sample.spool.path, kinds, balanced, targets), jobs, said=said
        )
        sources = list(run(partial(_identity, sample.work), sample.sources))
        made = origin(card, choice, sources, skipped=sample.skipped, counts=counts)
        spread = figures(card, choice.balance, sample.training, balanced, counts=counts)
        seen = inputs(card, targets[0], kinds, where=sample.where)
        mark = fingerprint(run, card, targets, kinds)
        for target in targets:
            describe(target, {**made, **spread, **seen, "fingerprint": mark})
    return Prepared(train, val, test, counts, mark)


def _identity(work: Work, path: Place) -> dict[str, Any]:
    return identity(described(work.card)[0], path)


def _balanced(card: Card, choice: Choice, sample: _Sample, counts: Counts) -> Balanced:
    copies = sample.spool.path.with_name("copies")
    copies.unlink(missing_ok=True)
    number = np.array(list(counts.kept["train"].values()))
    columns = columns_of(choice.balance, card)
    ground = Ground(sample.training, columns, card.about, number, copies, sample.where)
    return weigh(choice.balance, ground)


def _fill(run: Map, filling: Filling, jobs: Sequence[Job], *, said: _Progress) -> None:
    said.again()
    failed: list[Failed] = []
    for job, lost in zip(jobs, run(partial(fill, filling), jobs), strict=True):
        said.add(job.piece)
        if lost:
            failed.append(lost)
    if failed:
        raise _LostError(failed)


def _jobs(parts: Sequence[Part], balanced: Balanced) -> tuple[list[Job], tuple[int, ...]]:
    """Where the jets of each part go, and the jets in each split."""
    jobs, rows, trained = [], np.zeros(len(SPLITS), np.int64), 0
    for part in parts:
        jobs.append(Job(part.piece, part.begin, part.number, trained, tuple(rows.tolist())))
        repeats = balanced.repeats(trained, part.splits[0])
        trained += part.splits[0]
        rows += np.array([int(repeats.sum(dtype=np.int64)), *part.splits[1:]])
    return jobs, tuple(rows.tolist())
