"""Whether ONNX Runtime gives what torch gives, on all kinds of jets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import Tensor

from ftag_prune.errors import FtagPruneError
from ftag_prune.export.conversion import (
    INPUT,
    TRACKS,
    VALID,
    Given,
    arguments,
    exportable,
    feed,
    takes,
)
from ftag_prune.model import Model
from ftag_prune.networks import Network
from ftag_prune.tensors import load, unshuffled

__all__ = ["TOLERANCE", "Checked", "checked"]

# Largest difference of a probability between torch and ONNX Runtime.
TOLERANCE = 1e-5

# Both round, in an order of their own: so many times what torch itself is off on extreme jets. The
# largest of either is that of one jet, so that a few times would not do: four were seen.
_ROUNDINGS = 10.0

_RANDOM = 10_000  # jets, half of them extreme

# Multiply-accumulates in each comparison: large networks are compared on fewer jets.
_EFFORT = 5e10

_BATCH = 1000

# Of the random jets, a quarter each; the file was made with three.
_SLOTS = (40, 7, 1, 0)


class Checked(NamedTuple):
    """What the check found.

    Attributes
    ----------
    difference : largest difference of a probability on ordinary random jets and on real ones
    extreme : the same on extreme random jets
    random, real : jets of the check; half of the random ones are extreme
    """

    difference: float
    extreme: float
    random: int
    real: int


def checked(
    path: Path,
    session: onnxruntime.InferenceSession,
    model: Model,
    *,
    told: Mapping[str, Any],
    jets: Path | None,
) -> Checked:
    """Compare with torch; FtagPruneError where it is more than rounding.

    Parameters
    ----------
    path : of the file that would be written, for the message
    told : what the file says of its inputs; random ones have their mean and std
    jets : prepared file with real ones
    """
    network = exportable(model.network)
    affordable = max(2, int(_EFFORT / network.multiplications() / len(_SLOTS)))
    number = min(_RANDOM // 2 // len(_SLOTS), affordable)
    rng = np.random.default_rng(0)
    usual = [_random(network, number, slots, rng, told=told, far=0.0) for slots in _SLOTS]
    extreme = [_random(network, number, slots, rng, told=told, far=0.1) for slots in _SLOTS]
    found = max(_agreed(path, _gap(session, network, one), "random", TOLERANCE) for one in usual)
    allowed = max(_allowed(network, one) for one in extreme)
    wild = max(_agreed(path, _gap(session, network, one), "extreme", allowed) for one in extreme)
    real, seen = _real(path, session, model, jets=jets)
    return Checked(max(found, real), wild, 2 * number * len(_SLOTS), seen)


def _real(
    path: Path, session: onnxruntime.InferenceSession, model: Model, *, jets: Path | None
) -> tuple[float, int]:
    """Largest difference on the jets of a prepared file, and their number."""
    if jets is None:
        return 0.0, 0
    network, found, seen = model.network, 0.0, 0
    affordable = max(1, int(_EFFORT / network.multiplications()))
    size = min(_BATCH, affordable)
    source = unshuffled(load(jets, inputs=model.about.inputs), size)
    for batch in islice(source, affordable // size):
        scores = _by_runtime(session, feed(model, batch))
        gap = _difference(scores, _by_torch(network, network.arguments(batch)))
        found, seen = max(found, _agreed(path, gap, "real", TOLERANCE)), seen + batch.number
    return found, seen


def _agreed(path: Path, gap: float, kind: str, allowed: float) -> float:
    # Also where it is not a number.
    if not gap <= allowed:
        raise FtagPruneError(
            f"{path}: not written, ONNX Runtime and torch differ by {gap:.2g} in a probability of "
            f"{kind} jets (at most {allowed:.2g} is rounding)"
        )
    return gap


def _gap(session: onnxruntime.InferenceSession, network: Network, given: Given) -> float:
    """Largest difference of a probability; NaN if one is not a number."""
    return _difference(_by_runtime(session, given), _by_torch(network, _tensors(network, given)))


def _allowed(network: Network, given: Given) -> float:
    """What extreme jets may differ by, from torch in float32 and in float64."""
    exact = _by_torch(deepcopy(network).double(), _tensors(network, given, torch.float64))
    rounding = _difference(_by_torch(network, _tensors(network, given)), exact)
    return max(TOLERANCE, _ROUNDINGS * rounding)


_Scores = npt.NDArray[np.floating[Any]]
"""Probabilities (jets, classes)."""


def _difference(one: _Scores, other: _Scores) -> float:
    return float(np.max(np.abs(one - other)))


def _by_runtime(session: onnxruntime.InferenceSession, given: Given) -> _Scores:
    return np.stack(session.run(None, given), axis=1)


def _tensors(
    network: Network, given: Given, kind: torch.dtype = torch.float32
) -> tuple[Tensor, ...]:
    tensors = {name: torch.from_numpy(one) for name, one in given.items()}
    floats = {name: one.to(kind) for name, one in tensors.items() if one.is_floating_point()}
    return arguments(network, {**tensors, **floats})


@torch.no_grad()
def _by_torch(network: Network, given: Sequence[Tensor]) -> _Scores:
    logits: Tensor = network(*given)
    found: npt.NDArray[np.float64] = logits.double().softmax(1).numpy()
    return found


# -- random jets ----------------------------------------------------------------------------------


def _random(
    network: Network,
    number: int,
    slots: int,
    rng: np.random.Generator,
    *,
    told: Mapping[str, Any],
    far: float,
) -> Given:
    """Jets like those of the training, with any number of tracks, in any of the slots.

    One input in ten is missing (NaN or infinite); the share `far` of them is up to a million times
    as far from its mean. Slots without a track hold the same. The first jet has no input and no
    track, the second all tracks.
    """
    there = rng.random((number, slots)) < rng.random((number, 1))
    there[0], there[1] = False, True
    made = {
        INPUT: _spoilt(told["inputs"], (number,), rng, far=far),
        TRACKS: _spoilt((told["tracks"] or {}).get("inputs", []), (number, slots), rng, far=far),
        VALID: there,
    }
    made[INPUT][0] = np.nan
    return {name: made[name] for name in takes(network)}


def _spoilt(
    inputs: Sequence[Mapping[str, Any]],
    shape: tuple[int, ...],
    rng: np.random.Generator,
    *,
    far: float,
) -> npt.NDArray[np.float32]:
    """Numbers (*shape, inputs), many of them missing or far off."""
    mean, std = (
        np.array([one.get(key, default) for one in inputs])
        for key, default in (("mean", 0.0), ("std", 1.0))
    )
    scaled = rng.standard_normal((*shape, len(inputs)))
    chosen = rng.random(scaled.shape) < far
    scaled[chosen] *= 10 ** rng.uniform(0, 6, chosen.sum())
    missing = rng.random(scaled.shape) < 0.1
    scaled[missing] = rng.choice([np.nan, np.inf, -np.inf], missing.sum())
    return np.asarray(scaled * std + mean, dtype=np.float32)
