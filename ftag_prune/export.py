"""A trained tagger as one ONNX file that needs nothing of ours, checked before it is written."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from copy import deepcopy
from importlib import metadata
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.flavours import score_name, task_of
from ftag_prune.model import About, Model, load_model
from ftag_prune.networks import Network
from ftag_prune.record import atomic, checksum, provenance, read_json, write_json
from ftag_prune.tensors import Jets, description, load, unshuffled
from ftag_prune.tensors.meaning import prepared_file

__all__ = [
    "INPUT",
    "OPSET",
    "TOLERANCE",
    "Exported",
    "Origin",
    "export",
    "export_run",
    "feed",
    "session",
]

INPUT = "jet_features"

# What the file calls what a network's `forward` takes.
_INPUTS = {"x": INPUT, "tracks": "track_features", "valid": "track_valid"}

# ONNX Runtime can read it since 1.12 (2022).
OPSET = 17

# Largest difference of a probability between torch and ONNX Runtime.
TOLERANCE = 1e-5

# Both round, in an order of their own: so many times what torch itself is off on extreme jets.
_ROUNDINGS = 3.0

_RANDOM = 10_000  # jets, half of them extreme

_Floats = npt.NDArray[np.float32]


class Origin(NamedTuple):
    """Where a network comes from; all None for one that is no run's.

    Attributes
    ----------
    spec : of the run
    kept : indices of the nodes left in each layer of the network in the spec; None if dense
    jets : fingerprint of the prepared jets it was trained on
    provenance : of the training
    """

    spec: Mapping[str, Any] | None = None
    kept: list[list[int]] | None = None
    jets: str | None = None
    provenance: Mapping[str, Any] | None = None


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


def session(model: Model, *, name: str = "model") -> onnxruntime.InferenceSession:
    """ONNX Runtime with the model, on one thread, without a file and without the check."""
    content = _content(model.network, {"outputs": _outputs(name, model.about)})
    return _session(content)


def feed(model: Model, jets: Jets) -> dict[str, npt.NDArray[Any]]:
    """What an exported model is given for a batch of jets, by the names of its inputs.

    Parameters
    ----------
    jets : opened with ``inputs=model.about.inputs``
    """
    taken = zip(
        signature(model.network.forward).parameters, model.network.arguments(jets), strict=True
    )
    return {_INPUTS[name]: np.ascontiguousarray(one.numpy()) for name, one in taken}


class _Probabilities(nn.Module):
    """What the file computes: a vector of probabilities (jets,) for each class."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Probabilities of x (jets, inputs)."""
        logits: Tensor = self.network(x)
        return logits.softmax(1).unbind(1)


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
    told = read_json(folder / "run.json")
    if told.get("model") != checksum(folder / "model.pt"):
        raise FtagPruneError(f"{folder}: model.pt is not the one that run.json tells of")
    spec = read_json(folder / "spec.json")
    origin = Origin(spec, told["kept"], told["jets"], told["provenance"])
    return export(model, path, name=name or told["run"], origin=origin, jets=jets)


def export(
    model: Model,
    path: Path,
    *,
    name: str,
    origin: Origin = Origin(),  # noqa: B008 - nobody can change it
    jets: Path | None = None,
) -> Exported:
    """Write a model as ONNX, and what it is as JSON beside it, after ONNX Runtime agreed.

    The file takes ``jet_features`` (jets, inputs), float32, as they come, NaN where one is missing,
    and gives ``{name}_p{class}`` (jets,), float32, for each class: what the columns of
    ``scores.h5`` are. Its metadata are the keys of the JSON file. The same model makes the same
    bytes.

    Parameters
    ----------
    path : ends in ``.onnx``; the JSON file has the same name but ``.json``
    name : of the model
    jets : a prepared file, made as the training jets were; it tells units and definitions of the
        inputs, and its jets take part in the check

    Raises
    ------
    FtagPruneError
        If the network sees tracks, or if ONNX Runtime and torch differ by more than 1e-5 in the
        probability of a random or real jet. No file is written. Where inputs lie up to a million
        standard deviations off, float32 itself may be worse than that: there it is three times what
        torch is off float64, if more.
    """
    if path.suffix != ".onnx":
        raise FtagPruneError(f"{path}: wanted a name that ends in .onnx")
    if model.network.architecture.tracks:
        raise FtagPruneError(
            f"{path}: not written, a network of kind '{model.network.architecture.kind}' sees the "
            "tracks of a jet, and only networks of jet inputs can be exported"
        )
    told = _told(model, name, origin, _meaning(jets, model.about, origin))
    content = _content(model.network, told)
    checked = _checked(path, _session(content), model, jets)
    beside = path.with_suffix(".json")
    with atomic(path) as temporary:
        temporary.write_bytes(content)
        write_json(beside, told)
    return Exported(path, beside, len(content), *checked)


# -- what the file says --------------------------------------------------------------------------


def _told(model: Model, name: str, origin: Origin, meaning: Mapping[str, Any]) -> dict[str, Any]:
    """What the inputs, the outputs and the numbers are, as JSON content."""
    network, about = model.network, model.about
    rows = zip(about.inputs, network.mean.tolist(), network.std.tolist(), strict=True)
    discriminants = task_of(about.task).among(about.classes).discriminants
    return {
        "model": name,
        "task": about.task,
        "input": INPUT,
        "inputs": [
            {"name": one, **meaning.get(one, {}), "mean": mean, "std": std}
            for one, mean, std in rows
        ],
        "normalisation": "inside: (x - mean) / std; NaN and infinite inputs stand at their mean",
        "outputs": _outputs(name, about),
        "classes": list(about.classes),
        "discriminants": {one.signal: dict(one.fractions) for one in discriminants},
        "architecture": network.architecture.model_dump(mode="json"),
        "multiplications": network.multiplications(),
        "kept": origin.kept,
        "spec": origin.spec,
        "jets": origin.jets,
        "provenance": {"training": origin.provenance, "export": _versions()},
        "opset": OPSET,
    }


