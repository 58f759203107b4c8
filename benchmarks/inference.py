"""Scoring of jets by a dense and by a pruned network, against the ideal gain.

    python benchmarks/inference.py [--widths 256 512 1024] [--batch 10000]

The pruned network has a quarter of the nodes in each layer; weights are random, which changes no
time. Everything is measured on one thread, as the best of several repetitions taken in turn: ONNX
Runtime with the exported file, and torch. The ideal gain is that in multiply-accumulates. Times are
those of the processor, so that waiting for others does not count; a share above 100 % still means
that the machine was too busy (caches, memory) to tell.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import onnxruntime
import torch

from ftag_prune.architecture import Mlp
from ftag_prune.export import INPUT, export
from ftag_prune.flavours import TASKS
from ftag_prune.model import About, Model
from ftag_prune.networks import build

INPUTS, DEPTH, PRUNED = 45, 3, 0.75
TASK = TASKS["single_b"]


class Works(NamedTuple):
    """One network: what it costs, and how to score the same jets with it in two ways."""

    multiplications: int
    size: int
    runtime: Callable[[], object]
    torch: Callable[[], object]


def best(works: list[Callable[[], object]], *, seconds: float) -> list[float]:
    """Shortest time of this thread in each work, repeated in turn for about `seconds` each."""
    for work in works:
        work()
    shortest = [float("inf")] * len(works)
    end = time.perf_counter() + seconds * len(works)
    while time.perf_counter() < end:
        for index, work in enumerate(works):
            started = time.thread_time()
            work()
            shortest[index] = min(shortest[index], time.thread_time() - started)
    return shortest


def works(width: int, x: np.ndarray, folder: Path) -> Works:
    network = build(
        Mlp(hidden=(width,) * DEPTH),
        mean=[0.0] * INPUTS,
        std=[1.0] * INPUTS,
        classes=len(TASK.classes),
    ).eval()
    about = About(TASK.name, TASK.classes, tuple(f"x{index}" for index in range(INPUTS)))
    made = export(Model(network, about), folder / f"w{width}.onnx", name=f"w{width}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(made.onnx, options, providers=["CPUExecutionProvider"])
    tensor = torch.from_numpy(x)

    def by_torch() -> object:
        with torch.inference_mode():
            return network(tensor).softmax(1)

    return Works(
        network.multiplications(), made.size, lambda: session.run(None, {INPUT: x}), by_torch
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    x = np.random.default_rng(0).standard_normal((asked.batch, INPUTS)).astype(np.float32)
    x[np.random.default_rng(1).random(x.shape) < 0.05] = np.nan
    print(f"batch {asked.batch}, {PRUNED:.0%} pruned, one thread; times in ms a batch")
    print("width    kB  pruned kB  runtime  pruned  gain  ideal  share   torch  pruned  share")
    for width in asked.widths:
        with TemporaryDirectory() as folder:
            dense, small = (
                works(one, x, Path(folder)) for one in (width, round(width * (1 - PRUNED)))
            )
        todo = [dense.runtime, small.runtime, dense.torch, small.torch]
        first, second, third, fourth = (1000 * one for one in best(todo, seconds=asked.seconds))
        ideal = dense.multiplications / small.multiplications
        print(
            f"{width:5} {dense.size / 1000:5.0f} {small.size / 1000:10.0f} {first:8.2f} "
            f"{second:7.2f} {first / second:5.1f} {ideal:6.1f} {first / second / ideal:6.0%} "
            f"{third:7.2f} {fourth:7.2f} {third / fourth / ideal:6.0%}"
        )


if __name__ == "__main__":
    main()
