"""A card with guesses filled in and comments on what was seen, for a human to go through."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ftag_prune.errors import ConfigError
from ftag_prune.flavours import task_of
from ftag_prune.inspection.contents import Contents
from ftag_prune.inspection.files import JETS, inspect
from ftag_prune.inspection.guess import blocks
from ftag_prune.inspection.guess.jets import Jets, collections
from ftag_prune.inspection.guess.labels import Labels, labels_of
from ftag_prune.inspection.guess.names import LARGE
from ftag_prune.inspection.guess.page import page, unanswered
from ftag_prune.inspection.guess.sample import Sample
from ftag_prune.record import atomic
from ftag_prune.schema import Card
from ftag_prune.spec import validated

__all__ = ["Skeleton", "skeleton", "write_skeleton"]


class Skeleton(NamedTuple):
    """The text of a card, the keys that a human has to write, and why it is no card yet.

    Attributes
    ----------
    text : YAML with comments
    unanswered : keys that could not be guessed, with those above them
    fault : one sentence if the text is no card as it stands; empty if it is
    """

    text: str
    unanswered: tuple[str, ...]
    fault: str


def skeleton(
    path: Path, *, tree: str | None = None, task: str | None = None, jets: int = JETS
) -> Skeleton:
    """Skeleton of a card for a ROOT or HDF5 file.

    Parameters
    ----------
    tree : name of the tree, ntuple or dataset of jets; the largest if not given
    task : ``single_b`` or ``hbb_cc``; that of the clearest labels if not given
    jets : entries that are read at most

    Raises
    ------
    SampleError
        If the file cannot be read.
    ConfigError
        If there is no such task.
    """
    if task is not None:
        task_of(task)
    found = inspect(path, tree=tree, jets=jets)
    others = [
        inspect(path, tree=piece.name, jets=jets)
        for piece in found.pieces
        if piece.slots and piece.entries == found.chosen.entries and piece.columns > 1
    ]
    chosen, labels = _jets(found, task)
    seen = Sample(path, found, tuple(others), chosen, labels, _task(labels, chosen, task))
    lines = blocks.card(seen)
    text = page(lines, head=blocks.head(seen))
    return Skeleton(text, tuple(unanswered(lines)), _fault(text, path))


def write_skeleton(made: Skeleton, path: Path) -> None:
    """Write the text to a file that is not there yet; ConfigError if it is: it may be edited."""
    if path.exists():
        raise ConfigError(f"{path}: is there already; remove it, or give the card another name")
    with atomic(path) as draft:
        draft.write_text(made.text)


def _fault(text: str, path: Path) -> str:
    import yaml

    try:
        validated(Card, yaml.safe_load(text), where=str(path))
    except ConfigError as wrong:
        return str(wrong).removeprefix(f"{path}: ")
    return ""


def _task(labels: Labels | None, jets: Jets | None, task: str | None) -> str:
    if labels:
        return labels.task
    return task or ("hbb_cc" if jets and jets.large else "single_b")


def _jets(found: Contents, task: str | None) -> tuple[Jets | None, Labels | None]:
    """Collection of jets and their labels: the clearest labels, then the most jets."""
    several = collections(found.columns)
    pairs = [
        (labels.trust, jets.pt.most or 1, jets, labels)
        for jets in several
        for labels in labels_of(jets)
        if task in (None, labels.task)
    ]
    if pairs:
        _, _, jets, labels = max(pairs, key=lambda pair: pair[:2])
        return jets, labels
    large = task == "hbb_cc"
    ordered = sorted(several, key=lambda one: bool(LARGE.search(one.prefix)) != large)
    return (ordered[0] if ordered else None), None
