"""Verbs about the results of a study: tables, figures, the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftag_prune.cli.app import app
from ftag_prune.cli.given import Existing, Task, study_of
from ftag_prune.cli.progress import say
from ftag_prune.errors import ConfigError, FtagPruneError

if TYPE_CHECKING:
    from ftag_prune.config import Run, Study
    from ftag_prune.status import Present

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
    some = _shown(chosen.runs_of(task), folder, partial=partial)
    files = _files(some.done, folder, "metrics.json", "scores.h5")
    with recorded(table, [study, *files], seeds=_seeds(chosen)):
        write_cells(table, summarise(some.done, folder))


def _shown(runs: Sequence[Run], folder: Path, *, partial: bool) -> Present:
    """All runs; or, if asked for, those that are there, after saying which are not."""
    from ftag_prune.status import Present, present

    if not partial:
        return Present(tuple(runs))
    found = present(runs, folder)
    if not found.done:
        raise FtagPruneError(f"{folder}: none of the {len(runs)} runs is there yet")
    if found.missing:
        say(found.sentence)
    return found


def _files(runs: Iterable[Run], folder: Path, *names: str) -> list[Path]:
    """Some files of each run."""
    return [folder / run.name / name for run in runs for name in names]


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
    some = _shown(chosen.runs_of(task), folder, partial=partial)
    files = _files(some.done, folder, "metrics.json", "history.csv")
    with recorded(out, [study, table, *files], seeds=_seeds(chosen)):
        for saved in draw(chosen, task, folder, table, out, some=some):
            say(str(saved.pdf))


@app.command()
def report(study: Existing, folder: Existing, page: Existing, *, partial: Partial = False) -> None:
    """Write the report of STUDY, whose results are in FOLDER, to PAGE (html).

    With --partial all that it shows is made anew of the runs that are there, in FOLDER/partial.
    """
    from ftag_prune.provenance import recorded
    from ftag_prune.report import write
    from ftag_prune.story import tell

    chosen = study_of(study)
    if partial:
        _partial_report(chosen, folder, page)
        return
    with recorded(page, [study, *_told(chosen, folder)], seeds=_seeds(chosen)):
        write(page, tell(chosen, folder))


def _partial_report(study: Study, folder: Path, page: Path) -> None:
    """Make and write all of it. The study may change before it is finished: it is kept whole."""
    from ftag_prune.provenance import recorded
    from ftag_prune.report import write
    from ftag_prune.story import tell
    from ftag_prune.unfinished import make, there

    if page.resolve() == (folder / "report.html").resolve():
        raise ConfigError(f"{page}: is for the finished study; name another page for a partial one")
    runs, made = there(study, folder), folder / "partial"
    done = [run for some in runs.values() for run in some.done]
    spec, seeds = study.model_dump(mode="json"), _seeds(study)
    files = _files(done, folder / "runs", "metrics.json", "scores.h5")
    with recorded(made, files, spec=spec, seeds=seeds):
        make(study, folder, runs, made, progress=say)
        with recorded(page, _told(study, made), spec=spec, seeds=seeds):
            write(page, tell(study, folder, made=made, runs=runs))


def _told(study: Study, made: Path) -> list[Path]:
    """Files that the numbers of a report come from, as far as there are such."""
    tables = [made / "tables" / f"{task}.csv" for task in study.tasks]
    return [*tables, *(made / "validation" / task / "validation.json" for task in study.tasks)]


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
    partial: Partial = False,
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
        some = _shown(chosen.runs_of(mine), place / "runs", partial=partial)
        judged = [place / "runs" / run.name for run in some.done]
        with recorded(out, _judged(judged, place / "jets" / mine), seeds=_seeds(chosen)):
            validate_study(chosen, mine, place, out, some=some, progress=say)
            write(out / "page.html", page(out))
    elif partial:
        raise ConfigError("validate: --partial says what of a study is missing; wanted --study")
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
