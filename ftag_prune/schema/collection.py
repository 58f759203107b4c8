"""Constituents in a card: what they are called, and which of them belong to a jet."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, InstanceOf, PlainSerializer, model_validator

from ftag_prune.errors import ConfigError
from ftag_prune.expression import Expression, parse
from ftag_prune.spec import Spec

__all__ = ["Collection", "ColumnName", "Constituents", "Formula", "Gaps", "Link", "Match"]


def _formula(given: Any) -> Expression:
    if isinstance(given, Expression):
        return given
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(f"wanted an expression, found {given!r}")
    try:
        return parse(str(given))
    except ConfigError as wrong:
        raise ValueError(str(wrong)) from None


Formula = Annotated[
    InstanceOf[Expression],
    BeforeValidator(_formula),
    PlainSerializer(lambda expression: expression.text, return_type=str),
]
ColumnName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$", max_length=80)]


class Link(Spec):
    """A table of pairs (jet, constituent) in the event, as in CMS PFNano.

    Its branches are `prefix` + `jet`, the number of the jet in the event, and `prefix` + `item`,
    the number of the constituent in the event; without `item` each row is a constituent itself.
    Other branches of the table are called ``link.name`` in expressions.
    """

    prefix: str
    jet: str = "jetIdx"
    item: str | None = None


class Match(Spec):
    """Each constituent belongs to the nearest jet in eta and phi, if that is within `dr`."""

    dr: float = Field(0.4, gt=0, description="largest distance")
    eta: str = Field("eta", description="branch of the constituents, without their prefix")
    phi: str = "phi"
    jet_eta: str = Field(description="branch of the jets")
    jet_phi: str


class Gaps(Spec):
    """Values that a file does not have, although something stands in their place."""

    missing: dict[str, Formula] = Field(
        default_factory=dict,
        description="branches (a pattern) that are missing where a condition holds; `value` in it "
        "is the branch itself",
    )
    defaults: dict[str, float] = Field(
        default_factory=dict, description="columns (a pattern): what they are where missing"
    )


class Collection(Gaps):
    """Constituents of one kind, called by the name of the collection: ``svs.mass``.

    Where entries are events, at most one of `link`, `match`, `indices` and `of` says which belong
    to a jet; without any, their branches have a list for each jet.
    """

    prefix: str = Field("", description="what their branches or datasets start with")
    dataset: str = Field("tracks", description="their dataset (HDF5 records)")
    valid: str = Field("valid", description="flag of the slots that hold one (HDF5 records)")
    counter: str | None = Field(
        None, description="branch of the jets with their number, where they are padded or in a row"
    )
    link: Link | None = None
    match: Match | None = None
    indices: tuple[str, ...] = Field(
        (), description="branches of the jets with the numbers of constituents in the event"
    )
    of: Literal["event"] | None = Field(None, description="each jet has all of its event")
    variables: dict[ColumnName, Formula] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_way(self) -> Collection:
        if len(self._ways) > 1:
            raise ValueError(
                f"says {' and '.join(self._ways)}; a jet's constituents are found one way"
            )
        return self

    @property
    def _ways(self) -> list[str]:
        return [name for name in ("link", "match", "indices", "of") if getattr(self, name)]

    @property
    def way(self) -> str | None:
        """Which of link, match, indices and of finds a jet's constituents in its event."""
        return next(iter(self._ways), None)

    def branch(self, name: str) -> str:
        """Branch of a name in expressions."""
        if self.link and name.startswith("link."):
            return self.link.prefix + name.removeprefix("link.")
        return self.prefix + name


class Constituents(Collection):
    """The constituents that are kept with the jets, called tracks in expressions: ``tracks.d0``."""

    variables: dict[ColumnName, Formula] = Field(min_length=1)
    sort: Formula = Field(description="the constituents with the largest values are kept, in order")
    maximum: int = Field(ge=1, le=1000, description="constituents kept of one jet")
    origin: Formula | None = Field(
        None,
        # Files that are made without it stay those of the cards before.
        exclude_if=lambda formula: formula is None,
        description="where a constituent truly comes from, 0 to 7 as ATLAS's ftagTruthOriginLabel, "
        "for networks that learn it too; negative or missing where that is not known",
    )
