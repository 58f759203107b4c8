"""How well a tagger separates: discriminants, working points and rejections with honest errors."""

from __future__ import annotations

from ftag_prune.metrics.comparisons import Combined, PairedRatio, combine, paired_ratio
from ftag_prune.metrics.discriminants import discriminant
from ftag_prune.metrics.rejections import Rejection, RocCurve, rejection, roc

__all__ = [
    "Combined",
    "PairedRatio",
    "Rejection",
    "RocCurve",
    "combine",
    "discriminant",
    "paired_ratio",
    "rejection",
    "roc",
]
