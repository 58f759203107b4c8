"""Which collections of jets a file has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ftag_prune.inspection.column import Column
from ftag_prune.inspection.guess import names

__all__ = ["Jets", "collections"]

_MEV = 5000.0  # median pt beyond which it is not GeV


class Jets(NamedTuple):
    """Jets of a file, and the columns that have one value for each.

    Attributes
    ----------
    prefix : what their columns start with; may be empty
    events : whether an entry holds several of them
    pt, eta, phi, mass : their columns, None where there is none
    own : by the name without the prefix
    aligned : all columns with a value per jet, by their whole name
    known : all columns of the file, by their whole name
    """

    prefix: str
    events: bool
    pt: Column
    eta: Column
    phi: Column | None
    mass: Column | None
    own: Mapping[str, Column]
    aligned: Mapping[str, Column]
    known: Mapping[str, Column]

    @property
    def mev(self) -> bool:
        """Whether energies are in MeV, judged by the median pt."""
        return (self.pt.middle or 0) > _MEV

    @property
    def large(self) -> bool:
        """Whether they look like large-R jets."""
        middle = (self.pt.middle or 0) / (1000 if self.mev else 1)
        return bool(names.LARGE.search(self.prefix)) or (not self.events and middle > 200)


def collections(columns: Sequence[Column]) -> list[Jets]:
    """Collections of jets, in the order of the file."""
    known = {one.name: one for one in columns}
    prefixes = dict.fromkeys(
        name.removesuffix(end) for name in known for end in names.PT if name.endswith(end)
    )
    found = (_collection(prefix, columns) for prefix in prefixes if _of_jets(prefix))
    return [one for one in found if one]


def _of_jets(prefix: str) -> bool:
    if not prefix:
        return True
    ends = prefix.endswith(("_", "."))
    return ends and bool(names.JETS.search(prefix)) and not names.NO_JETS.search(prefix)


def _collection(prefix: str, columns: Sequence[Column]) -> Jets | None:
    known = {one.name.removeprefix(prefix): one for one in columns if one.name.startswith(prefix)}
    pt = _kinematic(known, names.PT, least=5)
    if pt is None:
        return None
    aligned = {one.name: one for one in columns if _alike(one, pt)}
    own = {name: one for name, one in known.items() if one.name in aligned}
    eta = _kinematic(own, _suitable(names.ETA, pt), least=None)
    if eta is None:
        return None
    phi, mass = (_kinematic(own, several, least=None) for several in (names.PHI, names.MASS))
    every = {one.name: one for one in columns}
    return Jets(prefix, pt.shape != "scalar", pt, eta, phi, mass, own, aligned, every)


def _suitable(several: tuple[str, ...], pt: Column) -> tuple[str, ...]:
    """Those of the same calibration as pt."""
    return several if pt.name.endswith("_btagJes") else several[1:]


def _alike(one: Column, other: Column) -> bool:
    """Whether both have a value for the same objects."""
    if one.shape == "scalar" or other.shape == "scalar":
        return one.shape == other.shape
    return one.rows == other.rows and one.shape.count(",") == other.shape.count(",") == 1


def _kinematic(
    own: Mapping[str, Column], several: tuple[str, ...], *, least: float | None
) -> Column | None:
    """First column of floats among these names, with a median of `least` or more."""
    for name in several:
        one = own.get(name)
        if one is None or not one.kind.startswith("float") or " deep" in one.shape:
            continue
        if least is None or (one.middle or 0) >= least:
            return one
    return None
