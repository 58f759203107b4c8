"""What a prepared file says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ftag_prune import __version__
from ftag_prune.config import Balance, Split
from ftag_prune.prepare.count import Counts
from ftag_prune.prepare.moments import jet_rows, moments, track_rows
from ftag_prune.prepare.spectra import edges_of, limits, spectra
from ftag_prune.prepare.spool import Training
from ftag_prune.prepare.weigh import Balanced
from ftag_prune.prepare.write import Target
from ftag_prune.record import provenance
from ftag_prune.schema import LAYOUT, WHERE, Card

__all__ = ["Choice", "figures", "inputs", "origin"]

_NO_NUMBER = "the jet itself, by its values in {}: jets of one event may be in different files"


class Choice(NamedTuple):
    """What was asked for beside the card."""

    split: Split
    balance: Balance
    constituents: bool


def origin(
    card: Card,
    choice: Choice,
    sources: Sequence[Mapping[str, Any]],
    *,
    skipped: Mapping[str, str],
    counts: Counts,
) -> dict[str, Any]:
    """Attributes that say where the jets come from: card, sources, choices, counts and versions.

    Parameters
    ----------
    skipped : files that could not be read, and why
    """
    task = card.about
    return {
        "layout": LAYOUT,
        "card": card.model_dump(mode="json", exclude=set(WHERE)),
        "sources": list(sources),
        "skipped": dict(skipped),
        "split": {**choice.split.told(), "number": _number(card)},
        "balance": choice.balance.model_dump(mode="json"),
        "constituents": choice.constituents,
        "task": card.task,
        "classes": list(task.classes),
        "inputs": list(card.inputs.jets),
        "references": {name: list(scores) for name, scores in card.references.items()},
        "units": card.units,
        "counts": counts._asdict(),
        "version": __version__,
        "provenance": provenance(),
    }


def _number(card: Card) -> str:
    return "of the event" if card.event else _NO_NUMBER.format(" and ".join(card.about.balance))


def figures(
    card: Card,
    balance: Balance,
    training: Training,
    balanced: Balanced,
    *,
    counts: Counts,
) -> dict[str, Any]:
    """Attributes with the training jets and their spectra before and after the balance."""
    classes, columns = card.about.classes, training.columns
    edges = {name: edges_of(name, *span) for name, span in limits(training, columns).items()}
    plain = spectra(((block, block["mc_weight"]) for block in training), edges, classes)
    final = spectra(balanced.after(training), edges, classes)
    shown = {
        name: {"edges": at.tolist(), "before": plain[name], "after": final[name]}
        for name, at in edges.items()
    }
    jets = {
        "before": counts.kept["train"],
        "after": dict(zip(classes, balanced.jets.tolist(), strict=True)),
    }
    said = {**balance.model_dump(mode="json"), "columns": list(balanced.weighing.columns)}
    return {
        "balance": {**said, "training_jets": jets},
        "spectra": {"how": balance.kind, "columns": shown},
    }


def inputs(
    card: Card, train: Target, kinds: Mapping[str, np.dtype[Any]], *, where: str
) -> dict[str, Any]:
    """Attributes with the moments of the inputs over the jets in the training file."""
    names = card.inputs.jets
    found = moments(jet_rows(train, kinds["jets"], len(names)), names, where=where)
    attributes: dict[str, Any] = found._asdict()
    if "tracks" in kinds and card.constituents:
        names = card.inputs.tracks
        rows = track_rows(train, kinds["tracks"], card.constituents.maximum)
        found = moments(rows, names, where=where)
        attributes |= {"track_inputs": list(names)}
        attributes |= {"track_mean": found.mean, "track_std": found.std}
    return attributes
