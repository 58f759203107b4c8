"""What an ONNX file says of its inputs, its outputs and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from ftag_prune.errors import FtagPruneError, nearest
from ftag_prune.export.conversion import (
    INPUT,
    OPSET,
    TRACKS,
    VALID,
    columns_of,
    output_names,
    takes,
)
from ftag_prune.flavours import task_of
from ftag_prune.model import About, Model
from ftag_prune.networks import Network
from ftag_prune.record import provenance
from ftag_prune.tensors import description, told_by

__all__ = ["Origin", "told"]

_NORMALISATION = "inside: (x - mean) / std; NaN and infinite inputs stand at their mean"

# Of a network that makes something else of them first, such as images.
_AS_THEY_ARE = "inside: inputs are taken as they are; NaN and infinite ones are missing"

_PADDING = (
    f"slots where {VALID} is false: what they hold, their number and the order of the tracks "
    "change nothing"
)


class Origin(NamedTuple):
    """Where a network comes from; all None for one that is no run's.

    Attributes
    ----------
    spec : of the run
    kept : indices of the nodes left in each layer of the network in the spec, by its name; None if
        dense
    jets : fingerprint of the prepared jets it was trained on
    provenance : of the training
    """

    spec: Mapping[str, Any] | None = None
    kept: Mapping[str, list[int]] | None = None
    jets: str | None = None
    provenance: Mapping[str, Any] | None = None


def told(model: Model, name: str, origin: Origin, jets: Path | None) -> dict[str, Any]:
    """What the inputs, the outputs and the numbers are, as JSON content.

    Parameters
    ----------
    jets : prepared file that tells units and definitions
    """
    network, about = model.network, model.about
    taken = takes(network)
    known = _Known({}, {}) if jets is None else _known(jets, about, origin)
    discriminants = task_of(about.task).among(about.classes).discriminants
    return {
        "model": name,
        "task": about.task,
        "input": INPUT if INPUT in taken else None,
        "inputs": _jet_inputs(model, known) if INPUT in taken else [],
        "tracks": _tracks(model, known, origin) if TRACKS in taken else None,
        "normalisation": _NORMALISATION if _normalises(network) else _AS_THEY_ARE,
        "outputs": output_names(name, about),
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


def _normalises(network: Network) -> bool:
    return hasattr(network, "mean") or bool(_own_spread(network))


def _versions() -> dict[str, Any]:
    made = provenance()
    more = {package: metadata.version(package) for package in ("onnx", "onnxruntime")}
    return {**made, "versions": {**made["versions"], **more}}


# -- inputs ---------------------------------------------------------------------------------------


class _Known(NamedTuple):
    """What a prepared file says of jet and track inputs, by their name."""

    jets: Mapping[str, Mapping[str, Any]]
    tracks: Mapping[str, Mapping[str, Any]]


def _known(jets: Path, about: About, origin: Origin) -> _Known:
    """Unit (empty for a pure number) and definition of each input; of tracks also mean and std."""
    found, written = description(jets), told_by(jets, "units", "card")
    units, card = written.get("units", {}), written.get("card", {})
    for lost in about.inputs:
        if lost not in found.inputs:
            near = nearest(lost, found.inputs)
            raise FtagPruneError(f"{jets}: has no input '{lost}', which the model takes{near}")
    if origin.jets not in (None, found.fingerprint):
        raise FtagPruneError(
            f"{jets}: is of the preparation {found.fingerprint[:8]}, the model was trained on jets "
            f"of {str(origin.jets)[:8]}"
        )
    of_tracks = (card.get("constituents") or {}).get("variables", {})
    rows = zip(found.track_inputs, found.track_mean, found.track_std, strict=True)
    return _Known(
        {one: _words(units.get(one), card.get("jets", {}).get(one)) for one in about.inputs},
        {
            one: {
                **_words(units.get(f"tracks.{one}"), of_tracks.get(one)),
                "mean": mean,
                "std": std,
            }
            for one, mean, std in rows
        },
    )


def _words(unit: str | None, definition: str | None) -> dict[str, str]:
    return {"unit": unit or "", "definition": definition or ""}


def _jet_inputs(model: Model, known: _Known) -> list[dict[str, Any]]:
    network = model.network
    rows = zip(model.about.inputs, network.mean.tolist(), network.std.tolist(), strict=True)
    return [
        {"name": one, **known.jets.get(one, {}), "mean": mean, "std": std}
        for one, mean, std in rows
    ]


def _tracks(model: Model, known: _Known, origin: Origin) -> dict[str, Any]:
    network = model.network
    names, own = _track_names(network, known, origin), _own_spread(network)
    inputs = [
        {"name": name, **known.tracks.get(name, {}), **(own[place] if own else {})}
        for place, name in enumerate(names)
    ]
    return {"input": TRACKS, "valid": VALID, "inputs": inputs, "padding": _PADDING}


def _own_spread(network: Network) -> list[dict[str, float]]:
    """Mean and std of the track inputs inside the network; none if it has no such."""
    buffers = dict(network.named_buffers())
    if "track_mean" not in buffers:
        return []
    rows = zip(*(buffers[name].tolist() for name in ("track_mean", "track_std")), strict=True)
    return [{"mean": mean, "std": std} for mean, std in rows]


def _track_names(network: Network, known: _Known, origin: Origin) -> tuple[str, ...]:
    """Track inputs in the order of the file.

    FtagPruneError if nobody tells them, or if they stand in other places than in the training jets.
    """
    named = _named(network, origin)
    if not known.tracks:
        if named is None:
            raise FtagPruneError(
                "nobody tells which track inputs the network takes; wanted prepared jets"
            )
        return named
    there = dict(enumerate(known.tracks))
    found = tuple(there.get(place, "none") for place in columns_of(network).tolist())
    if "none" in found or named not in (None, found):
        raise FtagPruneError(
            f"the prepared jets have the track inputs {', '.join(known.tracks)}; the model was "
            "trained on jets with others, or in another order"
        )
    return found


def _named(network: Network, origin: Origin) -> tuple[str, ...] | None:
    """Track inputs that the architecture names, without those that were cut; None if it does not.

    An architecture without names takes all that there are.
    """
    names, left = network.architecture.tracks, len(columns_of(network))
    kept = (origin.kept or {}).get("track_inputs")
    if kept is not None and names:
        names = tuple(names[place] for place in kept)
    return names if len(names) == left else None
