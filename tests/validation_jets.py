"""Test jets for validations, without a file behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ftag_prune.flavours import task_of
from ftag_prune.tensors import Description
from ftag_prune.validation.heldout import HeldOut


def made_up(
    number: int = 1000, *, task: str = "single_b", seed: int = 1, **changes: Any
) -> HeldOut:
    """Jets of all classes in turn, one of each in an event."""
    rng = np.random.default_rng(seed)
    judged = task_of(task)
    about = Description(task, judged.classes, ("x",), (0.0,), (1.0,), "f" * 64, {})
    found = HeldOut(
        folder=Path("jets"),
        path=Path("jets/test.h5"),
        about=about,
        task=judged,
        title="a sample",
        units={"pt": "GeV", "mass": "GeV"},
        references={},
        event=np.arange(number, dtype=np.uint64) // 4 + 2**60,
        label=np.arange(number) % len(judged.classes),
        columns={
            "pt": rng.uniform(20, 500, number),
            "eta": rng.uniform(-2.5, 2.5, number),
            "mass": rng.uniform(50, 300, number),
        },
        weight=np.ones(number),
    )
    return found._replace(**changes)
