"""The folder a run leaves behind, and a job that trains a chunk of runs one after another."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ftag_prune import __version__
from ftag_prune.config import Run
from ftag_prune.errors import FtagPruneError, TrainingError
from ftag_prune.model import About, Model, save_model
from ftag_prune.record import checksum, digest, provenance, read_json, write_csv, write_json
from ftag_prune.tensors import Description, Source, allowed_memory, description, load_within
from ftag_prune.train.loop import fit
from ftag_prune.train.state import State, Trained, resume, save

__all__ = ["Outcome", "quick_arithmetic", "train_runs"]

_log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What became of one run of a chunk: ``skipped`` had its verified results already."""

    run: str
    skipped: bool
    model_checksum: str


def train_runs(
    runs: Iterable[Run],
    jets: Path,
    out: Path,
    *,
    checkpoint_seconds: float = 60.0,
    progress: Callable[[str], None] = lambda _line: None,
) -> list[Outcome]:
    """Train the runs of one task, each into `out`/name; skip those whose results are there.

    A run that fails does not take the others with it: the error is raised at the end.

    Parameters
    ----------
    jets : folder with ``train.h5`` and ``val.h5``
    checkpoint_seconds : time between two checkpoints of a run, at the end of an epoch
    progress : is told one line per run
    """
    about = description(jets / "train.h5")

    @cache
    def loaded(share: float) -> tuple[Source, Source]:
        memory = share * allowed_memory()
        return load_within(jets / "train.h5", memory), load_within(jets / "val.h5", memory)

    outcomes: list[Outcome] = []
    failed: list[str] = []
    for run in runs:
        folder, identity = out / run.name, _identity(run, about)
        model = _finished(folder, identity)
        if model is not None:
            progress(f"{run.name}: done before")
            outcomes.append(Outcome(run.name, skipped=True, model_checksum=model))
            continue
        keeper = _Keeper(folder / "checkpoint.pt", identity, checkpoint_seconds)
        started = time.monotonic()
        try:
            with quick_arithmetic():
                state = resume(keeper.path, run, about, identity=identity)
                train, val = loaded(run.training.memory_share)
                trained = fit(run, state, train, val, after_epoch=keeper)
        except TrainingError as wrong:
            _log.error("%s", wrong)
            failed.append(str(wrong))
            continue
        model = _write(folder, run, trained, about, identity)
        progress(_line(run, trained, time.monotonic() - started))
        outcomes.append(Outcome(run.name, skipped=False, model_checksum=model))
    if failed:
        every = len(failed) + len(outcomes)
        raise TrainingError(f"{len(failed)} of {every} runs failed: {failed[0]}")
    return outcomes


@contextmanager
def quick_arithmetic() -> Iterator[None]:
    """One thread, and numbers too small for a normal float32 taken as zero.

    Closing gates make such numbers, and each costs many normal ones (docs/speed.md). Flushing is
    a setting of the processor; where there is none, the training is only slower.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


class _Keeper:
    """Writes a checkpoint after an epoch when the last one is old enough."""

    def __init__(self, path: Path, identity: str, seconds: float) -> None:
        self.path, self._identity, self._seconds = path, identity, seconds
        self._last = time.monotonic()

    def __call__(self, state: State) -> None:
        if time.monotonic() - self._last >= self._seconds:
            save(self.path, state, identity=self._identity)
            self._last = time.monotonic()


def _identity(run: Run, about: Description) -> str:
    """What the results of a run depend on: its spec, its jets and the code."""
    spec = run.model_dump(mode="json")
    return digest({"spec": spec, "jets": about.fingerprint, "version": __version__})


def _finished(folder: Path, identity: str) -> str | None:
    """Checksum of the model if the folder holds the results of this very run, unharmed."""
    try:
        found = read_json(folder / "run.json")
        model = checksum(folder / "model.pt")
    except (FtagPruneError, OSError):
        return None
    same = found.get("identity") == identity and found.get("model") == model
    return model if same else None


def _write(folder: Path, run: Run, trained: Trained, about: Description, identity: str) -> str:
    """Write the results; `run.json`, which makes them valid, comes last."""
    write_json(folder / "spec.json", run.model_dump(mode="json"))
    write_csv(folder / "history.csv", trained.history)
    meaning = About(about.task, tuple(about.classes), tuple(about.inputs))
    save_model(folder / "model.pt", Model(trained.network, meaning))
    model = checksum(folder / "model.pt")
    write_json(folder / "run.json", _summary(run, trained, about, identity, model))
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return model


def _summary(
    run: Run, trained: Trained, about: Description, identity: str, model: str
) -> dict[str, Any]:
    network, frozen = trained.network, trained.frozen
    return {
        "run": run.name,
        "identity": identity,
        "model": model,
        "jets": about.fingerprint,
        "nodes": sum(run.network.nodes),
        "asked": run.keep,
        "reached": frozen.reached if frozen else None,
        "left": sum(network.architecture.nodes),
        "layers": list(network.architecture.nodes),
        "kept": frozen.kept if frozen else None,
        "compaction_difference": frozen.difference if frozen else None,
        "parameters": network.parameter_count(),
        "multiplications": network.multiplications(),
        "provenance": provenance(),
    }


def _line(run: Run, trained: Trained, seconds: float) -> str:
    nodes, left = sum(run.network.nodes), sum(trained.network.architecture.nodes)
    reached = f", {trained.frozen.reached} before the freeze" if trained.frozen else ""
    loss = trained.history[-1]["val_loss"]
    return f"{run.name}: {left} of {nodes} nodes{reached}; val loss {loss:.4f}; {seconds:.1f} s"
