"""The card, which describes a sample in the words of its files; and the layout of prepared jets."""

from ftag_prune.schema.card import WHERE, Card, Inputs, load_card
from ftag_prune.schema.collection import Collection, Constituents, Link, Match
from ftag_prune.schema.layout import LAYOUT, ORIGINS, as_numbers, jets_dtype, tracks_dtype
from ftag_prune.schema.place import Fetched, Place, copied, copy_name
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
    "WHERE",
    "Branches",
    "Card",
    "Collection",
    "Column",
    "Constituents",
    "Entry",
    "Fetched",
    "Inputs",
    "Link",
    "Match",
    "Place",
    "Plan",
    "as_numbers",
    "branches_of",
    "copied",
    "copy_name",
    "jets_dtype",
    "load_card",
    "plan_of",
    "tracks_dtype",
]
