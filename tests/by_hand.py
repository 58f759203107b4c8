"""The small sample in every layout that is read, and what a preparation must make of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import h5py
import numpy as np
import yaml
from small_samples import (
    SLOTS,
    Small,
    content,
    hdf5_content,
    write_hdf5,
    write_rntuple,
    write_root,
)

from ftag_prune.prepare.pipeline import Prepared
from ftag_prune.schema import Card
from ftag_prune.spec import validated

SPLITS = ("train", "val", "test")
TENTHS = ("train",) * 6 + ("val",) + ("test",) * 3
CLASSES = {5: "b", 4: "c", 0: "u", 15: "tau"}
PER_EVENT = 3  # jets of one event in small samples


def changed(sample: Small, **columns: Any) -> Small:
    """The sample with other columns; ``trk_name`` is a column of tracks."""
    tracks = {name.removeprefix("trk_"): x for name, x in columns.items() if name[:4] == "trk_"}
    jets = {name: x for name, x in columns.items() if name[:4] != "trk_"}
    return sample._replace(jets={**sample.jets, **jets}, tracks={**sample.tracks, **tracks})


def with_value(sample: Small, place: Any, **values: Any) -> Small:
    """The sample with other values at some jets, or for ``trk_name`` at some tracks."""
    columns = {}
    for name, value in values.items():
        table = sample.tracks if name[:4] == "trk_" else sample.jets
        columns[name] = table[name.removeprefix("trk_")].copy()
        columns[name][place] = value
    return changed(sample, **columns)


def without(sample: Small, column: str) -> Small:
    """The sample without a column of jets or tracks."""
    jets, tracks = (
        {name: x for name, x in table.items() if name != column}
        for table in (sample.jets, sample.tracks)
    )
    return sample._replace(jets=jets, tracks=tracks)


# -- layouts -------------------------------------------------------------------------------------


def jagged(sample: Small) -> dict[str, Any]:
    """Columns of an entry a jet."""
    jets = {f"jet_{name}": values for name, values in sample.jets.items()}
    tracks = {f"trk_{name}": ak.unflatten(x, sample.counts) for name, x in sample.tracks.items()}
    return {**jets, **tracks}


def write_parquet(path: Path, sample: Small) -> Path:
    """A column for each column of jets, lists of tracks."""
    ak.to_parquet(ak.zip(jagged(sample), depth_limit=1), path)
    return path


def flat(sample: Small) -> dict[str, Any]:
    """Datasets of jets; tracks in one row with a counter."""
    jets = {f"jet_{name}": values for name, values in sample.jets.items()}
    tracks = {f"trk_{name}": values for name, values in sample.tracks.items()}
    return {**jets, **tracks, "n_trk": sample.counts}


def padded(sample: Small) -> dict[str, Any]:
    """Datasets of jets; tracks padded with -99."""
    valid = np.arange(SLOTS) < sample.counts[:, None]
    made = flat(sample)
    for name, values in sample.tracks.items():
        made[f"trk_{name}"] = np.full(valid.shape, -99, values.dtype)
        made[f"trk_{name}"][valid] = values
    return made


def datasets(path: Path, columns: dict[str, Any]) -> Path:
    """HDF5 with a group `all` of datasets."""
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            file[f"all/{name}"] = values
    return path


def events(sample: Small) -> dict[str, Any]:
    """Entries of up to three jets; a table links all tracks of an event, last first, to jets."""
    number = len(sample.counts)
    jets = np.diff(np.append(np.arange(0, number, PER_EVENT), number))
    of_event = np.add.reduceat(sample.counts, np.arange(0, number, PER_EVENT))
    place = np.repeat(np.arange(number) % PER_EVENT, sample.counts)
    item = np.arange(len(place)) - np.repeat(np.cumsum(of_event) - of_event, of_event)
    last = np.repeat(of_event, of_event) - 1 - item
    made = {f"Jet_{name}": ak.unflatten(x, jets) for name, x in sample.jets.items()}
    made |= {f"Trk_{name}": ak.unflatten(x, of_event)[:, ::-1] for name, x in sample.tracks.items()}
    return {
        **made,
        **{name: sample.jets[name][::PER_EVENT] for name in ("event",) if name in sample.jets},
        "Pair_jet": ak.unflatten(place.astype(np.int16), of_event),
        "Pair_trk": ak.unflatten(last.astype(np.int32), of_event),
    }


def write_tree(path: Path, columns: dict[str, Any], *, tree: str = "jets") -> Path:
    """TTree with a counter for each jagged branch."""
    import uproot

    kinds = {name: getattr(x, "dtype", None) or x.type.content for name, x in columns.items()}
    with uproot.recreate(path) as file:
        file.mktree(tree, kinds).extend(columns)
    return path


def write_events(path: Path, sample: Small) -> Path:
    """TTree of events."""
    return write_tree(path, events(sample), tree="Events")


def _card(made: dict[str, Any], changes: dict[str, Any]) -> Card:
    for name, value in changes.items():
        *above, last = name.split("__")
        at = made
        for key in above:
            at = at[key]
        at[last] = value
    return validated(Card, made, where="card")


def root_card(**changes: Any) -> Card:
    return validated(Card, content(**changes), where="card")


def hdf5_card(**changes: Any) -> Card:
    return _card(hdf5_content(), changes)


def flat_card(**changes: Any) -> Card:
    made = content(format="hdf5", dataset="all", constituents__counter="n_trk")
    return _card(made, changes)


def parquet_card(**changes: Any) -> Card:
    return _card(content(format="parquet"), changes)


def events_card(**changes: Any) -> Card:
    text = yaml.safe_dump(content(), sort_keys=False)
    text = text.replace("jet_event", "event").replace("jet_", "Jet_").replace("trk_", "Trk_")
    made = {**yaml.safe_load(text), "tree": "Events", "rows": "events"}
    made["constituents"]["link"] = {"prefix": "Pair_", "jet": "jet", "item": "trk"}
    return _card(made, changes)


class Layout(NamedTuple):
    """How files are written and described."""

    card: Callable[..., Card]
    write: Callable[[Path, Small], Path]


LAYOUTS = {
    "root": Layout(root_card, write_root),
    "rntuple": Layout(root_card, write_rntuple),
    "events": Layout(events_card, write_events),
    "parquet": Layout(parquet_card, write_parquet),
    "hdf5": Layout(hdf5_card, write_hdf5),
    "flat": Layout(flat_card, lambda path, sample: datasets(path, flat(sample))),
    "padded": Layout(flat_card, lambda path, sample: datasets(path, padded(sample))),
}


# -- what must come out --------------------------------------------------------------------------


class Expected(NamedTuple):
    """Numbers of the kept jets by split, and where all others go."""

    kept: dict[str, list[int]]
    rejected: dict[str, int]
    unlabelled: int


@np.errstate(over="ignore", invalid="ignore")
def expected(sample: Small) -> Expected:
    """What the cuts, labels and splits of the card mean, jet by jet in plain Python."""
    kept: dict[str, list[int]] = {name: [] for name in SPLITS}
    rejected, unlabelled = {"pt": 0, "eta": 0}, 0
    for index in range(len(sample.counts)):
        jet = {name: values[index].item() for name, values in sample.jets.items()}
        if not np.float32(jet["pt"]) / np.float32(1000) > 20:
            rejected["pt"] += 1
        elif not abs(jet["eta"]) < 2.5:
            rejected["eta"] += 1
        elif jet["flavour"] not in CLASSES:
            unlabelled += 1
        else:
            kept[TENTHS[jet["event"] % 10]].append(index)
    return Expected(kept, rejected, unlabelled)


@np.errstate(over="ignore", invalid="ignore")
def columns(sample: Small, chosen: list[int]) -> dict[str, np.ndarray]:
    """Columns of some jets, as the card's formulas say."""
    starts = np.cumsum(sample.counts) - sample.counts
    pt = sample.jets["pt"][chosen] / np.float32(1000)
    s, d0 = (
        [sample.tracks[name][starts[i] : starts[i] + sample.counts[i]] for i in chosen]
        for name in ("s", "d0")
    )
    best = [max((one for one in jet if not np.isnan(one)), default=np.nan) for jet in s]
    names = [CLASSES[flavour] for flavour in sample.jets["flavour"][chosen].tolist()]
    return {
        "pt": pt.astype(np.float32),
        "log_pt": np.log(pt).astype(np.float32),
        "eta": sample.jets["eta"][chosen],
        "sv_mass": (sample.jets["sv_mass"][chosen] / np.float32(1000)).astype(np.float32),
        "n_tracks": np.array([np.count_nonzero(~np.isnan(jet)) for jet in d0], np.float32),
        "best": np.array(best, np.float32),
        "event": sample.jets["event"][chosen],
        "mc_weight": sample.jets["weight"][chosen],
        "label": np.array([list(CLASSES.values()).index(name) for name in names], np.int8),
    }


def assert_prepared(done: Prepared, sample: Small) -> None:
    """Every jet is where it belongs, bit for bit, and the counts and moments are those of all."""
    wanted = expected(sample)
    counts = done.counts
    assert counts.read == len(sample.counts)
    assert {cut: sum(by.values()) for cut, by in counts.rejected.items()} == wanted.rejected
    assert counts.unlabelled == wanted.unlabelled
    for split, chosen in wanted.kept.items():
        assert sum(counts.kept[split].values()) == len(chosen)
        with h5py.File(getattr(done, split)) as file:
            jets, about = file["jets"][:], dict(file.attrs)
        for name, values in columns(sample, chosen).items():
            assert jets[name].dtype.kind == values.dtype.kind
            np.testing.assert_array_equal(jets[name], values, err_msg=f"{split} {name}")
        if split == "train":
            for index, name in enumerate(json.loads(about["inputs"])):
                good = jets[name][np.isfinite(jets[name])].astype(np.float64)
                np.testing.assert_allclose(about["mean"][index], good.mean(), rtol=1e-9)
    total = counts.unlabelled + sum(wanted.rejected.values()) + sum(map(len, wanted.kept.values()))
    assert total == counts.read
