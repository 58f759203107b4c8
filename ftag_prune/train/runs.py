"""The folder a run leaves behind, and a job that trains a chunk of runs one after another."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ftag_prune.config import Run
from ftag_prune.errors import FtagPruneError, TrainingError
from ftag_prune.model import About, Model, save_model
from ftag_prune.networks import INPUTS
from ftag_prune.provenance import circumstances
from ftag_prune.record import checksum, provenance, read_mapping, write_csv, write_json
from ftag_prune.tensors import (
    Description,
    Source,
    allowed_memory,
    description,
    load_within,
    one_thread,
)
from ftag_prune.train.before import Before, before_of
from ftag_prune.train.checkpoints import identity_of, resume
from ftag_prune.train.descent import left_behind
from ftag_prune.train.keeper import BusyError, Habits, Keeper, forget
from ftag_prune.train.loop import fit
from ftag_prune.train.state import Node, Trained
from ftag_prune.train.stopping import Stop

__all__ = ["Outcome", "train_runs"]

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
    device: str | None = None,
    stop: Stop | None = None,
    progress: Callable[[str], None] = lambda _line: None,
) -> list[Outcome]:
    """Train the runs of one task, each into `out`/name; skip those whose results are there.

    A run that fails does not take the others with it: the error is raised at the end. One that
    another process trains comes last, and is waited for.

    Parameters
    ----------
    jets : folder with ``train.h5`` and ``val.h5``
    checkpoint_seconds : time between two checkpoints of a run
    device : where to train, instead of where the runs say; they are the same runs there
    stop : may ask to stop: after the batch a checkpoint is written, and StoppedError is raised
    progress : is told one line per run
    """
    job = _Job(description(jets / "train.h5"), _loading(jets), out, device)
    habits = Habits(checkpoint_seconds, stop or Stop(), patient=False)
    waiting = deque((run, habits) for run in runs)
    outcomes: list[Outcome] = []
    failed: list[str] = []
    while waiting:
        run, how = waiting.popleft()
        how.stop.check(f"{run.name}: not begun")
        try:
            outcome, line = _train(run, job, how)
        except BusyError:
            waiting.append((run, how._replace(patient=True)))
        except (TrainingError, MemoryError, torch.OutOfMemoryError) as wrong:
            failed.append(_sentence(run, wrong))
            _log.error("%s", failed[-1])
        else:
            progress(line)
            outcomes.append(outcome)
    if failed:
        every = len(failed) + len(outcomes)
        raise TrainingError(f"{len(failed)} of {every} runs failed: {failed[0]}")
    return outcomes


class _Job(NamedTuple):
    """What the runs of a job share; `loaded` gives jets for training and validation."""

    about: Description
    loaded: Callable[[float], tuple[Source, Source]]
    out: Path
    device: str | None

    def there(self, run: Run) -> Run:
        """A run as it is trained on the device of this job."""
        if self.device is None:
            return run
        training = run.training.model_copy(update={"device": self.device})
        return run.model_copy(update={"training": training})


def _loading(jets: Path) -> Callable[[float], tuple[Source, Source]]:
    """Loads the jets once for each share of the memory."""

    @cache
    def loaded(share: float) -> tuple[Source, Source]:
        memory = share * allowed_memory()
        return load_within(jets / "train.h5", memory), load_within(jets / "val.h5", memory)

    return loaded


def _sentence(run: Run, wrong: Exception) -> str:
    """What went wrong, beginning with the run's name."""
    if str(wrong).startswith(f"{run.name}: "):
        return str(wrong)
    said = str(wrong).splitlines()
    return f"{run.name}: {said[0] if said else 'not enough memory'}"


def _train(run: Run, job: _Job, habits: Habits) -> tuple[Outcome, str]:
    """One run, if its results are not there, and the line that is told of it."""
    before = before_of(run, job.out)
    folder, identity = job.out / run.name, identity_of(run, job.about, before=before)
    model = _finished(folder, identity)
    if model is None:
        with habits.hold(folder) as claim:
            model = _finished(folder, identity)  # by another process, while we waited
            if model is None:
                keeper = Keeper(folder / "checkpoint.pt", identity, habits, claim)
                return _trained(run, job, keeper, before, habits)
    forget(folder / "checkpoint.pt")
    return Outcome(run.name, skipped=True, model_checksum=model), f"{run.name}: done before"


def _trained(
    run: Run, job: _Job, keeper: Keeper, before: Before, habits: Habits
) -> tuple[Outcome, str]:
    """One run from its beginning, or from its checkpoint, to its results."""
    about, identity, started = job.about, keeper.identity, time.monotonic()
    there = job.there(run)
    with keeper.named_if_it_fails(), one_thread(flush=True):
        train, val = job.loaded(run.training.memory_share)
        state = resume(keeper.path, there, about, identity=identity, before=before)
        if run.stops and state.epoch == 0:
            state = left_behind(there, about, train, val, before=before, out=job.out, habits=habits)
        trained = fit(there, state, train, val, after_epoch=keeper, after_batch=keeper)
    keeper.claim.check()
    model = _write(keeper.path.parent, run, trained, about, identity)
    forget(keeper.path)
    line = _line(run, trained, time.monotonic() - started)
    return Outcome(run.name, skipped=False, model_checksum=model), line


