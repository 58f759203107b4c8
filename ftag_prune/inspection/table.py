"""What was found in a file, as tables for a terminal or as plain lines for a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ftag_prune.inspection.column import Column
from ftag_prune.inspection.contents import Contents, Piece

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["plain", "tables"]

_PIECES = ("name", "kind", "entries", "columns")
_COLUMNS = ("name", "type", "shape", "min", "max", "not finite", "values: counts")
_NUMBERS = {"entries", "columns", "min", "max", "not finite"}  # stand to the right
_WIDEST = 40  # signs of a type; C++ has types of hundreds


def plain(contents: Contents) -> Iterator[str]:
    """Lines without colour or frame, as wide as they need to be."""
    yield from _lines(_PIECES, [_piece(one) for one in contents.pieces])
    yield ""
    yield _title(contents)
    yield from _lines(_COLUMNS, [_column(one) for one in contents.columns])


def tables(contents: Contents) -> tuple[Table, Table]:
    """The same for a terminal: the pieces, and the columns of the chosen one."""
    pieces = _table(_PIECES, [_piece(one) for one in contents.pieces])
    columns = _table(_COLUMNS, [_column(one) for one in contents.columns], title=_title(contents))
    return pieces, columns


def _title(contents: Contents) -> str:
    chosen = contents.chosen
    return f"{_shown(chosen.name)}: first {contents.read} of {chosen.entries} entries"


def _piece(piece: Piece) -> tuple[str, ...]:
    sizes = ", ".join(str(size) for size in (piece.entries, *piece.slots))
    entries = f"({sizes})" if piece.slots else sizes
    return _shown(piece.name), piece.kind, entries, str(piece.columns)


def _column(column: Column) -> tuple[str, ...]:
    bad = "" if column.bad is None else f"{100 * column.bad:.3g} %"
    values = ", ".join(f"{value}: {count}" for value, count in column.values)
    kind = column.kind if len(column.kind) <= _WIDEST else column.kind[: _WIDEST - 3] + "..."
    low, high = _number(column.low), _number(column.high)
    return _shown(column.name), _shown(kind), column.shape, low, high, bad, values


def _number(value: int | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _shown(name: str) -> str:
    """A name from a file may hold anything, also what a terminal takes for an order."""
    return "".join(sign if sign.isprintable() else "?" for sign in name)


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    everything = [head, *rows]
    widths = [max(len(row[at]) for row in everything) for at in range(len(head))]
    for row in everything:
        cells = zip(head, row, widths, strict=True)
        texts = [
            cell.rjust(width) if name in _NUMBERS else cell.ljust(width)
            for name, cell, width in cells
        ]
        yield "  ".join(texts).rstrip()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left")
    for name in head:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a bracket in a name is no markup
    return table
