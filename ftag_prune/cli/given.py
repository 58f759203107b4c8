"""Arguments that several verbs take, and the objects that files stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ftag_prune.config import Chunk, Study
    from ftag_prune.schema import Place

__all__ = ["Existing", "Task", "chunk_of", "places_of", "study_of"]

Existing = Annotated[Path, typer.Argument(show_default=False)]
Task = Annotated[str, typer.Option(help="single_b or hbb_cc.")]


def places_of(files: list[str] | None) -> list[Place]:
    """Files as paths; URLs as they are, because a Path would make one slash of their two."""
    return [one if "://" in one else Path(one) for one in files or ()]


def chunk_of(path: Path) -> Chunk:
    """Runs of one job (json)."""
    from ftag_prune.config import Chunk
    from ftag_prune.record import read_json
    from ftag_prune.spec import validated

    return validated(Chunk, read_json(path), where=str(path))


def study_of(path: Path) -> Study:
    """Study of a file, as a user writes it (yaml) or as the workflow passes it on (json)."""
    from ftag_prune.config import Study, load_study
    from ftag_prune.record import read_json
    from ftag_prune.spec import validated

    if path.suffix == ".json":
        return validated(Study, read_json(path), where=str(path))
    return load_study(path)
