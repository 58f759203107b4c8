"""What constituents of jets a file has, and which of their variables a network may see."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ftag_prune.inspection.column import Column
from ftag_prune.inspection.guess import names
from ftag_prune.inspection.guess.absent import mentions, piled
from ftag_prune.inspection.guess.inputs import Made, converted, seen
from ftag_prune.inspection.guess.jets import Jets
from ftag_prune.inspection.guess.names import branch, column, unusual
from ftag_prune.inspection.guess.page import Line

__all__ = ["Tracks", "grouped", "linked", "tracks_of"]

_MEV = 100.0  # median pt of tracks beyond which it is not GeV
_KEYS = (
    r"IP3D_signed_d0_significance|lifetimeSignedD0Significance",
    r"(btag|.*BTag_)?Sip3dSig",
    r"(btag|.*BTag_)?Sip2dSig",
)
_ERRORS = (
    ("d0_sig", "d0", "d0Err"),
    ("d0_sig", "d0val", "d0err"),
    ("d0_sig", "d0", "d0Uncertainty"),
    ("dz_sig", "dz", "dzErr"),
    ("dz_sig", "dzval", "dzerr"),
    ("z0_sig", "z0SinTheta", "z0SinThetaUncertainty"),
)
_TRACKS = re.compile(r"tr(ac)?k|part|pf_?c|cand|const|flow", re.I)


class Tracks(NamedTuple):
    """Constituents of jets, as a card describes them.

    Attributes
    ----------
    where : lines that say where they are
    variables : their columns
    inputs : those that the network may see
    sort : formula; the largest are kept
    maximum : how many are kept
    most : largest number in an entry of this file
    missing : lines on numbers that stand for a missing value
    """

    where: tuple[Line, ...]
    variables: tuple[Made, ...]
    inputs: tuple[str, ...]
    sort: str
    maximum: int
    most: int
    missing: tuple[Line, ...]


def grouped(columns: Sequence[Column]) -> dict[str, dict[str, Column]]:
    """Columns with several values a jet, by prefix and the name without it."""
    groups: dict[str, dict[str, Column]] = {}
    for one in columns:
        head = re.match(r"[A-Za-z]+[0-9]*[A-Za-z]*[._]", one.name)
        if head and one.most is not None and " deep" not in one.shape:
            groups.setdefault(head[0], {})[one.name.removeprefix(head[0])] = one
    return groups


def main_group(groups: Mapping[str, Mapping[str, Column]]) -> str | None:
    """Prefix of what looks most like the tracks of a jet."""
    several = [name for name in groups if _TRACKS.search(name)]
    first = ("trk_", "track_", "tracks_", "part_")
    known = [name for name in first if name in several]
    return next(iter(known), max(several, key=lambda name: len(groups[name]), default=None))


def linked(jets: Jets, groups: Mapping[str, Mapping[str, Column]]) -> tuple[str, str, str] | None:
    """Prefix of candidates, of the links from jets to them, and the links' index of a candidate."""
    stem = jets.prefix.rstrip("_.")
    for prefix, members in groups.items():
        rest = prefix.removeprefix(stem)
        items = [name for name in members if name.endswith("Idx") and name != "jetIdx"]
        if prefix != rest and rest in groups and "jetIdx" in members and items:
            return rest, prefix, items[0]
    return None


