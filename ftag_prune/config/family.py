"""Networks of one kind that differ in a few numbers: a grid of widths, embeddings, heads."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from ftag_prune.architecture import Architecture
from ftag_prune.spec import Spec

__all__ = ["Family"]

_ARCHITECTURE: TypeAdapter[Architecture] = TypeAdapter(Architecture)


class Family(Spec):
    """Every combination of the values in `over`, all else as in `network`."""

    network: dict[str, Any] = Field(description="keys of a network, as under networks")
    over: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(
        min_length=1, description="keys of the network, and the values that each takes"
    )

    @model_validator(mode="after")
    def _possible(self) -> Family:
        self.members("")
        return self

    def members(self, name: str) -> dict[str, Architecture]:
        """Networks by their label, the name of the family and what sets them apart.

        Raises
        ------
        ValueError
            If a combination is no network.
        """
        return {
            "-".join([name, *(f"{key}{_text(value)}" for key, value in point.items())]): _network(
                {**self.network, **point}
            )
            for point in self._points()
        }

    def _points(self) -> list[dict[str, Any]]:
        combinations = product(*self.over.values())
        return [dict(zip(self.over, values, strict=True)) for values in combinations]


def _text(value: Any) -> str:
    """A value as part of a label; numbers of a list are joined by x."""
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _network(content: dict[str, Any]) -> Architecture:
    try:
        return _ARCHITECTURE.validate_python(content)
    except ValidationError as broken:
        fault = broken.errors(include_url=False, include_context=False)[0]
        key = ".".join(map(str, fault["loc"][1:])) or "kind"
        raise ValueError(f"{key}: {fault['msg'][:1].lower()}{fault['msg'][1:]}") from None
