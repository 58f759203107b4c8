"""A state as a file: written whole, sealed, and gone on from; two of them, if one is damaged."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from ftag_prune import __version__
from ftag_prune.config import Run
from ftag_prune.errors import FtagPruneError
from ftag_prune.model import load_tensors, save_tensors
from ftag_prune.pressure import Memory
from ftag_prune.record import digest
from ftag_prune.shadow import prunable
from ftag_prune.tensors import Description
from ftag_prune.train.before import NOTHING, Before
from ftag_prune.train.chance import drawn
from ftag_prune.train.device import place
from ftag_prune.train.sealed import seal
from ftag_prune.train.state import Best, Frozen, Node, State, recalled, start
from ftag_prune.train.steps import Begun, step_of

__all__ = ["identity_of", "previous_of", "resume", "save"]

_log = logging.getLogger(__name__)


def identity_of(run: Run, about: Description, *, before: Before = NOTHING) -> str:
    """What the results of a run depend on: its spec, its jets and the code."""
    spec = run.model_dump(mode="json")
    return digest({"spec": spec, "jets": about.fingerprint, "version": __version__, **before.told})


def previous_of(path: Path) -> Path:
    """Where the checkpoint before the newest one is."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save(path: Path, state: State, *, identity: str) -> None:
    """Write the state, whole or not at all, with a checksum of its content."""
    tensors, about = _tensors(state), _about(state, identity)
    save_tensors(path, tensors, **about, seal=seal(tensors, about))


def _tensors(state: State) -> dict[str, Any]:
    tensors: dict[str, Any] = {
        "network": state.network.state_dict(),
        "optimiser": state.optimiser.state_dict(),
    }
    if state.shadow is not None:
        tensors["shadow"] = state.shadow.state_dict()
    if state.best is not None:
        tensors["best"] = state.best.tensors
    if state.begun is not None:
        tensors["noise"] = state.begun.noise.get_state()
        tensors["drawn"] = drawn(state.device)
    return tensors


def _about(state: State, identity: str) -> dict[str, Any]:
    return {
        "identity": identity,
        "epoch": state.epoch,
        "begun": None if state.begun is None else state.begun.steps,
        "memory": state.memory,
        "frozen": state.frozen,
        "kept": state.kept,
        "history": state.history,
        "nodes": state.nodes,
        "seconds": state.seconds,
        "gap": state.gap,
        "best": None if state.best is None else state.best.epoch,
        "scaler": state.scaler.state_dict(),
    }


def resume(
    path: Path, run: Run, about: Description, *, identity: str, before: Before = NOTHING
) -> State:
    """State of a checkpoint, or a fresh one if there is none of this very run and these jets.

    Where the newest checkpoint is damaged the one before is taken.
    """
    fresh = start(run, about, before=before)
    faults: list[str] = []
    for one in (path, previous_of(path)):
        found = _content(one, identity, faults)
        if found is not None:
            if faults:
                _log.warning("%s; the training goes on from the one before", faults[0])
            return _restored(fresh, run, *found)
    if faults:
        _log.warning("%s; the training starts anew", faults[0])
    return fresh


def _content(
    path: Path, identity: str, faults: list[str]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Tensors and JSON of an unharmed checkpoint of this very training; adds what is wrong."""
    if not path.exists():
        return None
    try:
        tensors, told = load_tensors(path)
    except FtagPruneError as broken:
        faults.append(str(broken))
        return None
    sealed = told.pop("seal", None)
    if sealed != seal(tensors, told):
        faults.append(f"{path}: damaged, its checksum is another")
        return None
    if told["identity"] != identity:
        faults.append(f"{path}: of another spec or other jets")
        return None
    return tensors, told


def _restored(fresh: State, run: Run, tensors: dict[str, Any], told: dict[str, Any]) -> State:
    kept = {name: tuple(one) for name, one in told["kept"].items()}
    network = fresh.network.resized({name: len(one) for name, one in kept.items()})
    network.taking(fresh.network, kept.get("inputs"))
    network.load_state_dict(tensors["network"])
    shadow = None
    if "shadow" in tensors and fresh.shadow is not None:
        shadow = fresh.shadow.resized(prunable(network, run.how.goal))
        shadow.load_state_dict(tensors["shadow"])
    place(fresh.device, network, shadow)
    optimiser = recalled(run, network, shadow, tensors["optimiser"])
    fresh.scaler.load_state_dict(told["scaler"])
    pressure, *memory = told["memory"]
    return State(
        network,
        shadow,
        optimiser,
        fresh.scaler,
        Memory(pressure, *map(tuple, memory)),
        fresh.parts,
        kept,
        fresh.whole,
        told["epoch"],
        None if told["frozen"] is None else Frozen(*told["frozen"]),
        told["history"],
        [Node(*one) for one in told["nodes"]],
        told["seconds"],
        told["gap"],
        None if told["best"] is None else Best(told["best"], tensors["best"]),
        None if told["begun"] is None else _begun(tensors, told["begun"]),
    )


def _begun(tensors: dict[str, Any], steps: list[Any]) -> Begun:
    noise = torch.Generator()
    noise.set_state(tensors["noise"])
    return Begun([step_of(one) for one in steps], noise, tensors["drawn"])
