"""What is inside a file: its trees and datasets, the columns of one of them, and a first card."""

from ftag_prune.inspection.column import Column, describe
from ftag_prune.inspection.contents import Contents, Piece
from ftag_prune.inspection.files import inspect
from ftag_prune.inspection.guess import Skeleton, skeleton, write_skeleton
from ftag_prune.inspection.table import plain, tables

__all__ = [
    "Column",
    "Contents",
    "Piece",
    "Skeleton",
    "describe",
    "inspect",
    "plain",
    "skeleton",
    "tables",
    "write_skeleton",
]