def tracks_of(
    members: Mapping[str, Column],
    jets: Jets,
    *,
    where: tuple[Line, ...],
    links: Mapping[str, Column] | None = None,
    centimetres: bool = False,
) -> Tracks | None:
    """Constituents with these columns; None if none of them is of use.

    Parameters
    ----------
    members : columns by the name that a formula has for them
    links : columns of the links to them, which formulas name ``link.x``
    """
    links = links or {}
    mev = (members["pt"].middle or 0) > _MEV if "pt" in members else jets.mev
    made: dict[str, Made] = {}
    significances, used = _significances(members)
    for first in (*_kinematics(members, jets, mev=mev), *significances):
        made[first.name] = first
    internal = {"pt"} & made.keys()
    texts = {name: branch(name) for name in members} | {name: f"link.{name}" for name in links}
    for name, one in {**members, **links}.items():
        if _useful(name, one):
            # A column would hide the branch that a significance is made of.
            chosen = column(f"{name}_mm" if name in used else name, taken=made)
            formula = converted(one, name, mev=mev, centimetres=centimetres, text=texts[name])
            made[chosen] = Made(chosen, formula, seen(one), one)
    if "leptonID" in members:
        made["lepton"] = Made("lepton", "leptonID != 0", source=members["leptonID"])
    inputs = tuple(name for name in made if name not in internal)
    if not inputs:
        return None
    most = max((one.most or 0 for one in members.values()), default=0)
    kept = max(1, min(most, 100 if jets.large else 40))
    formulas = " ".join(one.formula for one in made.values())
    there = {texts[name]: one for name, one in {**members, **links}.items()}
    piles = piled({name: one for name, one in there.items() if mentions(formulas, name)})
    sort = _sort(members, links, made)
    return Tracks(where, tuple(made.values()), inputs, sort, kept, most, tuple(piles))


def _kinematics(members: Mapping[str, Column], jets: Jets, *, mev: bool) -> list[Made]:
    """What is made of four-vectors: relative to the jet, in logarithms."""
    gev = " / 1000" if mev else ""
    made: list[Made] = []
    if "pt" in members:
        made.append(Made("pt", f"pt{gev}", seen(members["pt"]), members["pt"]))
    elif "px" in members and "py" in members:
        made.append(Made("pt", f"hypot(px, py){gev}", "GeV"))
    if made:
        made.append(Made("log_pt", "log(max(pt, 0.001))"))
        made.append(Made("log_ptfrac", "log(max(pt / jets.pt, 0.0001))"))
    if "energy" in members:
        made.append(Made("log_energy", f"log(max(energy{gev}, 0.001))", seen(members["energy"])))
    if "eta" in members and "deta" not in members:
        made.append(Made("deta", "eta - jets.eta"))
    if "phi" in members and "dphi" not in members and jets.phi:
        made.append(Made("dphi", "delta_phi(phi, jets.phi)"))
    return made


def _significances(members: Mapping[str, Column]) -> tuple[list[Made], set[str]]:
    """Impact parameters over their errors, where the file has none; and the branches for that."""
    if any(re.search("significance|sip", name, re.I) for name in members):
        return [], set()
    found: dict[str, Made] = {}
    used: set[str] = set()
    for name, value, error in _ERRORS:
        if value in members and error in members and name not in found:
            found[name] = Made(name, f"slog(where({error} > 0, {value} / {error}, 0))")
            used |= {value, error}
    return list(found.values()), used


def _useful(name: str, one: Column) -> bool:
    if names.TRUTH_OF_TRACKS.search(name) or names.IDENTIFIERS.search(name):
        return False
    four = r"(pt|eta|phi|px|py|pz|energy|e|mass|etarel|phirel|x|y|z|valid)"
    if re.fullmatch(four, name, re.I) or unusual(one.low, one.high) or one.low == one.high:
        return False
    return bool(re.match(r"float|u?int|bool", one.kind))


def _sort(
    members: Mapping[str, Column], links: Mapping[str, Column], made: Mapping[str, Made]
) -> str:
    for pattern in _KEYS:
        for name in (*members, *(f"link.{one}" for one in links)):
            if re.fullmatch(pattern, name.removeprefix("link.")):
                short = name.removeprefix("link.")
                return f"abs({branch(short if short in made else name)})"
    for name in ("d0_sig", "pt", "energy", "ptfrac"):
        if name in made or name in members:
            return f"abs({name})" if name == "d0_sig" else name
    return next(iter(made))
