"""How well a tagger separates: discriminants, working points and rejections with honest errors."""

from __future__ import annotations

from ftag_prune.metrics.areas import Area, auc
from ftag_prune.metrics.calibrations import Calibration, calibration
from ftag_prune.metrics.comparisons import (
    Combined,
    PairedRatio,
    combine,
    paired_ratio,
    ratio_spread,
)
from ftag_prune.metrics.confusions import Confusion, confusion
from ftag_prune.metrics.cuts import WorkingPoint, working_points
from ftag_prune.metrics.decisions import Equivalence, McNemar, equivalence, mcnemar
from ftag_prune.metrics.discriminants import discriminant
from ftag_prune.metrics.intervals import Interval, wilson
from ftag_prune.metrics.masses import Sculpting, sculpting
from ftag_prune.metrics.profiles import Profile, profile
from ftag_prune.metrics.rejections import Rejection, RocCurve, rejection, roc
from ftag_prune.metrics.scans import Scan, scan_fractions

__all__ = [
    "Area",
    "Calibration",
    "Combined",
    "Confusion",
    "Equivalence",
    "Interval",
    "McNemar",
    "PairedRatio",
    "Profile",
    "Rejection",
    "RocCurve",
    "Scan",
    "Sculpting",
    "WorkingPoint",
    "auc",
    "calibration",
    "combine",
    "confusion",
    "discriminant",
    "equivalence",
    "mcnemar",
    "paired_ratio",
    "profile",
    "ratio_spread",
    "rejection",
    "roc",
    "scan_fractions",
    "sculpting",
    "wilson",
    "working_points",
]
