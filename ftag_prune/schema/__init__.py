"""The card, which describes a sample in the words of its files; and the layout of prepared jets."""

from ftag_prune.schema.card import Card, Constituents, Inputs, load_card
from ftag_prune.schema.layout import LAYOUT, as_numbers, jets_dtype, tracks_dtype
from ftag_prune.schema.plan import Branches, Column, Entry, Plan, branches_of, plan_of

__all__ = [
    "LAYOUT",
    "Branches",
    "Card",
    "Column",
    "Constituents",
    "Entry",
    "Inputs",
    "Plan",
    "as_numbers",
    "branches_of",
    "jets_dtype",
    "load_card",
    "plan_of",
    "tracks_dtype",
]
