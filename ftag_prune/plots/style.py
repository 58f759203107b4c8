"""The look of all figures: ATLAS style, for notes, slides or posters, and the colours of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import matplotlib
import matplotlib.style
import mplhep
import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from ftag_prune.errors import FtagPruneError, nearest

__all__ = [
    "COLOURS",
    "MARKERS",
    "MODELS",
    "PRESETS",
    "STYLE",
    "Array",
    "Preset",
    "atlas_style",
    "bold",
    "colours",
    "preset",
]

Array: TypeAlias = NDArray[np.float64]

# Six colours that colour-blind readers tell apart (M. Petroff, arXiv:2107.02270).
COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#7a21dd", "#9c9ca1")
# Two more, from the ten of the same paper, for networks and strategies.
MODELS = (*COLOURS, "#a96b59", "#92dadd")
# One marker less than models: the eighth line has the marker of the first in another colour.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


class Preset(NamedTuple):
    """How large things are, in units of their size in a note.

    Attributes
    ----------
    text : float
        Letters, and all room that is there for letters.
    bold : float
        Lines, markers and ticks.
    gap : float
        Between ticks and their numbers.
    panel : float
        Width and height of the panels.
    dots : int
        Dots per inch of a PNG.
    """

    text: float
    bold: float
    gap: float
    panel: float
    dots: int


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        "notes": Preset(text=1.0, bold=1.0, gap=1.0, panel=1.0, dots=200),
        "slides": Preset(text=1.1, bold=1.25, gap=2.0, panel=0.9, dots=200),
        "posters": Preset(text=1.6, bold=1.8, gap=3.0, panel=1.3, dots=300),
    }
)
_NOTES = PRESETS["notes"]
_IN_FORCE: ContextVar[Preset] = ContextVar("preset", default=_NOTES)

STYLE: list[dict[str, Any]] = [
    mplhep.style.ATLAS,
    {
        "axes.autolimit_mode": "data",  # round numbers waste a decade on log axes
        "legend.borderpad": 0.4,
        "legend.labelspacing": 0.35,
        "xtick.major.size": 8,
        "xtick.minor.size": 4,
        "ytick.major.size": 8,
        "ytick.minor.size": 4,
    },
]
_TICKS = tuple(f"{axis}tick.{kind}" for axis in "xy" for kind in ("major", "minor"))
_TEXT = ("font.size", "axes.labelpad")
_BOLD = (
    "axes.linewidth",
    "lines.linewidth",
    "lines.markersize",
    "lines.markeredgewidth",
    "patch.linewidth",
    *(f"{tick}.{what}" for tick in _TICKS for what in ("size", "width")),
)


@contextmanager
def atlas_style(style: str = "notes") -> Iterator[None]:
    """ATLAS style by mplhep while figures are made and saved; afterwards all is as before.

    Fonts are looked up when a figure is drawn, so `save` belongs inside.

    Parameters
    ----------
    style : str
        "notes", "slides" or "posters".

    Raises
    ------
    FtagPruneError
        If there is no such style.
    """
    if style not in PRESETS:
        raise FtagPruneError(f"no style '{style}' of figures{nearest(style, PRESETS)}")
    chosen = PRESETS[style]
    before = _IN_FORCE.set(chosen)
    try:
        with matplotlib.style.context(STYLE), matplotlib.style.context(_resized(chosen)):
            yield
    finally:
        _IN_FORCE.reset(before)


def colours(number: int) -> list[str]:
    """So many colours of models: the eight as far as they go, else a rainbow."""
    if number <= len(MODELS):
        return list(MODELS[:number])
    shades = matplotlib.colormaps["turbo"](np.linspace(0.02, 0.98, number))
    return [to_hex(shade) for shade in shades]


def preset() -> Preset:
    """What is in force; that of notes outside of any style."""
    return _IN_FORCE.get()


def bold(size: float) -> float:
    """Width of a line or size of a marker in points, given that in a note."""
    return size * preset().bold


def _resized(chosen: Preset) -> dict[str, Any]:
    """Parameters of matplotlib that a preset changes, from those in force."""
    now: dict[str, Any] = {str(name): one for name, one in matplotlib.rcParams.items()}
    return {
        "savefig.dpi": chosen.dots,
        **{name: chosen.text * now[name] for name in _TEXT},
        **{name: chosen.bold * now[name] for name in _BOLD},
        **{f"{tick}.pad": chosen.gap * now[f"{tick}.pad"] for tick in _TICKS},
    }
