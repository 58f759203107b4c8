"""Arrays to figures in ATLAS style: axes in, artists out, no file but through `save`."""

from __future__ import annotations

from ftag_prune.plots.files import Saved, rows, save
from ftag_prune.plots.spectra import (
    Spectrum,
    SpectrumArtists,
    before_and_after,
    canvas_before_after,
)
from ftag_prune.plots.style import (
    atlas_label,
    atlas_style,
    canvas,
    canvas_of_four,
    canvas_with_ratio,
)
from ftag_prune.plots.taggers import (
    ModelCurve,
    PrunedArtists,
    PrunedLine,
    RocArtists,
    rejection_versus_pruned,
    roc,
)
from ftag_prune.plots.trainings import (
    History,
    HistoryArtists,
    LayerArtists,
    PrunedShape,
    history,
    layers,
)

__all__ = [
    "History",
    "HistoryArtists",
    "LayerArtists",
    "ModelCurve",
    "PrunedArtists",
    "PrunedLine",
    "PrunedShape",
    "RocArtists",
    "Saved",
    "Spectrum",
    "SpectrumArtists",
    "atlas_label",
    "atlas_style",
    "before_and_after",
    "canvas",
    "canvas_before_after",
    "canvas_of_four",
    "canvas_with_ratio",
    "history",
    "layers",
    "rejection_versus_pruned",
    "roc",
    "rows",
    "save",
]
