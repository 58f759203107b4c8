"""Two releases of a study, number by number: what moved beyond its error."""

from ftag_prune.comparison.moves import Comparison, Move, Resized, compare
from ftag_prune.comparison.release import Measured, Release, read_release
from ftag_prune.comparison.telling import rows, sections, sentences, write

__all__ = [
    "Comparison",
    "Measured",
    "Move",
    "Release",
    "Resized",
    "compare",
    "read_release",
    "rows",
    "sections",
    "sentences",
    "write",
]