def _outputs(name: str, about: About) -> list[str]:
    return [score_name(name, flavour) for flavour in about.classes]


def _versions() -> dict[str, Any]:
    made = provenance()
    more = {package: metadata.version(package) for package in ("onnx", "onnxruntime")}
    return {**made, "versions": {**made["versions"], **more}}


def _meaning(jets: Path | None, about: About, origin: Origin) -> dict[str, dict[str, str]]:
    """Unit (empty for a pure number) and definition of each input, if a prepared file is given."""
    if jets is None:
        return {}
    found = description(jets)
    with prepared_file(jets) as file:
        units, card = (json.loads(file.attrs.get(key, "{}")) for key in ("units", "card"))
    for lost in about.inputs:
        if lost not in found.inputs:
            near = nearest(lost, found.inputs)
            raise FtagPruneError(f"{jets}: has no input '{lost}', which the model takes{near}")
    if origin.jets not in (None, found.fingerprint):
        raise FtagPruneError(
            f"{jets}: is of the preparation {found.fingerprint[:8]}, the model was trained on jets "
            f"of {str(origin.jets)[:8]}"
        )
    formulas = card.get("jets", {})
    return {
        one: {"unit": units.get(one, ""), "definition": formulas.get(one, "")}
        for one in about.inputs
    }


# -- the file and its check ----------------------------------------------------------------------


def _content(network: Network, told: Mapping[str, Any]) -> bytes:
    """The ONNX file."""
    names = [INPUT, *told["outputs"]]
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        # The exporter that needs no further package and makes one file is called the old one.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            _Probabilities(network).eval(),
            (torch.zeros(2, len(network.mean)),),
            raw := Path(folder) / "raw.onnx",
            dynamo=False,
            opset_version=OPSET,
            input_names=names[:1],
            output_names=names[1:],
            dynamic_axes={one: {0: "jets"} for one in names},
        )
        made = onnx.load_model(raw)
    onnx.helper.set_model_props(made, {key: json.dumps(value) for key, value in told.items()})
    onnx.checker.check_model(made, full_check=True)
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


class _Checked(NamedTuple):
    """The last fields of `Exported`."""

    difference: float
    extreme: float
    random: int
    real: int


def _checked(
    path: Path, session: onnxruntime.InferenceSession, model: Model, jets: Path | None
) -> _Checked:
    """Compare with torch on all kinds of jets; FtagPruneError where it is more than rounding."""
    network = model.network
    rng = np.random.default_rng(0)
    usual = _random(network, _RANDOM // 2, rng, far=0.0)
    extreme = _random(network, _RANDOM // 2, rng, far=0.1)
    found = _agreed(path, _gap(session, network, usual), "random", TOLERANCE)
    allowed = max(TOLERANCE, _ROUNDINGS * _rounding(network, extreme))
    wild = _agreed(path, _gap(session, network, extreme), "extreme", allowed)
    real = 0
    if jets is not None:
        for batch in unshuffled(load(jets, inputs=model.about.inputs), _RANDOM):
            gap = _agreed(path, _gap(session, network, batch.x.numpy()), "real", TOLERANCE)
            found, real = max(found, gap), real + batch.number
    return _Checked(found, wild, _RANDOM, real)


def _agreed(path: Path, gap: float, kind: str, allowed: float) -> float:
    # Also where it is not a number.
    if not gap <= allowed:
        raise FtagPruneError(
            f"{path}: not written, ONNX Runtime and torch differ by {gap:.2g} in a probability of "
            f"{kind} jets (at most {allowed:.2g} is rounding)"
        )
    return gap


def _random(network: Network, number: int, rng: np.random.Generator, *, far: float) -> _Floats:
    """Jets (number, inputs) like those of the training, the first without any input.

    One input in ten is missing (NaN or infinite); the share `far` of them is up to a million times
    as far from its mean.
    """
    shape = (number, len(network.mean))
    scaled = rng.standard_normal(shape)
    chosen = rng.random(shape) < far
    scaled[chosen] *= 10 ** rng.uniform(0, 6, chosen.sum())
    missing = rng.random(shape) < 0.1
    scaled[missing] = rng.choice([np.nan, np.inf, -np.inf], missing.sum())
    scaled[0] = np.nan
    return np.asarray(scaled * network.std.numpy() + network.mean.numpy(), dtype=np.float32)


def _gap(session: onnxruntime.InferenceSession, network: Network, x: _Floats) -> float:
    """Largest difference of a probability of x (jets, inputs); NaN if one is not a number."""
    found = np.stack(session.run(None, {INPUT: x}), axis=1)
    return float(np.max(np.abs(found - _by_torch(network, x))))


def _rounding(network: Network, x: _Floats) -> float:
    """Largest difference of a probability between torch in float32 and in float64."""
    exact = _by_torch(deepcopy(network).double(), x.astype(np.float64))
    return float(np.max(np.abs(_by_torch(network, x) - exact)))


@torch.no_grad()
def _by_torch(network: Network, x: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    logits: Tensor = network(torch.from_numpy(x))
    found: npt.NDArray[np.float64] = logits.double().softmax(1).numpy()
    return found
