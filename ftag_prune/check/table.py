"""The report as tables for a terminal, or as plain lines for a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ftag_prune.check.finding import Finding, Severity
from ftag_prune.check.report import Report
from ftag_prune.check.values import Summary

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

__all__ = ["plain", "tables"]

_COLUMNS = ("column", "input", "min", "median", "max", "NaN", "inf")
_COLOURS = {Severity.SERIOUS: "red", Severity.DOUBTFUL: "yellow", Severity.NOTE: "cyan"}


def plain(report: Report) -> Iterator[str]:
    """Lines without colour or frame."""
    yield report.title
    if report.flow:
        yield ""
        yield from _lines(report.head, report.flow, left=1)
        yield ""
        yield from _lines(_COLUMNS, [_row(one) for one in report.summaries], left=2)
    yield ""
    for finding in report.findings:
        yield f"{finding.severity}: {_shown(_sentence(finding))}"
    yield verdict(report)


def tables(report: Report) -> Iterator[Table | Text]:
    """The same for a terminal."""
    from rich.text import Text

    yield Text(report.title, style="bold")
    if report.flow:
        yield _table(report.head, report.flow, left=1)
        yield _table(_COLUMNS, [_row(one) for one in report.summaries], left=2)
    for finding in report.findings:
        colour = _COLOURS[finding.severity]
        yield Text.assemble((f"{finding.severity}: ", colour), _shown(_sentence(finding)))
    yield Text(verdict(report), style="green" if report.good else "red")


def verdict(report: Report) -> str:
    """The last line: how many findings of each severity."""
    if not report.findings:
        return "Nothing odd was found."
    numbers = [
        f"{sum(one.severity is severity for one in report.findings)} {severity}"
        for severity in Severity
    ]
    return ("Nothing serious: " if report.good else "Serious: ") + ", ".join(numbers) + "."


def _sentence(finding: Finding) -> str:
    return f"{finding.key}: {finding.text}"


def _row(one: Summary) -> tuple[str, ...]:
    numbers = (one.low, one.middle, one.high)
    shares = [f"{100 * share:.3g} %" if share else "" for share in (one.nan, one.inf)]
    return (one.name, "yes" if one.chosen else "", *(f"{value:.4g}" for value in numbers), *shares)


def _shown(text: str) -> str:
    """Names from a file may hold anything, also what a terminal takes for an order."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> Iterator[str]:
    everything = [head, *rows]
    widths = [max(len(row[at]) for row in everything) for at in range(len(head))]
    for row in everything:
        cells = [
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for at, name in enumerate(head):
        table.add_column(name, justify="left" if at < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
