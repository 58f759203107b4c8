"""Verbs about the results of a study: tables, figures, the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftag_prune.cli.app import app
from ftag_prune.cli.given import Existing, Task, study_of
from ftag_prune.cli.progress import say
from ftag_prune.errors import ConfigError, FtagPruneError

if TYPE_CHECKING:
    from ftag_prune.config import Run, Study

__all__ = [
    "archive",
    "compare",
    "figures",
    "provenance",
    "report",
    "status",
    "summary",
    "unpack",
    "validate",
    "verify",
]


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
    from ftag_prune.provenance import recorded
    from ftag_prune.summary import summarise, write_cells

    chosen = study_of(study)
    runs = chosen.runs_of(task)
    runs = _there(runs, folder) if partial else runs
    files = [folder / run.name / name for run in runs for name in ("metrics.json", "scores.h5")]
    with recorded(table, [study, *files], seeds=_seeds(chosen)):
        write_cells(table, summarise(runs, folder))


def _there(runs: Sequence[Run], folder: Path) -> tuple[Run, ...]:
    """The runs that are done; says which are not."""
    from ftag_prune.status import missing

    absent = {run.name for run in missing(runs, folder)}
    if absent:
        say(f"{len(absent)} of {len(runs)} runs are missing: {', '.join(sorted(absent))}")
    if len(absent) == len(runs):
        raise FtagPruneError(f"{folder}: none of the {len(runs)} runs is there yet")
    return tuple(run for run in runs if run.name not in absent)


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
    from ftag_prune.provenance import recorded

    chosen = study_of(study)
    runs = chosen.runs_of(task)
    some = _there(runs, folder) if partial else None
    if some is not None:
        lines = (*chosen.figures.lines, f"{len(some)} of {len(runs)} runs")
        told = chosen.figures.model_copy(update={"lines": lines})
        chosen = chosen.model_copy(update={"figures": told})
    drawn = runs if some is None else some
    files = [folder / run.name / name for run in drawn for name in ("metrics.json", "history.csv")]
    with recorded(out, [study, table, *files], seeds=_seeds(chosen)):
        for saved in draw(chosen, task, folder, table, out, some=some):
            say(str(saved.pdf))


@app.command()
def report(study: Existing, folder: Existing, page: Existing) -> None:
    """Write the report of STUDY, whose results are in FOLDER, to PAGE (html)."""
    from ftag_prune.provenance import recorded
    from ftag_prune.report import write
    from ftag_prune.story import tell

    chosen = study_of(study)
    files = [folder / "tables" / f"{task}.csv" for task in chosen.tasks]
    files += [folder / "validation" / task / "validation.json" for task in chosen.tasks]
    with recorded(page, [study, *files], seeds=_seeds(chosen)):
        write(page, tell(chosen, folder))


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
    from ftag_prune.provenance import recorded
    from ftag_prune.report import write
    from ftag_prune.spec import validated
    from ftag_prune.validation import page, read_validation, validate_runs, validate_study

    if study is not None:
        chosen = study_of(study)
        place, mine = chosen.folder if folder is None else folder, task or chosen.tasks[0]
        judged = [place / "runs" / run.name for run in chosen.runs_of(mine)]
        with recorded(out, _judged(judged, place / "jets" / mine), seeds=_seeds(chosen)):
            validate_study(chosen, mine, place, out, progress=say)
            write(out / "page.html", page(out))
    elif jets is not None and runs:
        options = validated(Validation, {"tolerance": tolerance}, where="options of validate")
        with recorded(out, _judged(runs, jets), spec=options.model_dump(mode="json")):
            validate_runs(jets, runs, out, options=options, progress=say)
            write(out / "page.html", page(out))
    else:
        raise ConfigError("validate: wanted --jets JETS and RUNS, or --study STUDY")
    for sentence in read_validation(out)["answers"]:
        typer.echo(sentence)


def _judged(runs: list[Path], jets: Path) -> list[Path]:
    """Files that a validation is made from."""
    names = ("model.pt", "scores.h5", "metrics.json")
    return [jets / "train.h5", jets / "test.h5", *(run / name for run in runs for name in names)]


def _seeds(study: Study) -> list[int]:
    """Of all trainings."""
    return sorted({seed for grid in study.grids for seed in grid.seeds})


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


@app.command()
def provenance(file: Existing) -> None:
    """Print where FILE, any result or folder of results, comes from (json)."""
    import json

    from ftag_prune.provenance import origin_of

    typer.echo(json.dumps(origin_of(file), indent=2))


@app.command()
def verify(results: Existing) -> None:
    """Read all files in the folder RESULTS again, and say what no longer belongs to what.

    Exit code 1 if something does not.
    """
    from ftag_prune.provenance import verify as look

    found = look(results)
    for sentence in (*found.wrong, *found.absent):
        typer.echo(sentence)
    typer.echo(
        f"{found.checked:,} files read again, {len(found.wrong)} faults, "
        f"{len(found.absent)} notes about what is not there"
    )
    if found.wrong:
        raise typer.Exit(1)


@app.command()
def archive(results: Existing, out: Existing) -> None:
    """Pack the folder RESULTS of a study, without data and checkpoints, into OUT (zip)."""
    from ftag_prune.archive import archive as pack

    made = pack(results, out)
    say(f"{out}: {made.files:,} files, {made.size / 1e6:.3g} MB before they were compressed")


@app.command()
def unpack(
    file: Existing,
    out: Existing,
    *,
    largest: Annotated[float, typer.Option(help="Size that its files may have, in GB.")] = 4.0,
) -> None:
    """Open the archive FILE (zip) in the new folder OUT, every file checked."""
    from ftag_prune.archive import unpack as open_

    made = open_(file, out, largest=int(largest * 1e9))
    say(f"{out}: {made.files:,} files, each as its manifest says")
