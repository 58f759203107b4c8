"""One self-contained page of a study: text, figures and tables that open without a network."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from jinja2 import Environment, StrictUndefined

from ftag_prune.errors import FtagPruneError
from ftag_prune.record import atomic

__all__ = ["Figure", "Section", "Table", "page", "write"]

Cell: TypeAlias = str | float | bool | None

_TEMPLATE = "report.html.j2"
_FORMULA = re.compile(r"\$([^$\n]+)\$")
_SIGNS = {"rightarrow": "→", "tau": "τ", "eta": "η", "lambda": "λ", "mu": "μ", "pm": "±"}
_PNG = b"\x89PNG\r\n\x1a\n"


class Figure(NamedTuple):
    """An image on the page, and the numbers behind it for download."""

    png: Path
    caption: str
    csv: Path | None = None


class Table(NamedTuple):
    """Rows under headings; a click on a heading sorts by it.

    Numbers are written with four digits and sorted by their full value; a text that begins with a
    number, such as "9.8 ± 0.1", is sorted by that. None and nan are a dash.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


class Section(NamedTuple):
    """A titled part of the page; the text comes in paragraphs."""

    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()


def page(
    title: str,
    sections: Sequence[Section],
    *,
    summary: Sequence[str],
    provenance: Mapping[str, Any],
) -> str:
    """HTML of the whole report, with images, numbers, style and scripts inside.

    Everything that is given is text, never markup; formulas between dollars, as figures have them
    in their labels, are written in Unicode. The same input gives the same page: there is no
    date but what `provenance` says.

    Parameters
    ----------
    summary : sequence of str
        What a hurried reader must know, in paragraphs.
    provenance : mapping
        As `record.provenance` makes it; nested mappings become rows of their own.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = resources.files("ftag_prune").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(template).render(
        title=title,
        summary=summary,
        sections=[_section(one) for one in sections],
        provenance=_flat(provenance),
    )


def write(path: Path, page: str) -> None:
    """Write the page, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


class _Shown(NamedTuple):
    """A cell as the template writes it: its text, its number to sort by, its side."""

    text: str
    key: str
    numeric: bool


def _readable(value: Any) -> Any:
    """The text with simple mathtext in Unicode: labels of figures are read on the page too."""
    return _FORMULA.sub(_unicode, value) if isinstance(value, str) else value


def _unicode(formula: re.Match[str]) -> str:
    text = re.sub(r"\\bar\{(\w)\}", "\\1\N{COMBINING MACRON}", formula[1])
    text = re.sub(r"\^(\{\\prime\}|\\prime)", "\N{PRIME}", text)
    for name, sign in _SIGNS.items():
        text = text.replace(f"\\{name}", sign)
    return re.sub(r"\\mathrm|[{}]", "", text)


def _section(section: Section) -> dict[str, Any]:
    """What the template needs to know of a section."""
    return {
        "title": section.title,
        "text": section.text,
        "figures": [
            {"image": _image(one.png), "caption": one.caption, "csv": _download(one.csv)}
            for one in section.figures
        ],
        "tables": [
            {"caption": t.caption, "columns": t.columns, "rows": _rows(t), "note": t.note}
            for t in section.tables
        ],
    }


def _rows(table: Table) -> list[list[_Shown]]:
    """Cells of a table, as many in each row as there are columns."""
    for number, row in enumerate(table.rows, start=1):
        if len(row) != len(table.columns):
            raise FtagPruneError(
                f"table '{table.caption}' has {len(table.columns)} columns, "
                f"but row {number} has {len(row)} cells"
            )
    return [[_cell(value) for value in row] for row in table.rows]


def _cell(value: Cell) -> _Shown:
    """Text of a value, and what it is sorted by."""
    if isinstance(value, str):
        return _Shown(value, "", numeric=value[:1].isdigit())
    if value is None or math.isnan(value):
        return _Shown("–", "", numeric=True)  # noqa: RUF001
    if isinstance(value, bool):
        return _Shown("yes" if value else "no", str(int(value)), numeric=False)
    return _Shown(_number(value), repr(float(value)), numeric=True)


def _number(value: float) -> str:
    """Integers in full, other numbers with four digits."""
    if isinstance(value, Integral):
        return str(int(value))
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if 1e4 <= abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:.4g}"


def _image(path: Path) -> str:
    """A PNG as a data address."""
    content = _bytes(path)
    if not content.startswith(_PNG):
        raise FtagPruneError(f"{path}: a figure of the report has to be a PNG image")
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _download(path: Path | None) -> dict[str, str] | None:
    """A CSV as a data address under its file name."""
    if path is None:
        return None
    address = "data:text/csv;charset=utf-8;base64," + base64.b64encode(_bytes(path)).decode()
    return {"name": path.name, "address": address}


def _bytes(path: Path) -> bytes:
    """Content of a file that the report embeds."""
    try:
        return path.read_bytes()
    except OSError as missing:
        raise FtagPruneError(
            f"{path}: cannot be read for the report ({missing.strerror})"
        ) from None


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Names and values, those of nested mappings behind the name of their parent."""
    rows: list[tuple[str, str]] = []
    for name, value in content.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name} · ")
        else:
            rows.append((f"{prefix}{name}", _number(value) if _is_number(value) else str(value)))
    return rows


def _is_number(value: object) -> bool:
    """Whether a value is a number, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)
