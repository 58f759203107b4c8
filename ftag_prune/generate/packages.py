"""The GPL packages, imported when they are needed and by nobody else."""

from __future__ import annotations

import importlib
from typing import Any

from ftag_prune.errors import FtagPruneError

__all__ = ["fastjet", "pythia"]


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise FtagPruneError(
            f"generating jets needs the package '{name}', which is not installed: "
            "pip install 'ftag_prune[generate]'"
        ) from None


def pythia() -> Any:
    """Module of Pythia 8; FtagPruneError if it is not installed."""
    return _import("pythia8mc")


def fastjet() -> Any:
    """Module of FastJet, its banner switched off; FtagPruneError if it is not installed."""
    module = _import("fastjet")
    # The wrapper `fastjet.ClusterSequence` hides this static function; a derived class shows it.
    module.ClusterSequenceArea.set_fastjet_banner_stream(None)
    return module
