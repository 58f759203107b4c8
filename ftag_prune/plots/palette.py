"""A picture with few colours that looks like the one with all: a third of the bytes or less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["with_palette"]

_COLOURS = 256
_COMMON = 128  # of them are the most frequent of the picture, exactly
_ALL = 1 << 24  # that three bytes can say


def with_palette(image: Image.Image) -> Image.Image:
    """The picture with a palette, a byte a pixel; alpha is dropped.

    Half of the palette are the most frequent colours (paper, lines, bands), as they are; the other
    half covers the range of all that is left (the edges of letters). Each pixel takes the nearest.
    """
    image = image.convert("RGB")
    found = sorted(image.getcolors(_ALL) or [], reverse=True)
    colours = np.array([colour for _, colour in found], np.uint8)  # (colours, 3)
    palette = colours[:_COMMON]
    if len(colours) > _COMMON:
        palette = np.concatenate([palette, _covering(colours[_COMMON:], _COLOURS - _COMMON)])
    lookup = np.zeros(_ALL, np.uint8)
    lookup[_code(colours)] = _nearest(colours, palette)
    few = Image.fromarray(lookup[_code(np.asarray(image))])
    few.putpalette(palette.tobytes())
    return few


def _covering(colours: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """At most so many colours, none of which is far from any of the given."""
    row = Image.fromarray(colours[None])
    few = row.quantize(number, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    return np.array(few.getpalette(), np.uint8).reshape(-1, 3)[:number]


def _code(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Red, green and blue in one number."""
    return np.asarray(colours.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32))


def _nearest(colours: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.intp]:
    """(colours,): place in the palette."""
    one, other = colours.astype(np.int32), palette.astype(np.int32)
    # (colours, palette), without the square of the colour, which does not depend on the place.
    far = (other**2).sum(axis=1) - 2 * one @ other.T
    return np.asarray(far.argmin(axis=1))
