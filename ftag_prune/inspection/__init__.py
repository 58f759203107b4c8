"""What is inside a file: its trees, ntuples and datasets, and the columns of one of them."""

from ftag_prune.inspection.column import Column, describe
from ftag_prune.inspection.contents import Contents, Piece
from ftag_prune.inspection.files import inspect
from ftag_prune.inspection.table import plain, tables

__all__ = ["Column", "Contents", "Piece", "describe", "inspect", "plain", "tables"]
