"""Names that become parts of file names, and paths that become parts of commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

__all__ = ["Name", "PlainPath"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]


def _plain(path: Path) -> Path:
    """Quotes make all else safe: spaces, quotes, dollars, semicolons."""
    text = str(path)
    if text.startswith("-"):
        raise ValueError(f"'{text}' would be taken for an option; start it with another letter")
    for sign in "{}":
        if sign in text:
            raise ValueError(f"'{text}' holds '{sign}', which names a wildcard in Snakemake")
    if not text.isprintable():
        raise ValueError(f"{text!r} holds a line break or another sign that cannot be printed")
    return path


PlainPath = Annotated[Path, AfterValidator(_plain)]
