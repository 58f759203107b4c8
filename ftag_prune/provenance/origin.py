"""Where a single result comes from, by what it says itself and by what stands beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ftag_prune.errors import FtagPruneError
from ftag_prune.provenance.beside import NAME, Known, beside, read_beside, seen
from ftag_prune.read.hdf5 import open_hdf5
from ftag_prune.record import checksum, parse_json, read_json, read_mapping

__all__ = ["attributes", "origin_of"]

# What results in JSON say of themselves, apart from their numbers.
_TOLD = (
    *("run", "identity", "model", "jets", "seeds", "spec", "kept", "options"),
    *("provenance", "circumstances"),
)


def origin_of(path: Path) -> dict[str, Any]:
    """Spec, card, inputs, seeds, versions, host and times of a result, as far as it tells.

    Parameters
    ----------
    path : a prepared or generated file, a file of a run's folder, scores, a table, a figure, a
        report, a validation, an ONNX file; or a folder of those

    Raises
    ------
    FtagPruneError
        If nothing is known of it.
    """
    if not path.exists():
        raise FtagPruneError(f"{path}: no such file")
    found = {**_beside(path), **_inside(path), **_of_run(path)}
    if not found:
        raise FtagPruneError(f"{path}: does not say where it comes from; no result of ftag-prune?")
    return {"result": str(path), **found}


def _beside(path: Path) -> dict[str, Any]:
    """What the file beside it says, and whether the result is still the one that was made."""
    if path.name.endswith(NAME):
        return read_beside(path).model_dump(mode="json", exclude_none=True)
    for place in (beside(path), path.parent / NAME):
        if not place.is_file():
            continue
        told = read_beside(place)
        content = told.model_dump(mode="json", exclude_none=True)
        if path.is_dir() and place.parent == path:
            return content
        here = seen(path, place.parent) if path.is_file() else None
        known = next((one for one in told.files if here and one.path == here.path), None)
        if here and known:
            mine = known.model_dump(mode="json", exclude_none=True)
            return {**content, "files": [mine], "as_made": _same(here, known)}
    return {}


def _same(here: Known, known: Known) -> bool:
    return here.size == known.size and known.sha256 in (None, here.sha256)


def _of_run(path: Path) -> dict[str, Any]:
    """What the folder of a run says of its files, and of the jets if those are still there."""
    folder = path if path.is_dir() else path.parent
    if not (folder / "run.json").is_file() or not (folder / "spec.json").is_file():
        return {}
    spec, told = read_mapping(folder / "spec.json"), read_mapping(folder / "run.json")
    found: dict[str, Any] = {name: told[name] for name in _TOLD if name in told}
    found |= {"spec": spec, "seeds": [spec["seed"]] if "seed" in spec else []}
    if path.name == "model.pt":
        found["as_made"] = checksum(path) == told.get("model")
    jets = folder.parent.parent / "jets" / str(spec.get("task")) / "train.h5"
    if jets.is_file():
        prepared = attributes(jets)
        if prepared.get("fingerprint") == told.get("jets"):
            found["jets"] = prepared
    return found


def _inside(path: Path) -> dict[str, Any]:
    """What the file itself says."""
    if path.suffix in (".h5", ".hdf5"):
        return attributes(path)
    if path.suffix == ".onnx":
        return _metadata(path)
    if path.suffix == ".json" and path.name != "spec.json":
        told = read_json(path)
        if isinstance(told, dict) and "provenance" in told:
            return {name: told[name] for name in _TOLD if name in told}
    return {}


def attributes(path: Path) -> dict[str, Any]:
    """Attributes of an HDF5 file as JSON content, without the spectra."""
    with open_hdf5(path) as file:
        return {name: _plain(value) for name, value in file.attrs.items() if name != "spectra"}


def _plain(value: Any) -> Any:
    """JSON content where a text holds some; numbers and lists as they are."""
    if isinstance(value, str):
        return _decoded(value)
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def _decoded(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _metadata(path: Path) -> dict[str, Any]:
    """Metadata of an ONNX file, which is parsed and never run."""
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError:
        raise FtagPruneError(f"{path}: cannot be read as ONNX") from None
    return {one.key: _decoded(one.value) for one in model.metadata_props}
