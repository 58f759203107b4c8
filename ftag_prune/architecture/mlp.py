"""Fully connected layers on jet features, before they are built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ftag_prune.architecture.layered import Layered, Width

__all__ = ["Mlp"]

_DEEPEST = 1000
# Not "250" or 250.0: the numbers of neurons are made of them before they are checked.
_Neurons = Annotated[int, Field(strict=True, ge=1)]
_Depth = Annotated[int, Field(strict=True, ge=1, le=_DEEPEST)]


class Mlp(Layered):
    """Fully connected layers on jet features; the nodes are the hidden neurons.

    The widths are given as ``hidden``, as a published ``shape``, or as ``width`` and ``depth``; in
    the checked object they are in ``hidden``, and the others are None.

    With ``residual`` the input of a hidden layer is added to its output. What is added stays in its
    place, so neurons that stand at the same place of layers linked like this are one node: closing
    it takes the place out of all of these layers, which then are one layer of nodes.
    """

    shapes: ClassVar[Mapping[str, tuple[int, ...]]] = {
        "dl1": (256, 128, 60, 48, 36, 24, 12, 6),
        "xbb": (250,) * 6,
        "hls4ml": (64, 32, 32),
    }

    needs_tracks: ClassVar[bool] = False
    selects_inputs: ClassVar[bool] = True
    tracks: ClassVar[tuple[str, ...]] = ()

    kind: Literal["mlp"] = "mlp"
    shape: Literal["dl1", "xbb", "hls4ml"] | None = Field(
        None, description="published widths, instead of hidden: ATLAS DL1r, ATLAS Xbb, hls4ml"
    )
    width: _Neurons | None = Field(None, description="neurons of each layer, instead of hidden")
    depth: _Depth | None = Field(None, description="hidden layers of that width")
    hidden: tuple[Width, ...] = Field(
        min_length=1, description="neurons of each hidden layer, from input to output"
    )
    residual: bool | tuple[int, ...] = Field(
        default=False,
        description="add the input of a hidden layer to its output: true, where both have the same "
        "number of neurons, or the numbers of such layers (2 is the second)",
    )

    @model_validator(mode="before")
    @classmethod
    def _widths(cls, given: Any) -> Any:
        """One way of giving the widths becomes the widths."""
        if not isinstance(given, Mapping):
            return given
        told = {key for key in ("shape", "width", "depth", "hidden") if given.get(key) is not None}
        if told not in ({"hidden"}, {"shape"}, {"width", "depth"}):
            found = " and ".join(sorted(told)) or "none"
            raise ValueError(f"wanted one of hidden, shape, or width with depth; found {found}")
        if told == {"hidden"}:
            return given
        rest = {key: value for key, value in given.items() if key not in told}
        hidden = _hidden(cls.shapes, given)
        # What cannot be widths is left to the checks of its own keys.
        return {**given, "hidden": (1,)} if hidden is None else {**rest, "hidden": hidden}

    @model_validator(mode="after")
    def _linked(self) -> Mlp:
        if self.residual is True and not self.skips:
            raise ValueError(
                "residual: no two neighbouring hidden layers have the same number of neurons"
            )
        for place in self.residual if isinstance(self.residual, tuple) else ():
            if not 2 <= place <= len(self.hidden):
                raise ValueError(
                    f"residual: no hidden layer {place} with one before it; there is 2 to "
                    f"{len(self.hidden)}"
                )
            before, now = self.hidden[place - 2 : place]
            if before != now:
                raise ValueError(
                    f"residual: hidden layer {place} has {now} neurons, the one before {before}"
                )
        return self

    @property
    def skips(self) -> tuple[int, ...]:
        """Hidden layers, counted from 0, whose input is added to their output."""
        if isinstance(self.residual, tuple):
            return tuple(sorted({place - 1 for place in self.residual}))
        pairs = range(1, len(self.hidden)) if self.residual else ()
        return tuple(place for place in pairs if self.hidden[place - 1] == self.hidden[place])

    @property
    def nodes(self) -> dict[str, int]:
        """Number of nodes of each layer by its name, from input to output.

        Hidden layers that are linked have one name: ``hidden1-3`` are the first three.
        """
        return {_name(group): self.hidden[group[0]] for group in self._groups}

    def resized(self, nodes: Mapping[str, int]) -> Mlp:
        """Build the same architecture with other numbers of nodes in some layers."""
        hidden = tuple(
            nodes.get(_name(group), self.hidden[place]) for group in self._groups for place in group
        )
        # By their numbers: pruned layers may have as many neurons as their neighbours by chance.
        links = tuple(place + 1 for place in self.skips) if self.residual else False
        return self.model_copy(update={"hidden": hidden, "residual": links})

    @property
    def _groups(self) -> list[list[int]]:
        """Hidden layers, counted from 0, each with those that are linked to it."""
        groups: list[list[int]] = []
        for place in range(len(self.hidden)):
            if place in self.skips:
                groups[-1].append(place)
            else:
                groups.append([place])
        return groups


def _hidden(shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, Any]) -> Any:
    """Widths of a named shape, or of a width and a depth; None if there are no such."""
    if given.get("shape") is not None:
        return shapes.get(str(given["shape"]))
    width, depth = given["width"], given["depth"]
    if type(width) is type(depth) is int and width >= 1 and 1 <= depth <= _DEEPEST:
        return (width,) * depth
    return None


def _name(group: list[int]) -> str:
    first, last = group[0] + 1, group[-1] + 1
    return f"hidden{first}" if first == last else f"hidden{first}-{last}"
