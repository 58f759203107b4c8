"""Where a training computes, and in which precision.

On the CPU the same run gives the same bits; on other devices sums are made in whatever order is
quickest, and it does not. What is drawn for gates and for the order of jets is the same everywhere.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn

from ftag_prune.config import Training
from ftag_prune.errors import TrainingError
from ftag_prune.networks import Network

__all__ = ["CPU", "available", "device_of", "fused", "mixed", "place", "scaler_of"]

CPU = torch.device("cpu")


def available() -> tuple[str, ...]:
    """Devices of this machine that we know, the quickest first."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return (*(name for name, there in here.items() if there), "cpu")


def device_of(training: Training) -> torch.device:
    """Device of a training; `auto` is the quickest one of this machine.

    Raises
    ------
    TrainingError
        If the machine does not have it.
    """
    here = available()
    name = here[0] if training.device == "auto" else training.device
    if name not in here:
        raise TrainingError(
            f"training.device: wanted {name}, which is not on this machine; available: "
            f"{', '.join(here)}"
        )
    return torch.empty(0, device=name).device  # with its number, as tensors tell it


def place(device: torch.device, *modules: nn.Module | None) -> None:
    """Move modules, and what their networks know of the jets' columns."""
    for module in (one for one in modules if one is not None):
        module.to(device)
        for network in module.modules():
            if isinstance(network, Network) and network.taken is not None:
                network.taken = network.taken.to(device)


def fused(device: torch.device) -> bool:
    """Whether optimisers do a step of all weights at once there."""
    return device.type in ("cpu", "cuda")


def mixed(training: Training, device: torch.device) -> AbstractContextManager[object]:
    """Within it, products with weights are made in the training's precision."""
    if training.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, training.precision))


def scaler_of(training: Training, device: torch.device) -> torch.amp.GradScaler:
    """Scaler of the loss, without which small gradients are zero in float16; idle for others.

    Micikevicius et al., arXiv:1710.03740, section 3.2.
    """
    return torch.amp.GradScaler(device.type, enabled=training.precision == "float16")
