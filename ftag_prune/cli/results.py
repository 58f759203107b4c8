"""Verbs about the results of a study: tables, figures, the page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ftag_prune.cli.app import app
from ftag_prune.cli.given import Existing, Task, study_of
from ftag_prune.cli.progress import say

__all__ = ["compare", "figures", "report", "summary"]


@app.command()
def summary(study: Existing, folder: Existing, table: Existing, *, task: Task) -> None:
    """Put the runs of one task of STUDY, found in FOLDER, into TABLE (csv), seeds combined."""
    from ftag_prune.summary import summarise, write_cells

    runs = [run for run in study_of(study).runs() if run.task == task]
    write_cells(table, summarise(runs, folder))


@app.command()
def figures(
    study: Existing, folder: Existing, table: Existing, out: Existing, *, task: Task
) -> None:
    """Draw the figures of one task of STUDY, its runs in FOLDER, its TABLE (csv), into OUT."""
    from ftag_prune.figures import draw

    for saved in draw(study_of(study), task, folder, table, out):
        say(str(saved.pdf))


@app.command()
def report(study: Existing, folder: Existing, page: Existing) -> None:
    """Write the report of STUDY, whose results are in FOLDER, to PAGE (html)."""
    from ftag_prune.report import write
    from ftag_prune.story import tell

    write(page, tell(study_of(study), folder))


@app.command()
def compare(
    old: Existing,
    new: Existing,
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write every number that was compared (.html or .csv).")
    ] = None,
) -> None:
    """Say what moved beyond its error between the results in the folders OLD and NEW.

    Exit code 1 if a rejection got worse.
    """
    from ftag_prune import comparison

    found = comparison.compare(old, new)
    if out is not None:
        comparison.write(out, found)
    for sentence in comparison.sentences(found):
        typer.echo(sentence)
    if found.worse:
        raise typer.Exit(1)
