"""Epochs of batches from a mapped file, and from one that is left on the disk.

    python benchmarks/batches.py [--megabytes 600] [--batch 1024] [--share 0.25] [--folder .]

One run writes a file of jets (45 inputs) and one with 40 tracks of 12 inputs each, and takes epochs
of batches from them in turn, each as the best of several, on one thread: mapped into memory (all of
it read before) and on the disk with a part of the file allowed to be in memory. `warm` means that
the operating system has the file in its cache, `cold` that it was told to forget the file before
each epoch. Training steps at width 256 show what is left of the difference in practice.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ftag_prune.architecture import Mlp
from ftag_prune.networks import build
from ftag_prune.schema import LAYOUT, as_numbers, jets_dtype, tracks_dtype
from ftag_prune.tensors import Jets, Source, batches, load, load_within, one_thread

INPUTS, SLOTS, TRACK_INPUTS, CLASSES, WIDTH = 45, 40, 12, 4, 256
BLOCK = 10_000


def write(path: Path, megabytes: float, *, tracks: bool) -> int:
    """Random jets in the layout of prepared files; returns their number."""
    names = [f"input_{index}" for index in range(INPUTS)]
    kinds = {"jets": jets_dtype(names, ("pt", "eta"), event=np.dtype("u8"))}
    if tracks:
        kinds["tracks"] = tracks_dtype([f"track_{index}" for index in range(TRACK_INPUTS)])
    shapes = {"jets": (), "tracks": (SLOTS,)}
    width = sum(kind.itemsize * int(np.prod(shapes[name])) for name, kind in kinds.items())
    blocks = int(1e6 * megabytes / width / BLOCK)
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, kind in kinds.items():
            file.create_dataset(name, (blocks * BLOCK, *shapes[name]), kind)
            for index in range(blocks):
                records = np.zeros((BLOCK, *shapes[name]), kind)
                numbers = as_numbers(records)[..., : INPUTS if name == "jets" else TRACK_INPUTS]
                numbers[:] = rng.standard_normal(numbers.shape, np.float32)
                if name == "jets":
                    records["label"], records["weight"] = index * CLASSES // blocks, 1
                file[name][index * BLOCK : (index + 1) * BLOCK] = records
        about = {"task": "single_b", "classes": json.dumps("bcu"), "inputs": json.dumps(names)}
        about |= {"layout": LAYOUT, "fingerprint": "", "counts": "{}"}
        for name, value in {**about, "mean": np.zeros(INPUTS), "std": np.ones(INPUTS)}.items():
            file.attrs[name] = value
    return blocks * BLOCK


def forget(path: Path) -> None:
    """Ask the operating system to drop the file from its cache."""
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def seconds(source: Source, batch: int, work: Callable[[Jets], object]) -> float:
    """Time of an epoch in which something is done with each batch."""
    started = time.perf_counter()
    for jets in batches(source, batch, rng=np.random.default_rng(0)):
        work(jets)
    return time.perf_counter() - started


def step() -> Callable[[Jets], object]:
    """A training step of three layers of width 256."""
    architecture = Mlp(hidden=(WIDTH,) * 3)
    network = build(architecture, mean=[0.0] * INPUTS, std=[1.0] * INPUTS, classes=CLASSES)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)

    def work(jets: Jets) -> None:
        optimiser.zero_grad()
        cross_entropy(network(jets.x), jets.y).backward()
        optimiser.step()

    return work


def measured(path: Path, options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of epochs by their kind, without and with training steps; the best of some."""
    memory = options.share * path.stat().st_size
    train = step()
    works = (lambda _jets: None, train)
    spent: dict[str, list[list[float]]] = {"mapped": [], "disk, warm": [], "disk, cold": []}
    for _ in range(options.repeat):
        mapped = load(path)
        seconds(mapped, options.batch, works[0])
        spent["mapped"].append([seconds(mapped, options.batch, work) for work in works])
        del mapped
        disk = load_within(path, memory)
        spent["disk, warm"].append([seconds(disk, options.batch, work) for work in works])
        cold = []
        for work in works:
            forget(path)
            cold.append(seconds(disk, options.batch, work))
        spent["disk, cold"].append(cold)
    return {kind: np.min(times, axis=0).tolist() for kind, times in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=600, help="size of each file")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--share", type=float, default=0.25, help="of the file, in memory")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    options = parser.parse_args()
    print("file     batches from  jets/s  against mapped  with a step at width 256")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder, one_thread(flush=True):
        for name in ("jets", "tracks"):
            path = Path(folder) / f"{name}.h5"
            number = write(path, options.megabytes, tracks=name == "tracks")
            found = measured(path, options)
            for kind, (bare, trained) in found.items():
                print(
                    f"{name:7s}  {kind:12s}  {number / bare:6.3g}"
                    f"  {bare / found['mapped'][0]:12.2f} x"
                    f"  {trained / found['mapped'][1] - 1:+24.1%}"
                )


if __name__ == "__main__":
    main()
