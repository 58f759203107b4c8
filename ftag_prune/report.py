"""One self-contained page of a study: text, figures and tables that open without a network."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from itertools import groupby
from numbers import Integral, Real
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from jinja2 import Environment, StrictUndefined

from ftag_prune.errors import FtagPruneError
from ftag_prune.record import atomic

__all__ = ["Figure", "Section", "Table", "page", "with_error", "write"]

Cell: TypeAlias = str | float | bool | None

_TEMPLATE = "report.html.j2"
_FORMULA = re.compile(r"\$([^$\n]+)\$")
_SIGNS = {"rightarrow": "→", "tau": "τ", "eta": "η", "lambda": "λ", "mu": "μ", "pm": "±"}
_PNG = b"\x89PNG\r\n\x1a\n"
_KINDS = {
    ".csv": "text/csv;charset=utf-8",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".tex": "application/x-tex",
    ".yaml": "application/yaml",
}
_WORD = re.compile(r"[^\W\d_]{3}")
# "9.8 ± 0.1", "-0.3", "≥ 12,800": what a text is sorted by, if it begins with a number.
_LEADING = re.compile(r"[≥≤<>~]?\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?)")
# "Single-b, 32 nodes a layer: ..." says in its first words what it is about.
_SUBJECT = re.compile(r"[^:.]{1,60}:(?= )")


class Figure(NamedTuple):
    """An image on the page, and the numbers behind it for download."""

    png: Path
    caption: str
    csv: Path | None = None


class Table(NamedTuple):
    """Rows under headings; a click on a heading sorts by it.

    Numbers are written with four digits and sorted by their full value; a text that begins with a
    number, such as "9.8 ± 0.1" or "≥ 120", is sorted by that. Other texts come after the numbers,
    and a dash, which stands for None and nan, after all, whatever the direction.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


class Section(NamedTuple):
    """A titled part of the page; the text comes in paragraphs, files are there for download.

    Neighbours of one `group` ("Single-b") stand together below its name in the contents.
    """

    title: str
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    files: Sequence[Path] = ()
    group: str = ""


def page(
    title: str,
    sections: Sequence[Section],
    *,
    summary: Sequence[str],
    provenance: Mapping[str, Any],
    reading: Sequence[str] = (),
) -> str:
    """HTML of the whole report, with images, numbers, style and scripts inside.

    Everything that is given is text, never markup; formulas between dollars, as figures have them
    in their labels, are written in Unicode. The same input gives the same page: there is no
    date but what `provenance` says.

    Parameters
    ----------
    summary : sequence of str
        What a hurried reader must know, in paragraphs. Here and in sections the beginning of a
        paragraph up to a colon, "Single-b, 32 nodes a layer:", is set in bold.
    provenance : mapping
        As `record.provenance` makes it; nested mappings become rows of their own.
    reading : sequence of str
        How to read the page, in paragraphs that are folded below the summary.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_readable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = resources.files("ftag_prune").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    shown = [_section(one, f"section-{number}") for number, one in enumerate(sections, start=1)]
    return environment.from_string(template).render(
        title=title,
        summary=[_paragraph(text) for text in summary],
        reading=reading,
        sections=shown,
        groups=[(name, list(some)) for name, some in groupby(shown, lambda one: one["group"])],
        provenance=_flat(provenance),
    )


def with_error(rejection: float, error: float) -> str:
    """A rejection and its error as a cell or a sentence has them, with as many digits as matter."""
    if not math.isfinite(rejection):
        return "no jet passes"
    digits = 1 if rejection < 100 else 0
    return f"{rejection:.{digits}f} ± {error:.{digits}f}"


def write(path: Path, page: str) -> None:
    """Write the page, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


class _Shown(NamedTuple):
    """A cell as the template writes it: its text, its number to sort by, its side."""

    text: str
    key: str
    numeric: bool


class _Paragraph(NamedTuple):
    """What a paragraph is about, empty if it does not say, and what it says."""

    subject: str
    rest: str


class _File(NamedTuple):
    """A file inside the page: its name, what a short link to it says, its size and content."""

    name: str
    text: str
    size: str
    address: str


def _readable(value: Any) -> Any:
    """The text with simple mathtext in Unicode: labels of figures are read on the page too."""
    return _FORMULA.sub(_unicode, value) if isinstance(value, str) else value


def _unicode(formula: re.Match[str]) -> str:
    text = re.sub(r"\\bar\{(\w)\}", "\\1\N{COMBINING MACRON}", formula[1])
    text = re.sub(r"\^(\{\\prime\}|\\prime)", "\N{PRIME}", text)
    for name, sign in _SIGNS.items():
        text = text.replace(f"\\{name}", sign)
    return re.sub(r"\\mathrm|[{}]", "", text)


def _paragraph(text: str) -> _Paragraph:
    """Split what a paragraph is about from what it says; a value keeps its error on its line."""
    text = text.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
    found = _SUBJECT.match(text)
    return _Paragraph(text[: found.end()], text[found.end() :]) if found else _Paragraph("", text)


def _section(section: Section, name: str) -> dict[str, Any]:
    """What the template needs to know of a section; `name` is its address on the page."""
    return {
        "id": name,
        "title": section.title,
        "group": section.group,
        "text": [_paragraph(text) for text in section.text],
        "figures": [
            {
                "image": _image(one.png),
                "caption": one.caption,
                "files": _files([] if one.csv is None else [one.csv]),
            }
            for one in section.figures
        ],
        "tables": [
            {"caption": t.caption, "columns": t.columns, "rows": _rows(t), "note": t.note}
            for t in section.tables
        ],
        "files": _files(section.files),
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
        found = _LEADING.match(value)
        key = found[1].replace(",", "") if found else ""
        # "64 nodes a layer" is sorted by its number and written as a text; "9.8 ± 0.1 ms" is none.
        return _Shown(value, key, numeric=found is not None and not _WORD.search(value))
    if value is None or math.isnan(value):
        return _Shown("–", "", numeric=True)  # noqa: RUF001
    if isinstance(value, bool):
        return _Shown("yes" if value else "no", str(int(value)), numeric=False)
    return _Shown(_number(value), _key(float(value)), numeric=True)


def _key(value: float) -> str:
    """A number in full, as JavaScript reads it."""
    return repr(value).replace("inf", "Infinity")


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


def _files(paths: Iterable[Path]) -> list[_File]:
    """Files as data addresses under their names."""
    return [_file(path) for path in paths]


def _file(path: Path) -> _File:
    content, suffix = _bytes(path), path.suffix
    kind = _KINDS.get(suffix, "application/octet-stream")
    return _File(
        name=path.name,
        text="numbers (CSV)" if suffix == ".csv" else suffix[1:].upper() or path.name,
        size=f"{max(1, round(len(content) / 1000)):,} kB",
        address=f"data:{kind};base64," + base64.b64encode(content).decode(),
    )


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
