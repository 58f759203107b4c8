"""`ftag-prune prepare` against bare reading and writing of the same numbers, side by side.

    python benchmarks/prepare.py [--jets 200000] [--repeat 3] [--folder DIR] [--weaver PYTHON]

A sample of jets with 30 variables and up to 40 tracks with 12 is made in ROOT (a TTree with jagged
tracks, zstd) and in HDF5 (records, the tracks padded, gzip), and prepared with its tracks. Bare is
what no program can do without: uproot or h5py read the branches in steps of as many jets, and h5py
writes records of the same size to the disk; nothing is computed, padded, selected or sorted. Every
measurement is a process of its own; times begin after the imports, end when the bytes are on the
disk, and are the best of some repetitions taken in turn. Memory is the largest resident set of the
process plus, for each worker, the largest of the workers.

Loader reads alone: batches of labelled jets with sorted and padded tracks, nothing is written.
`--weaver` names a Python where weaver-core is installed: its loader reads the same ROOT file once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

VARIABLES, TRACKS, SLOTS, STEP = 30, 12, 40, 20_000
JET_NAMES = ["pt", "eta", *(f"v{index}" for index in range(VARIABLES - 2))]
TRACK_NAMES = [f"t{index}" for index in range(TRACKS)]
CASES = ("root", "hdf5")


def columns(number: int, first: int) -> tuple[dict, dict, np.ndarray]:
    """Jets, their tracks jet by jet, and the number of tracks of each jet."""
    rng = np.random.default_rng(first)
    counts = rng.integers(0, SLOTS + 1, number)
    jets = {name: rng.normal(size=number).astype(np.float32) for name in JET_NAMES}
    jets["pt"] = rng.exponential(60, number).astype(np.float32) + np.float32(20)
    jets["flavour"] = rng.choice(np.array([5, 4, 0, 15], np.int32), number)
    jets["event"] = np.arange(first, first + number, dtype=np.int64) // 2
    jets["weight"] = rng.uniform(0.5, 1.5, number).astype(np.float32)
    size = int(counts.sum())
    tracks = {name: rng.normal(size=size).astype(np.float32) for name in TRACK_NAMES}
    return jets, tracks, counts


def write_root(path: Path, jets: int) -> None:
    import awkward as ak
    import uproot

    with uproot.recreate(path, compression=uproot.ZSTD(5)) as file:
        tree = None
        for first in range(0, jets, STEP):
            flat, jagged, counts = columns(min(STEP, jets - first), first)
            nested = ak.unflatten(ak.zip(jagged), counts)
            if tree is None:
                kinds = {name: values.dtype for name, values in flat.items()}
                tree = file.mktree("jets", {**kinds, "trk": nested.type.content})
            tree.extend({**flat, "trk": nested})


def write_hdf5(path: Path, jets: int) -> None:
    import h5py

    kinds = [(name, values.dtype) for name, values in columns(1, 0)[0].items()]
    records = [*((name, np.float32) for name in TRACK_NAMES), ("valid", "?")]
    options = {"compression": "gzip", "compression_opts": 1}
    with h5py.File(path, "w") as file:
        first_set = file.create_dataset("jets", jets, kinds, chunks=(2048,), **options)
        second_set = file.create_dataset(
            "tracks", (jets, SLOTS), records, chunks=(1024, SLOTS), **options
        )
        for first in range(0, jets, STEP):
            flat, jagged, counts = columns(min(STEP, jets - first), first)
            table = np.zeros(len(counts), kinds)
            padded = np.zeros((len(counts), SLOTS), records)
            padded["valid"] = np.arange(SLOTS) < counts[:, None]
            for name, values in flat.items():
                table[name] = values
            for name, values in jagged.items():
                padded[name][padded["valid"]] = values
            first_set[first : first + len(counts)] = table
            second_set[first : first + len(counts)] = padded


def card(case: str) -> dict:
    """The card of both files."""
    where = {"root": {"tree": "jets"}, "hdf5": {"dataset": "jets"}}[case]
    tracks = {"root": {"prefix": "trk_"}, "hdf5": {"dataset": "tracks"}}[case]
    return {
        "name": case,
        "title": "benchmark",
        "task": "single_b",
        "format": case,
        **where,
        "jets": {name: name for name in JET_NAMES},
        "constituents": {
            **tracks,
            "variables": {name: name for name in TRACK_NAMES},
            "sort": "abs(t0)",
            "maximum": SLOTS,
        },
        "inputs": {"jets": JET_NAMES, "tracks": TRACK_NAMES},
        "labels": {
            flavour: f"flavour == {number}"
            for flavour, number in {"b": 5, "c": 4, "u": 0, "tau": 15}.items()
        },
        "event": "event",
        "weight": "weight",
    }


def bare(case: str, source: Path, out: Path) -> None:
    """Read the branches and write records of the size of the prepared ones."""
    import h5py

    from ftag_prune.schema import jets_dtype, tracks_dtype

    jets = np.zeros(STEP, jets_dtype(JET_NAMES, [], event=np.dtype(np.int64)))
    tracks = np.zeros((STEP, SLOTS), tracks_dtype(TRACK_NAMES))
    total, sizes = {"root": _root_sizes, "hdf5": _hdf5_sizes}[case](source)
    with h5py.File(out / "bare.h5", "w") as file:
        first = file.create_dataset("jets", total, jets.dtype)
        second = file.create_dataset("tracks", (total, SLOTS), tracks.dtype)
        begin = 0
        for size in sizes:
            first[begin : begin + size] = jets[:size]
            second[begin : begin + size] = tracks[:size]
            begin += size
    with (out / "bare.h5").open("rb") as file:
        os.fsync(file.fileno())


def _root_sizes(source: Path):
    import uproot

    names = {*JET_NAMES, "flavour", "event", "weight", *(f"trk_{name}" for name in TRACK_NAMES)}
    tree = uproot.open(source)["jets"]
    pieces = tree.iterate(filter_branch=lambda one: one.name in names, step_size=STEP, how=dict)
    return tree.num_entries, (len(piece["pt"]) for piece in pieces)


def _hdf5_sizes(source: Path):
    import h5py

    file = h5py.File(source)
    total = len(file["jets"])

    def sizes():
        for begin in range(0, total, STEP):
            part = slice(begin, min(begin + STEP, total))
            _, size = file["jets"][part], len(file["tracks"][part])
            yield size

    return total, sizes()


def ours(case: str, source: Path, out: Path, *, workers: int) -> None:
    from ftag_prune.prepare import prepare
    from ftag_prune.schema import Card

    described = Card.model_validate(card(case))
    prepare(described, [source], out, constituents=True, workers=workers)


def loader(case: str, source: Path, out: Path) -> None:
    """Batches of labelled jets with padded tracks, as weaver gives them; nothing is written."""
    del out
    from ftag_prune.prepare.count import choose
    from ftag_prune.prepare.table import Order, jet_records, kinds, track_records
    from ftag_prune.read import columns as read
    from ftag_prune.schema import Card, plan_of

    described = Card.model_validate(card(case))
    plan = plan_of(described)
    kind = kinds(described, plan, event=np.dtype(np.int64), tracks=True)["jets"]
    for batch in read(described, source, plan=plan, wanted=plan.everything()):
        passed = choose(plan, batch, where=str(source))
        kept = batch.pick(passed.keep)
        order = Order.by(np.zeros(len(kept), np.int8), np.ones(len(kept), np.uint8))
        others = {"label": passed.label, "event": kept.per_jet(plan.event)}
        others["mc_weight"] = kept.per_jet(plan.weight)
        jets = jet_records(described, plan, kept, order, kind=kind, others=others)
        tracks = track_records(described, plan, kept, order)
        for begin in range(0, len(jets), 1024):
            jets[begin : begin + 1024].copy(), tracks[begin : begin + 1024].copy()


WORKS: dict[str, Callable[[str, Path, Path], None]] = {
    "bare": bare,
    "loader": loader,
    "1 worker": lambda *given: ours(*given, workers=1),
    "2 workers": lambda *given: ours(*given, workers=2),
}


def one(work: str, case: str, source: Path) -> None:
    """A measurement, in a process of its own: seconds and megabytes as JSON."""
    if work == "weaver":
        weaver(source)
        return
    import h5py  # noqa: F401  imports are not what is measured
    import uproot  # noqa: F401

    import ftag_prune.prepare  # noqa: F401

    with tempfile.TemporaryDirectory(dir=source.parent) as out:
        started = time.perf_counter()
        WORKS[work](case, source, Path(out))
        spent = time.perf_counter() - started
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    several = int(work.split()[0]) if "workers" in work else 0
    print(json.dumps({"seconds": spent, "memory": (own + several * workers) / 1024}))


def weaver(source: Path) -> None:
    """One epoch of weaver-core's loader over the ROOT file, in this process, no shuffling."""
    import yaml
    from torch.utils.data import DataLoader
    from weaver.utils.dataset import SimpleIterDataset

    flavours = {"b": 5, "c": 4, "u": 0, "tau": 15}
    config = {
        "treename": "jets",
        "new_variables": {f"is_{name}": f"flavour=={n}" for name, n in flavours.items()},
        "preprocess": {"method": "manual", "data_fraction": 1},
        "inputs": {
            "jet": {"length": None, "vars": [[name, None] for name in JET_NAMES]},
            "track": {
                "length": SLOTS,
                "pad_mode": "constant",
                "vars": [[f"trk_{name}", None] for name in TRACK_NAMES],
            },
        },
        "labels": {"type": "simple", "value": [f"is_{name}" for name in flavours]},
        "observers": ["event", "weight"],
    }
    with tempfile.TemporaryDirectory(dir=source.parent) as out:
        described = Path(out) / "weaver.yaml"
        described.write_text(yaml.safe_dump(config, sort_keys=False))
        started, jets = time.perf_counter(), 0
        dataset = SimpleIterDataset(
            {"all": [str(source)]}, str(described), for_training=False, fetch_step=0.02
        )
        for x, _, _ in DataLoader(dataset, batch_size=1024):
            jets += len(x["jet"])
        spent = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": spent, "memory": memory, "jets": jets}))


