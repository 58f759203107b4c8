"""Units: pt, mass, angles and lengths that cannot be GeV, radians and mm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from ftag_prune.check.finding import Finding, doubtful, percent, serious
from ftag_prune.expression import Array

__all__ = ["angles", "lengths", "momenta"]

_HIGH_PT = 5_000.0  # GeV, median
_LOW_PT = 1.0
_HEAVY = 2.0  # mass over pt, median
_LIGHT = 1e-3
_FORWARD = 10.0  # pseudorapidity; particles beyond stay in the beam pipe
_SHORT, _LONG = 0.005, 50.0  # mm, median of impact parameters


def momenta(pt: Array, mass: Array | None) -> Iterator[Finding]:
    """What is odd with pt, and with mass beside it; arrays (jets,)."""
    good = pt[np.isfinite(pt)]
    if not len(good):
        return
    middle = float(np.median(good))
    if middle > _HIGH_PT:
        yield serious("jets.pt", f"has a median of {middle:.5g} GeV; are those MeV? pt / 1000")
    elif middle < _LOW_PT:
        yield serious(
            "jets.pt", f"has a median of {middle:.3g} GeV; was it GeV in the file already?"
        )
    if (share := float((good <= 0).mean())) > 0:
        yield doubtful("jets.pt", f"is zero or negative in {percent(share)} of the jets")
    if mass is not None:
        yield from _mass(pt, mass)


def _mass(pt: Array, mass: Array) -> Iterator[Finding]:
    both = np.isfinite(pt) & np.isfinite(mass) & (pt > 0)
    if not both.any():
        return
    ratio = float(np.median(mass[both] / pt[both]))
    if ratio > _HEAVY:
        yield serious("jets.mass", f"is {ratio:.3g} times pt (median); is one of them MeV?")
    elif 0 <= ratio < _LIGHT:
        yield doubtful("jets.mass", f"is {ratio:.2g} times pt (median); is one of them MeV?")


def angles(columns: Mapping[str, Array], *, within: str) -> Iterator[Finding]:
    """Columns called eta or phi (also deta, dphi, abs_eta) that leave their range."""
    for name, values in columns.items():
        good = np.abs(values[np.isfinite(values)])
        if not len(good):
            continue
        if re.fullmatch(r"(abs_?)?eta", name, re.I) and (far := float((good > _FORWARD).mean())):
            yield serious(
                f"{within}.{name}",
                f"is beyond {_FORWARD:g} in {percent(far)} of the values; that is no direction in "
                f"a detector",
            )
        # A little more than pi: half precision rounds up.
        if re.fullmatch(r"d?_?phi", name, re.I) and (far := float((good > np.pi + 2e-3).mean())):
            advice = "; delta_phi() brings differences back" if name[:1] in "dD" else ""
            yield doubtful(
                f"{within}.{name}", f"is beyond pi in {percent(far)} of the values{advice}"
            )


def lengths(columns: Mapping[str, Array]) -> Iterator[Finding]:
    """Impact parameters whose median does not look like mm."""
    for name, values in columns.items():
        if not re.fullmatch(r"(d0|dxy|d0val)(_mm)?", name):
            continue
        good = np.abs(values[np.isfinite(values) & (values != 0)])
        if not len(good):
            continue
        middle = float(np.median(good))
        if not _SHORT < middle < _LONG:
            unit = "cm or m" if middle < _SHORT else "micrometres"
            yield doubtful(
                f"constituents.variables.{name}",
                f"has a median size of {middle:.2g} mm; are those {unit}?",
            )
