"""Names that become parts of file names."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

__all__ = ["Name"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]