def measured(work: str, case: str, source: Path, python: str = sys.executable) -> dict:
    command = [python, __file__, "--one", work, case, str(source)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(runs: dict[str, list[dict]], jets: int) -> None:
    floor = min(run["seconds"] for run in runs["bare"])
    for work, found in runs.items():
        seconds = min(run["seconds"] for run in found)
        memory = max(run["memory"] for run in found)
        print(
            f"  {work:10} {seconds:7.2f} s  {jets / seconds / 1e3:7.1f} k jets/s"
            f"  {seconds / floor:5.2f} of bare  {memory:6.0f} MB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jets", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--cases", nargs="+", default=CASES, choices=CASES)
    parser.add_argument("--weaver", metavar="PYTHON")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], given.one[1], Path(given.one[2]))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        for case in given.cases:
            source = Path(folder) / f"sample.{'root' if case == 'root' else 'h5'}"
            {"root": write_root, "hdf5": write_hdf5}[case](source, given.jets)
            print(f"{case}: {given.jets} jets, {source.stat().st_size / 1e6:.0f} MB")
            pythons = dict.fromkeys(WORKS, sys.executable)
            if case == "root" and given.weaver:
                pythons["weaver"] = given.weaver
            runs = {work: [] for work in pythons}
            for _ in range(given.repeat):
                for work, found in runs.items():
                    found.append(measured(work, case, source, pythons[work]))
            report(runs, given.jets)
            source.unlink()


if __name__ == "__main__":
    main()
