"""Verbs about the results of a study: tables, figures, the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftag_prune.cli.app import app
from ftag_prune.cli.given import Existing, Task, study_of
from ftag_prune.cli.progress import say
from ftag_prune.errors import ConfigError, FtagPruneError

if TYPE_CHECKING:
    from ftag_prune.config import Run

__all__ = ["compare", "figures", "report", "status", "summary", "validate"]


Partial = Annotated[
    bool, typer.Option("--partial", help="Of the runs that are there; say what is missing.")
]


@app.command()
def status(
    study: Existing,
    *,
    folder: Annotated[Path | None, typer.Option(help="Where the results of the study are.")] = None,
) -> None:
    """Say which runs of STUDY (yaml, json) are done, running, failed or missing, and why.

    Exit code 0 if all are done, 1 if not.
    """
    from ftag_prune.status import complete, lines
    from ftag_prune.status import status as look

    chosen = study_of(study)
    found = look(chosen, chosen.folder if folder is None else folder)
    for line in lines(found):
        typer.echo(line)
    if not complete(found):
        raise typer.Exit(1)


@app.command()
def summary(
    study: Existing,
    folder: Existing,
    table: Existing,
    *,
    task: Task,
    partial: Partial = False,
) -> None:
    """Put the runs of one task of STUDY, found in FOLDER, into TABLE (csv), seeds combined."""
    from ftag_prune.summary import summarise, write_cells

    runs = [run for run in study_of(study).runs() if run.task == task]
    write_cells(table, summarise(_there(runs, folder) if partial else runs, folder))


def _there(runs: list[Run], folder: Path) -> list[Run]:
    """The runs that are done; says which are not."""
    from ftag_prune.status import missing

    absent = {run.name for run in missing(runs, folder)}
    if absent:
        say(f"{len(absent)} of {len(runs)} runs are missing: {', '.join(sorted(absent))}")
    if len(absent) == len(runs):
        raise FtagPruneError(f"{folder}: none of the {len(runs)} runs is there yet")
    return [run for run in runs if run.name not in absent]


@app.command()
def figures(
    study: Existing,
    folder: Existing,
    table: Existing,
    out: Existing,
    *,
    task: Task,
    partial: Partial = False,
) -> None:
    """Draw the figures of one task of STUDY, its runs in FOLDER, its TABLE (csv), into OUT."""
    from ftag_prune.figures import draw

    chosen, some = study_of(study), None
    if partial:
        runs = [run for run in chosen.runs() if run.task == task]
        some = _there(runs, folder)
        lines = (*chosen.figures.lines, f"{len(some)} of {len(runs)} runs")
        told = chosen.figures.model_copy(update={"lines": lines})
        chosen = chosen.model_copy(update={"figures": told})
    for saved in draw(chosen, task, folder, table, out, some=some):
        say(str(saved.pdf))


@app.command()
def report(study: Existing, folder: Existing, page: Existing) -> None:
    """Write the report of STUDY, whose results are in FOLDER, to PAGE (html)."""
    from ftag_prune.report import write
    from ftag_prune.story import tell

    write(page, tell(study_of(study), folder))


@app.command()
def validate(
    out: Existing,
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Folders of finished runs of one task.")
    ] = None,
    *,
    jets: Annotated[
        Path | None, typer.Option(help="Folder of the prepared jets that they were trained on.")
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="Or a study (yaml, json): all of its runs, and its options.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the results of the study are.")] = None,
    task: Annotated[str | None, typer.Option(help="Of the study; the first if not given.")] = None,
    tolerance: Annotated[float, typer.Option(help="Loss of rejection that is allowed.")] = 0.10,
) -> None:
    """Compare RUNS with each other and with other taggers, and say how small they can be.

    OUT gets figures, tables of working points, and page.html.
    """
    from ftag_prune.config import Validation
    from ftag_prune.report import write
    from ftag_prune.spec import validated
    from ftag_prune.validation import page, read_validation, validate_runs, validate_study

    if study is not None:
        chosen = study_of(study)
        place = chosen.folder if folder is None else folder
        validate_study(chosen, task or chosen.tasks[0], place, out, progress=say)
    elif jets is not None and runs:
        options = validated(Validation, {"tolerance": tolerance}, where="options of validate")
        validate_runs(jets, runs, out, options=options, progress=say)
    else:
        raise ConfigError("validate: wanted --jets JETS and RUNS, or --study STUDY")
    write(out / "page.html", page(out))
    for sentence in read_validation(out)["answers"]:
        typer.echo(sentence)


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
