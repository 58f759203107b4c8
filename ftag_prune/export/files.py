"""The ONNX file and the JSON file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ftag_prune.errors import FtagPruneError
from ftag_prune.export.check import checked
from ftag_prune.export.conversion import content, loaded
from ftag_prune.export.meaning import Origin, told
from ftag_prune.model import Model, load_model
from ftag_prune.record import atomic, checksum, read_json, write_json

__all__ = ["Exported", "export", "export_run"]


class Exported(NamedTuple):
    """The two files, and what the check found.

    Attributes
    ----------
    size : bytes of the ONNX file
    difference : largest difference of a probability on ordinary random jets and on real ones
    extreme : the same on extreme random jets
    random, real : jets of the check; half of the random ones are extreme
    """

    onnx: Path
    json: Path
    size: int
    difference: float
    extreme: float
    random: int
    real: int


def export_run(
    folder: Path, path: Path, *, name: str | None = None, jets: Path | None = None
) -> Exported:
    """Export the model of a run's folder; everything else is as in `export`.

    Parameters
    ----------
    name : of the model, in the names of its outputs; default the run's
    """
    if not (folder / "model.pt").is_file():
        raise FtagPruneError(f"{folder}: wanted the folder of a finished run, found no model.pt")
    model = load_model(folder / "model.pt")
    known = read_json(folder / "run.json")
    if known.get("model") != checksum(folder / "model.pt"):
        raise FtagPruneError(f"{folder}: model.pt is not the one that run.json tells of")
    spec = read_json(folder / "spec.json")
    origin = Origin(spec, known["kept"], known["jets"], known["provenance"])
    return export(model, path, name=name or known["run"], origin=origin, jets=jets)


def export(
    model: Model,
    path: Path,
    *,
    name: str,
    origin: Origin = Origin(),  # noqa: B008 - nobody can change it
    jets: Path | None = None,
) -> Exported:
    """Write a model as ONNX, and what it is as JSON beside it, after ONNX Runtime agreed.

    The file takes what the network takes: ``jet_features`` (jets, inputs), float32, as they come,
    NaN where one is missing; ``track_features`` (jets, tracks, inputs), float32, in the order that
    the metadata tell, and ``track_valid`` (jets, tracks), bool, false where there is no track, for
    any number of slots. It gives ``{name}_p{class}`` (jets,), float32, for each class: what the
    columns of ``scores.h5`` are. Its metadata are the keys of the JSON file. The same model makes
    the same bytes.

    Parameters
    ----------
    path : ends in ``.onnx``; the JSON file has the same name but ``.json``
    name : of the model
    jets : a prepared file, made as the training jets were; it tells units and definitions of the
        inputs, and its jets take part in the check

    Raises
    ------
    FtagPruneError
        If ONNX Runtime and torch differ by more than 1e-5 in the probability of a random or real
        jet. No file is written. Where inputs lie up to a million standard deviations off, float32
        itself may be worse than that: there it is ten times what torch is off float64, if more.
    """
    if path.suffix != ".onnx":
        raise FtagPruneError(f"{path}: wanted a name that ends in .onnx")
    about = told(model, name, origin, jets)
    file = content(model.network, about)
    found = checked(path, loaded(file), model, told=about, jets=jets)
    beside = path.with_suffix(".json")
    with atomic(path) as temporary:
        temporary.write_bytes(file)
        write_json(beside, about)
    return Exported(path, beside, len(file), *found)
