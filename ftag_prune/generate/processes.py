"""What Pythia makes: the settings of each process as plain data, and what a jet of it must hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ftag_prune.errors import ConfigError, nearest
from ftag_prune.flavours import task_of

__all__ = ["COMMON", "MINIMUM_BIAS", "PROCESSES", "SINGLE_INTERACTION", "Process", "process_of"]

COMMON = (
    "Print:quiet = on",
    "Beams:eCM = 13600.",
    # Let K_S and Lambda decay inside the tracker (mm); what flies farther is stable.
    "ParticleDecays:limitCylinder = on",
    "ParticleDecays:xyMax = 1000.",
    "ParticleDecays:zMax = 3000.",
    "Random:setSeed = on",
)

SINGLE_INTERACTION = ("PartonLevel:MPI = off",)

MINIMUM_BIAS = ("SoftQCD:nonDiffractive = on",)

_TTBAR = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on")

# A very wide resonance, so that the jets' pt covers 20 GeV to a few TeV without a peak.
_ZPRIME = (
    "NewGaugeBoson:ffbar2gmZZprime = on",
    "Zprime:gmZmode = 3",
    "32:m0 = 2000.",
    "32:mWidth = 900.",
    "32:doForceWidth = on",
    "32:mMin = 400.",
    "32:mMax = 6000.",
    "PhaseSpace:mHatMin = 400.",
    "32:onMode = off",
    "32:onIfAny = 1 2 3 4 5",
)

# Bulk graviton with couplings to Higgs pairs alone (and a little to gluons, which make it).
_TWO_HIGGS = (
    "ExtraDimensionsG*:gg2G* = on",
    "ExtraDimensionsG*:ffbar2G* = on",
    "ExtraDimensionsG*:SMinBulk = on",
    "ExtraDimensionsG*:VLVL = on",
    "ExtraDimensionsG*:Ghh = 1.",
    "ExtraDimensionsG*:Gll = 0.",
    "ExtraDimensionsG*:Gqq = 0.",
    "ExtraDimensionsG*:Gbb = 0.",
    "ExtraDimensionsG*:Gtt = 0.",
    "ExtraDimensionsG*:Ggg = 0.001",
    "ExtraDimensionsG*:Ggmgm = 0.",
    "ExtraDimensionsG*:GZZ = 0.",
    "ExtraDimensionsG*:GWW = 0.",
    "5100039:m0 = 1500.",
    "5100039:onMode = off",
    "5100039:onIfMatch = 25 25",
    "PhaseSpace:mHatMin = 560.",  # below it no Higgs boson reaches 250 GeV
    "25:onMode = off",
)

# 230 GeV is low enough not to shape trimmed jets above 250 GeV. The bias fills the high-pt tail;
# the event weights undo it.
_BOOSTED = (
    "PhaseSpace:pTHatMin = 230.",
    "PhaseSpace:bias2Selection = on",
    "PhaseSpace:bias2SelectionRef = 250.",
)


class Process(NamedTuple):
    """One process: Pythia's settings, and for large-R jets the truth that they must match.

    Attributes
    ----------
    settings : tuple of str
        Lines for Pythia, after ``COMMON``.
    label : int
        R10TruthLabel_R22v1 of the jets that match; 0 where labels come from hadrons.
    parent : int
        PDG code of the particle that a jet must hold; 0 if every jet is taken.
    quark : int
        Flavour of which a jet must hold two hadrons; 0 if none is asked for.
    """

    settings: tuple[str, ...]
    label: int = 0
    parent: int = 0
    quark: int = 0


_TASKS: Mapping[str, Mapping[str, Process]] = {
    "single_b": {
        "ttbar": Process(_TTBAR),
        "zprime": Process(_ZPRIME),
    },
    "hbb_cc": {
        "hbb": Process((*_TWO_HIGGS, "25:onIfMatch = 5 -5"), label=11, parent=25, quark=5),
        "hcc": Process((*_TWO_HIGGS, "25:onIfMatch = 4 -4"), label=12, parent=25, quark=4),
        "qcd": Process(
            ("HardQCD:all = on", *_BOOSTED, "PhaseSpace:bias2SelectionPow = 4.5"), label=10
        ),
        "top": Process(
            (*_TTBAR, *_BOOSTED, "PhaseSpace:bias2SelectionPow = 4."), label=1, parent=6
        ),
    },
}

PROCESSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {task: tuple(processes) for task, processes in _TASKS.items()}
)


def process_of(task: str, process: str) -> Process:
    """Process of a task by its name; ConfigError with the nearest names if there is none."""
    known = _TASKS[task_of(task).name]
    if process not in known:
        raise ConfigError(f"task '{task}' has no process '{process}'{nearest(process, known)}")
    return known[process]