def _finished(folder: Path, identity: str) -> str | None:
    """Checksum of the model if the folder holds the results of this very run, unharmed."""
    try:
        found = read_mapping(folder / "run.json")
        model = checksum(folder / "model.pt")
    except (FtagPruneError, OSError):
        return None
    same = found.get("identity") == identity and found.get("model") == model
    return model if same else None


def _write(folder: Path, run: Run, trained: Trained, about: Description, identity: str) -> str:
    """Write the results; `run.json`, which makes them valid, comes last."""
    write_json(folder / "spec.json", run.model_dump(mode="json"))
    write_csv(folder / "history.csv", trained.history)
    if trained.nodes:
        write_csv(folder / "nodes.csv", [_node(trained, node) for node in trained.nodes])
    meaning = About(about.task, tuple(about.classes), _inputs(about, trained))
    if trained.last is None:
        (folder / "last.pt").unlink(missing_ok=True)
    else:
        save_model(folder / "last.pt", Model(trained.last, meaning))
    save_model(folder / "model.pt", Model(trained.network, meaning))
    model = checksum(folder / "model.pt")
    write_json(folder / "run.json", _summary(run, trained, about, identity, model))
    return model


def _inputs(about: Description, trained: Trained) -> tuple[str, ...]:
    """Names of the inputs that the compacted network takes."""
    left = trained.kept.get("inputs", range(len(about.inputs)))
    return tuple(about.inputs[index] for index in left)


def _summary(
    run: Run, trained: Trained, about: Description, identity: str, model: str
) -> dict[str, Any]:
    """Content of ``run.json``; asked, reached, left and whole are in the unit of the goal."""
    network, frozen = trained.network, trained.frozen
    parts = trained.parts
    total = sum(part.cost.whole for part in parts)
    layers = {name: len(one) for name, one in trained.kept.items()}
    return {
        "run": run.name,
        "identity": identity,
        "model": model,
        "jets": about.fingerprint,
        "unit": run.how.goal.unit,
        "whole": total,
        "asked": None if run.dense else sum(part.budget for part in parts),
        "reached": frozen.reached if frozen else None,
        "left": frozen.cost if frozen else total,
        "nodes": sum(sum(part.cost.sizes) for part in parts),
        "nodes_left": sum(layers.values()),
        "layers": layers,
        "kept": None if frozen is None else trained.kept,
        "inputs": _ranking(about, trained),
        "compaction_difference": frozen.difference if frozen else None,
        "parameters": network.parameter_count(),
        "multiplications": network.multiplications(),
        "regrown": sum(row["regrown"] for row in trained.history),
        "epochs": len(trained.history),
        "stopped_early": trained.early,
        "best_epoch": trained.best_epoch,
        "val_loss": _val_losses(trained),
        "steps": trained.steps,
        "seconds": round(trained.seconds, 3),
        "device": trained.device,
        "provenance": provenance(),
        "circumstances": circumstances(),
    }


def _node(trained: Trained, node: Node) -> dict[str, Any]:
    return {**node._asdict(), "kept": node.node in trained.kept[node.layer]}


def _ranking(about: Description, trained: Trained) -> list[dict[str, Any]] | None:
    """Input features from the most to the least wanted, if they could be switched off."""
    of_tracks = trained.network.architecture.tracks or about.track_inputs
    names = {"inputs": about.inputs, "track_inputs": [f"tracks.{one}" for one in of_tracks]}
    nodes = [
        (node.node in trained.kept[node.layer], node)
        for node in trained.nodes
        if node.layer in INPUTS
    ]
    nodes.sort(key=lambda pair: (not pair[0], -pair[1].theta))
    ranked = [
        {"input": names[node.layer][node.node], "theta": node.theta, "kept": kept}
        for kept, node in nodes
    ]
    return ranked or None


def _val_losses(trained: Trained) -> dict[str, float | None]:
    """On the validation jets, after the best and after the last epoch."""
    best = [row["val_loss"] for row in trained.history if row["epoch"] == trained.best_epoch]
    return {"best": best[0] if best else None, "last": trained.history[-1]["val_loss"]}


def _line(run: Run, trained: Trained, seconds: float) -> str:
    frozen, losses = trained.frozen, _val_losses(trained)
    left = f"{sum(map(len, trained.kept.values()))} nodes"
    if frozen and frozen.reached is not None:
        left += f", {frozen.reached:g} {run.how.goal.unit} before the freeze"
    loss = f"val loss {losses['last']:.4f}"
    if trained.last is not None:
        loss = f"val loss {losses['best']:.4f} after epoch {trained.best_epoch}, kept"
    early = f"; stopped after {len(trained.history)} epochs" if trained.early else ""
    return f"{run.name}: {left}; {loss}{early}; {seconds:.1f} s"
