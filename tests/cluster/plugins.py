"""Snakemake's executor plugins, where the tests have them.

They are not installed beside everything else: where Slurm's commands are there but no Slurm runs,
Snakemake with its plugin takes nine seconds longer to start, and every other test would pay.
"""

import importlib.util
import os
import sys
from pathlib import Path

__all__ = ["with_plugins", "without_accounting", "without_plugins"]

ROOT = Path(__file__).parents[2]

FOLDER = Path(sys.prefix) / "cluster"  # as .ci/run installs them
NAMES = tuple(
    f"snakemake_executor_plugin_{name}" for name in ("slurm", "cluster_generic", "htcondor")
)


def without_plugins() -> str | None:
    """Why the plugins cannot be tested; None if they can."""
    absent = [
        name
        for name in NAMES
        if importlib.util.find_spec(name) is None and not (FOLDER / name).is_dir()
    ]
    return f"no {', '.join(absent)} (see .ci/run)" if absent else None


def with_plugins() -> dict[str, str]:
    """The environment of a process that finds them."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(FOLDER)]))
    return os.environ | {"PYTHONPATH": path}


def without_accounting() -> dict[str, str]:
    """The same, where Slurm has no accounting."""
    first = ROOT / "workflow/profiles/slurm/without_accounting"
    return with_plugins() | {"PATH": f"{first}{os.pathsep}{os.environ['PATH']}"}
