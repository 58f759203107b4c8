"""What is fuzzed: each target takes bytes of anybody, and may raise nothing but our own errors."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ftag_prune.archive import unpack
from ftag_prune.errors import FtagPruneError
from ftag_prune.expression import parse
from ftag_prune.schema import load_card

__all__ = ["CORPUS", "TARGETS", "seeds"]

CORPUS = Path(__file__).parent / "corpus"
_CARDS = Path(__file__).parents[2] / "data/cards"
_LARGEST = 1_000_000


def expression(data: bytes) -> None:
    """Parse, and compute with one number for each name."""
    try:
        made = parse(data.decode("utf-8", "replace"))
    except FtagPruneError as refused:
        _sentence(refused)
        return
    with np.errstate(all="ignore"):
        try:
            made.evaluate({name: np.array([0.0, 1.5, np.nan]) for name in made.names})
        except FtagPruneError as refused:
            _sentence(refused)


def card(data: bytes) -> None:
    """Read a card, and find its files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "card.yaml"
        path.write_bytes(data)
        try:
            load_card(path)
        except FtagPruneError as refused:
            _sentence(refused)


def archive(data: bytes) -> None:
    """Unpack, into a folder with nothing but the archive beside it."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "a.zip").write_bytes(data)
        try:
            unpack(folder / "a.zip", folder / "in" / "out", largest=_LARGEST)
        except FtagPruneError as refused:
            _sentence(refused)
            wrote = [one for one in (folder / "in").rglob("*") if not one.is_dir()]
        else:
            wrote = [one for one in folder.rglob("*") if folder / "in/out" not in one.parents]
            wrote = [one for one in wrote if not one.is_dir() and one.name != "a.zip"]
        if wrote or {one.name for one in folder.iterdir()} - {"a.zip", "in"}:
            raise AssertionError(f"left {wrote}")
        if any(one.is_symlink() for one in folder.rglob("*")):
            raise AssertionError("made a link")
        size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
        if size > _LARGEST + len(data):
            raise AssertionError(f"wrote {size} bytes")
    finally:
        shutil.rmtree(folder)


def _sentence(refused: FtagPruneError) -> None:
    said = str(refused)
    if "\n" in said or len(said) > 2000:
        raise AssertionError(f"not one sentence: {said[:200]!r}")


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "expression": expression,
    "card": card,
    "archive": archive,
}


def seeds(target: str) -> list[bytes]:
    """Where the search starts: the corpus, and what is good."""
    found = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    if target == "card":
        found += [path.read_bytes() for path in sorted(_CARDS.glob("*.yaml"))]
    if target == "archive":
        found.append(_good_archive())
    return found


def _good_archive() -> bytes:
    from ftag_prune.archive import archive as pack

    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "r"
        (results / "runs/a").mkdir(parents=True)
        (results / "runs/a/run.json").write_text("{}")
        (results / "study.json").write_text("{}")
        pack(results, Path(folder) / "r.zip")
        whole = (Path(folder) / "r.zip").read_bytes()
        with zipfile.ZipFile(Path(folder) / "r.zip") as file:
            if file.testzip() is not None:
                raise AssertionError("not whole")
        return whole
