"""Training step against this core's matrix-multiply peak, with and without gates, and the batches.

    python benchmarks/training.py [--widths 64 128 256 512] [--batch 1024]

Everything is measured in one run, on one thread, as the best of several repetitions taken in turn:
peak (the fastest square product of float32 matrices), then for each width a step of the dense
network and one with gates. The share counts the multiply-accumulates of forward and backward pass.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from ftag_prune.architecture import Mlp
from ftag_prune.gates import Budget
from ftag_prune.goal import Goal
from ftag_prune.networks import Network, build
from ftag_prune.shadow import Shadow, gated, parts_of, prunable
from ftag_prune.tensors import Jets, batches, one_thread

INPUTS, CLASSES, DEPTH = 45, 4, 3
GOAL, TARGET = Goal(), 0.75


def best(*works: Callable[[], object], seconds: float = 1.0) -> list[float]:
    """Shortest time of each work, repeated in turn for about `seconds` each."""
    for work in works:
        work()
    shortest = [float("inf")] * len(works)
    end = time.perf_counter() + seconds * len(works)
    while time.perf_counter() < end:
        for index, work in enumerate(works):
            started = time.perf_counter()
            work()
            shortest[index] = min(shortest[index], time.perf_counter() - started)
    return shortest


def peak() -> float:
    """Floating-point operations a second in the best of some square products."""
    rates = []
    for size in (512, 768, 1024, 1536):
        left, right = torch.randn(size, size), torch.randn(size, size)
        (spent,) = best(lambda left=left, right=right: left @ right)
        rates.append(2 * size**3 / spent)
    return max(rates)


def operations(width: int, batch: int) -> int:
    """Of a step: forward, gradients of the weights, gradients of all but the first inputs."""
    sizes = [INPUTS, *[width] * DEPTH, CLASSES]
    products = [2 * batch * first * second for first, second in pairwise(sizes)]
    return 3 * sum(products) - products[0]


def products_only(width: int, batch: int) -> Callable[[], object]:
    """The matrix products of a step, and nothing else."""
    sizes = [INPUTS, *[width] * DEPTH, CLASSES]
    layers = [
        (torch.randn(batch, first), torch.randn(second, first), torch.randn(batch, second))
        for first, second in pairwise(sizes)
    ]

    def work() -> None:
        for index, (x, weight, slope) in enumerate(layers):
            x @ weight.T
            slope.T @ x
            if index:
                slope @ weight

    return work


def shadow_of(network: Network) -> Shadow:
    """Budget gates over the hidden nodes."""
    parts = parts_of(network, GOAL, target=TARGET)
    return Shadow(prunable(network, GOAL), Budget(), parts)


def steps(width: int, batch: int) -> tuple[Callable[[], object], Callable[[], object]]:
    """A training step without and with gates."""
    architecture = Mlp(hidden=(width,) * DEPTH)
    network = build(architecture, mean=[0.0] * INPUTS, std=[1.0] * INPUTS, classes=CLASSES)
    shadow = shadow_of(network)
    groups = [
        {"params": list(network.parameters())},
        {"params": list(shadow.parameters()), "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, fused=True)
    x, y = torch.randn(batch, INPUTS), torch.randint(0, CLASSES, (batch,))

    def dense() -> None:
        optimiser.zero_grad()
        cross_entropy(network(x), y).backward()
        optimiser.step()

    def with_gates() -> None:
        optimiser.zero_grad()
        gates = shadow(progress=0.5)
        logits = gated(network, shadow.layers, gates.value, (x,))
        loss = cross_entropy(logits, y)  # as in the loop: a budget needs no pruning loss
        loss.backward()
        optimiser.step()

    return dense, with_gates


def closing(width: int, batch: int, *, flush: bool) -> float:
    """Seconds of the last quarter of 120 gated steps, with tiny numbers flushed to zero or not."""
    network = build(
        Mlp(hidden=(width,) * DEPTH), mean=[0.0] * INPUTS, std=[1.0] * INPUTS, classes=CLASSES
    )
    shadow = shadow_of(network)
    groups = [
        {"params": list(network.parameters()), "lr": 3e-3},
        {"params": list(shadow.parameters()), "lr": 5e-2, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, fused=True)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, INPUTS, generator=generator)
    y = (x[:, :CLASSES]).argmax(1)
    torch.set_flush_denormal(flush)
    for step in range(120):
        if step == 90:
            started = time.perf_counter()
        optimiser.zero_grad()
        gates = shadow(progress=step / 119)
        cross_entropy(gated(network, shadow.layers, gates.value, (x,)), y).backward()
        optimiser.step()
    spent = time.perf_counter() - started
    torch.set_flush_denormal(True)
    return spent


def gather(batch: int) -> tuple[float, float]:
    """Time of a batch from memory, and of the bare gather of the same jets."""
    number = 200_000
    jets = Jets(
        torch.randn(number, INPUTS), None, None, torch.zeros(number).long(), torch.ones(number)
    )
    order = torch.from_numpy(np.random.default_rng(0).permutation(number))

    def ours() -> None:
        for _ in batches(jets, batch, rng=np.random.default_rng(0)):
            pass

    def bare() -> None:
        for start in range(0, number, batch):
            index = order[start : start + batch]
            for one in (jets.x, jets.y, jets.w):
                one.index_select(0, index)

    mine, plain = best(ours, bare)
    return mine, plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--batch", type=int, default=1024)
    options = parser.parse_args()
    with one_thread(flush=True):
        top = peak()
        print(f"matrix-multiply peak of this core: {top / 1e9:.0f} GFlop/s (float32)")
        print("width  step/ms  share of peak  bare products  gates cost")
        for width in options.widths:
            bare, *both = (products_only(width, options.batch), *steps(width, options.batch))
            floor, dense, with_gates = best(bare, *both, seconds=2)
            share = operations(width, options.batch) / top
            print(
                f"{width:5d}  {1e3 * dense:7.3f}  {share / dense:12.0%}  {share / floor:12.0%}"
                f"  {with_gates / dense - 1:+10.1%}"
            )
        slow, fast = (closing(256, options.batch, flush=flush) for flush in (False, True))
        print(f"closing gates at width 256 without flushing tiny numbers: {slow / fast:.1f} x")
        mine, plain = gather(options.batch)
        print(f"an epoch of batches from memory: {mine / plain:.2f} x the bare gathers")


if __name__ == "__main__":
    main()
