"""Formulas that users write as text (columns, cuts, labels): parsed, checked, never executed."""

from ftag_prune.expression.functions import condition
from ftag_prune.expression.parse import parse
from ftag_prune.expression.ragged import Array, Ragged, Rows
from ftag_prune.expression.tree import Expression, Value, filled, without

__all__ = [
    "Array",
    "Expression",
    "Ragged",
    "Rows",
    "Value",
    "condition",
    "filled",
    "parse",
    "without",
]
