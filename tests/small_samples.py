"""Small samples of single-b jets with known content, as TTree, RNTuple and HDF5; their cards."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import h5py
import numpy as np
import yaml

from ftag_prune.schema import Card
from ftag_prune.spec import validated

SLOTS = 6  # tracks a jet has room for in the HDF5 files

_CARD = """
name: small
title: small sample
task: single_b
format: root
tree: jets
jets:
  pt: jet_pt / 1000
  eta: jet_eta
  log_pt: log(pt)
  sv_mass: jet_sv_mass / 1000
  n_tracks: count(tracks.d0)
  best: largest(tracks.significance, 1)
constituents:
  prefix: trk_
  variables:
    d0: d0
    significance: s
    ptfrac: pt / 1000 / jets.pt
  sort: abs(significance)
  maximum: 3
inputs:
  jets: [log_pt, sv_mass, best]
  tracks: [significance, ptfrac]
labels:
  b: jet_flavour == 5
  c: jet_flavour == 4
  u: jet_flavour == 0
  tau: jet_flavour == 15
select:
  pt: pt > 20
  eta: abs(eta) < 2.5
event: jet_event
weight: jet_weight
units: {pt: GeV, tracks.d0: mm}
"""


class Small(NamedTuple):
    """Branches of jets (n,), and of their tracks, jet by jet."""

    jets: dict[str, np.ndarray]
    tracks: dict[str, np.ndarray]
    counts: np.ndarray


def content(**changes: Any) -> dict[str, Any]:
    """YAML content of the card; a change of ``a__b`` replaces the key a.b, None removes it."""
    made: dict[str, Any] = yaml.safe_load(_CARD)
    for name, value in changes.items():
        *above, last = name.split("__")
        at = made
        for key in above:
            at = at[key]
        if value is None:
            at.pop(last)
        else:
            at[last] = value
    return made


def hdf5_content(**changes: Any) -> dict[str, Any]:
    """The same for the HDF5 files, where branches have no prefix."""
    text = _CARD.replace("jet_", "").replace("format: root", "format: hdf5")
    text = text.replace("tree: jets", "dataset: jets")
    text = text.replace("prefix: trk_", "dataset: tracks")
    made: dict[str, Any] = yaml.safe_load(text)
    made.update(changes)
    return made


def card(**changes: Any) -> Card:
    """The card of the ROOT files."""
    return validated(Card, content(**changes), where="card")


def hdf5_card(**changes: Any) -> Card:
    """The card of the HDF5 files."""
    return validated(Card, hdf5_content(**changes), where="card")


def small(number: int = 400, *, seed: int = 0, counts: np.ndarray | None = None) -> Small:
    """Jets of all classes; events of three jets with numbers beyond 2^53."""
    rng = np.random.default_rng(seed)
    if counts is None:
        counts = rng.integers(0, SLOTS + 1, number)
    number, tracks = len(counts), int(counts.sum())
    sv_mass = rng.uniform(500, 5000, number).astype(np.float32)
    sv_mass[rng.random(number) < 0.5] = np.nan
    return Small(
        {
            "pt": rng.uniform(15e3, 250e3, number).astype(np.float32),
            "eta": rng.uniform(-2.7, 2.7, number).astype(np.float32),
            "sv_mass": sv_mass,
            "flavour": rng.choice([0, 4, 5, 15, 21], number, p=[0.3, 0.3, 0.2, 0.15, 0.05]).astype(
                np.int32
            ),
            "event": (2**60 + 1 + np.arange(number) // 3).astype(np.uint64),
            "weight": rng.uniform(0.5, 1.5, number).astype(np.float32),
        },
        {
            "d0": rng.normal(0, 1, tracks).astype(np.float32),
            "s": rng.normal(0, 4, tracks).astype(np.float32),
            "pt": rng.uniform(500, 20e3, tracks).astype(np.float32),
            "hits": rng.integers(0, 5, tracks).astype(np.int8),
        },
        counts,
    )


def write_root(path: Path, sample: Small) -> Path:
    """TTree with branches jet_* and jagged trk_*."""
    import uproot

    nested = ak.unflatten(ak.zip(sample.tracks), sample.counts)
    jets = {f"jet_{name}": values for name, values in sample.jets.items()}
    types = {name: values.dtype for name, values in jets.items()}
    with uproot.recreate(path) as file:
        tree = file.mktree("jets", {**types, "trk": nested.type.content})
        if len(sample.counts):
            tree.extend({**jets, "trk": nested})
    return path


def write_rntuple(path: Path, sample: Small) -> Path:
    """RNTuple with the branches of the TTree."""
    import uproot

    fields = {f"jet_{name}": values for name, values in sample.jets.items()}
    for name, values in sample.tracks.items():
        fields[f"trk_{name}"] = ak.unflatten(values, sample.counts)
    with uproot.recreate(path) as file:
        file.mkrntuple("jets", fields)
    return path


def write_hdf5(path: Path, sample: Small, *, half: bool = False) -> Path:
    """Structured datasets, the tracks padded; with `half` tracks in half precision."""
    number = len(sample.counts)
    jets = np.zeros(number, [(name, values.dtype) for name, values in sample.jets.items()])
    for name, values in sample.jets.items():
        jets[name] = values
    kinds = [
        (name, "f2" if half and values.dtype.kind == "f" else values.dtype)
        for name, values in sample.tracks.items()
    ]
    tracks = np.full((number, SLOTS), -99, [*kinds, ("valid", "?")])
    tracks["valid"] = np.arange(SLOTS) < sample.counts[:, None]
    for name, values in sample.tracks.items():
        tracks[name][tracks["valid"]] = values
    with h5py.File(path, "w") as file:
        file.create_dataset("jets", data=jets)
        options = {"compression": "gzip", "chunks": (7, SLOTS)} if number >= 7 else {}
        file.create_dataset("tracks", data=tracks, **options)
    return path
