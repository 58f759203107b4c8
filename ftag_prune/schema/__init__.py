"""The card, which describes a sample in the words of its files; and the layout of prepared jets."""

from ftag_prune.schema.card import Card, Inputs, Place, load_card
from ftag_prune.schema.collection import Collection, Constituents, Link, Match
from ftag_prune.schema.layout import LAYOUT, ORIGINS, as_numbers, jets_dtype, tracks_dtype
from ftag_prune.schema.plan import (
    JETS,
    SAMPLE,
    TRACKS,
    Branches,
    Column,
    Entry,
    Plan,
    branches_of,
    plan_of,
)

__all__ = [
    "JETS",
    "LAYOUT",
    "ORIGINS",
    "SAMPLE",
    "TRACKS",
    "Branches",
    "Card",
    "Collection",
    "Column",
    "Constituents",
    "Entry",
    "Inputs",
    "Link",
    "Match",
    "Place",
    "Plan",
    "as_numbers",
    "branches_of",
    "jets_dtype",
    "load_card",
    "plan_of",
    "tracks_dtype",
]
