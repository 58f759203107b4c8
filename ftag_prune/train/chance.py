"""What is drawn in a training depends on the run's seed and the epoch alone, interrupted or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from ftag_prune.config import Run

__all__ = ["drawing", "drawn", "gate_noise", "judging_order", "order"]


def order(run: Run, epoch: int) -> np.random.Generator:
    """Generator of the order of the jets in an epoch (from 0)."""
    return np.random.default_rng([run.seed, epoch])


def judging_order(run: Run, epoch: int) -> np.random.Generator:
    """Generator of the order of the jets before an epoch on which a criterion judges the nodes."""
    return np.random.default_rng([run.seed, epoch, 2])


def gate_noise(run: Run, epoch: int) -> torch.Generator:
    """Generator of the drawn gates of an epoch, on the CPU."""
    return torch.Generator().manual_seed(_seed(run, epoch, 1))


@contextmanager
def drawing(
    run: Run, epoch: int, device: torch.device, *, drawn: Sequence[Tensor] | None = None
) -> Iterator[None]:
    """Torch's own generators, which a dropout draws from, as this epoch has them.

    Afterwards those of CPU and device are as they were.

    Parameters
    ----------
    drawn : states within the epoch, of a training that goes on there; on a device of another kind
        only that of the CPU is of use
    """
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices=devices, device_type=device.type):
        torch.manual_seed(_seed(run, epoch, 3))
        if drawn is not None:
            torch.set_rng_state(drawn[0])
            for state in drawn[1:] if devices else ():
                torch.get_device_module(device).set_rng_state(state, device)
        yield


def drawn(device: torch.device) -> list[Tensor]:
    """States of torch's own generators, of the CPU and of the device if it is another."""
    mine = [torch.get_rng_state()]
    if device.type != "cpu":
        mine.append(torch.get_device_module(device).get_rng_state(device))
    return mine


def _seed(run: Run, epoch: int, purpose: int) -> int:
    return int(np.random.default_rng([run.seed, epoch, purpose]).integers(2**62))
