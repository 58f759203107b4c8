"""From the files of a sample to batches of jets in the card's names and units."""

from ftag_prune.read.batches import STEP, batches, columns, entries, identity
from ftag_prune.read.columns import Columns

__all__ = ["STEP", "Columns", "batches", "columns", "entries", "identity"]
