"""A trained tagger as a file: tensors and JSON, loaded without unpickling anything else.

Models and checkpoints may come from anybody. They are zip archives of torch whose tensors are not
compressed, so that a small file makes small tensors; and a network is not built before its tensors
are known to have the shapes that its description asks for.
"""

from __future__ import annotations

import io
import json
import zipfile
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
        _uncompressed(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
        return content["tensors"], json.loads(content["about"])
    except FileNotFoundError:
        raise FtagPruneError(f"{path}: no such file") from None
    except (
        OSError,
        RuntimeError,
        EOFError,
        LookupError,
        AttributeError,
        TypeError,
        ValueError,
        UnpicklingError,
        zipfile.BadZipFile,
    ) as broken:
        reason = str(broken).splitlines()[0] if str(broken) else type(broken).__name__
        raise FtagPruneError(f"{path}: not a model or checkpoint of ours ({reason})") from None


def _uncompressed(path: Path) -> None:
    """ValueError if the file is no zip archive, or would become larger than it is."""
    with zipfile.ZipFile(path) as file:
        if any(one.compress_type != zipfile.ZIP_STORED for one in file.infolist()):
            raise ValueError("its tensors are compressed")
        if sum(one.file_size for one in file.infolist()) > path.stat().st_size:
            raise ValueError("its tensors are larger than the file")


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
        architecture: Architecture = TypeAdapter(Architecture).validate_python(
            about["architecture"]
        )
        meaning = About(about["task"], tuple(about["classes"]), tuple(about["inputs"]))
        network = restored(architecture, tensors, classes=len(meaning.classes))
    except (
        LookupError,
        AttributeError,
        TypeError,
        ValueError,
        RuntimeError,
        ValidationError,
        FtagPruneError,
    ) as broken:
        reason = str(broken).splitlines()[0]
        raise FtagPruneError(f"{path}: not a model of ours ({reason})") from None
    return Model(network.eval(), meaning)
