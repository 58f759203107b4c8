"""The figures of a study: which runs stand on which, drawn from tables, metrics and histories."""

from ftag_prune.figures.captions import captions
from ftag_prune.figures.drawing import Drawing
from ftag_prune.figures.gallery import draw, names

__all__ = ["Drawing", "captions", "draw", "names"]
