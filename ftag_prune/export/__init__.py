"""A trained tagger as one ONNX file that needs nothing of ours, checked before it is written."""

from ftag_prune.export.check import TOLERANCE
from ftag_prune.export.conversion import INPUT, OPSET, TRACKS, VALID, feed, session
from ftag_prune.export.files import Exported, export, export_run
from ftag_prune.export.meaning import Origin

__all__ = [
    "INPUT",
    "OPSET",
    "TOLERANCE",
    "TRACKS",
    "VALID",
    "Exported",
    "Origin",
    "export",
    "export_run",
    "feed",
    "session",
]
