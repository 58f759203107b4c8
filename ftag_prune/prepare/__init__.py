"""Select, label, split and weigh the jets of a sample, and write them for training."""

from ftag_prune.prepare.count import Counts
from ftag_prune.prepare.pipeline import Prepared, prepare

__all__ = ["Counts", "Prepared", "prepare"]
