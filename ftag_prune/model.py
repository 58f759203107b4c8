"""A trained tagger as a file: tensors and JSON, loaded without unpickling anything else."""

from __future__ import annotations

import io
import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from pydantic import TypeAdapter, ValidationError

from ftag_prune.architecture import Architecture
from ftag_prune.errors import FtagPruneError
from ftag_prune.networks import Network, restored
from ftag_prune.record import atomic

__all__ = ["About", "Model", "load_model", "load_tensors", "save_model", "save_tensors"]


class About(NamedTuple):
    """What a network's numbers mean."""

    task: str
    classes: tuple[str, ...]
    inputs: tuple[str, ...]


class Model(NamedTuple):
    """A network and what its inputs and outputs mean."""

    network: Network
    about: About


def save_tensors(path: Path, tensors: dict[str, Any], **about: Any) -> None:
    """Write tensors (nested dicts and lists of them) and JSON, whole or not at all."""
    # Written to a file, the archive would hold the file's temporary name: other bytes each time.
    content = io.BytesIO()
    torch.save({"tensors": tensors, "about": json.dumps(about)}, content)
    with atomic(path) as temporary:
        temporary.write_bytes(content.getvalue())


def load_tensors(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors and JSON of a file that `save_tensors` wrote; FtagPruneError if it is not one."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return content["tensors"], json.loads(content["about"])
    except FileNotFoundError:
        raise FtagPruneError(f"{path}: no such file") from None
    except (
        OSError,
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        UnpicklingError,
    ) as broken:
        reason = str(broken).splitlines()[0] if str(broken) else type(broken).__name__
        raise FtagPruneError(f"{path}: not a model or checkpoint of ours ({reason})") from None


def save_model(path: Path, model: Model) -> None:
    """Write the network's tensors and its description."""
    save_tensors(
        path,
        model.network.state_dict(),
        architecture=model.network.architecture.model_dump(mode="json"),
        **model.about._asdict(),
    )


def load_model(path: Path) -> Model:
    """Network of a `model.pt`, ready to score jets."""
    tensors, about = load_tensors(path)
    try:
        network = restored(
            TypeAdapter(Architecture).validate_python(about["architecture"]),
            tensors,
            classes=len(about["classes"]),
        )
        meaning = About(about["task"], tuple(about["classes"]), tuple(about["inputs"]))
    except (KeyError, RuntimeError, ValidationError) as broken:
        reason = str(broken).splitlines()[0]
        raise FtagPruneError(f"{path}: not a model of ours ({reason})") from None
    return Model(network.eval(), meaning)
