"""The command line: one short verb per step, which is also the rule and the module of that name."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ftag_prune import __version__
from ftag_prune.errors import FtagPruneError

# Heavy imports stand inside the verbs: `ftag-prune --help` answers at once.
if TYPE_CHECKING:
    from ftag_prune.config import Chunk, Study

__all__ = ["app", "main"]

app = typer.Typer(
    help="Train and prune flavour taggers, and say how small they can be.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_QUIET = 60.0  # seconds between two lines of progress in a log

Existing = Annotated[Path, typer.Argument(show_default=False)]
Task = Annotated[str, typer.Option(help="single_b or hbb_cc.")]


def main() -> None:
    """Run the command line; what a user can cause is one sentence and exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stderr)
    try:
        app()
    except FtagPruneError as wrong:
        sys.exit(f"ftag-prune: {wrong}")
    except OSError as wrong:
        sys.exit(f"ftag-prune: {wrong.filename or 'file'}: {wrong.strerror or wrong}")


@app.callback(invoke_without_command=True)
def _root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _say(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _counter(what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar that counts on a terminal; a line a minute in a log."""
    if sys.stderr.isatty():
        from rich.progress import Progress

        with Progress(transient=True) as progress:
            bar = progress.add_task(what, total=None)
            yield lambda number: progress.update(
                bar, completed=number, description=f"{number} {what}"
            )
        return
    last = time.monotonic()

    def say(number: int) -> None:
        nonlocal last
        if time.monotonic() - last > _QUIET:
            last = time.monotonic()
            _say(f"{number} {what}")

    yield say


def _chunk(path: Path) -> Chunk:
    from ftag_prune.config import Chunk
    from ftag_prune.record import read_json
    from ftag_prune.spec import validated

    return validated(Chunk, read_json(path), where=str(path))


def _study(path: Path) -> Study:
    from ftag_prune.config import Study, load_study
    from ftag_prune.record import read_json
    from ftag_prune.spec import validated

    if path.suffix == ".json":
        return validated(Study, read_json(path), where=str(path))
    return load_study(path)


@app.command()
def runs(study: Existing) -> None:
    """List the runs of STUDY (yaml): name, nodes, nodes to keep."""
    found = _study(study).runs()
    width = max(len(run.name) for run in found)
    for run in found:
        nodes = sum(run.network.nodes)
        kept = nodes if run.keep is None else run.keep
        typer.echo(f"{run.name:<{width}}  {kept:>6} of {nodes}")


@app.command()
def generate(
    out: Existing,
    *,
    task: Task,
    process: Annotated[str, typer.Option(help="ttbar, zprime; hbb, hcc, qcd, top.")],
    jets: Annotated[int, typer.Option(help="Accepted jets in the file.")],
    seed: Annotated[int, typer.Option(help="Same seed, same jets.")] = 1,
    first_event: Annotated[int, typer.Option(help="Event numbers start here.")] = 0,
    multiple_interactions: Annotated[
        bool, typer.Option(help="Simulate the underlying event: four times slower.")
    ] = False,
) -> None:
    """Generate jets with Pythia 8 and write them to OUT (.root or .h5)."""
    from ftag_prune.generate import generate as make

    made = make(
        out,
        task=task,
        process=process,
        jets=jets,
        seed=seed,
        first_event=first_event,
        multiple_interactions=multiple_interactions,
    )
    reasons = ", ".join(f"{number} {reason}" for reason, number in made.dropped.items())
    _say(f"{out}: {made.jets} jets of {made.events} events; dropped: {reasons or 'none'}")


@app.command()
def inspect(
    file: Existing,
    *,
    tree: Annotated[
        str | None, typer.Option(help="Tree, ntuple or dataset; the largest if not given.")
    ] = None,
    jets: Annotated[int, typer.Option(min=1, help="Entries that are read at most.")] = 5000,
) -> None:
    """Print what is inside FILE (.root or .h5): names, types, ranges, missing values, labels."""
    from ftag_prune.inspection import inspect as look
    from ftag_prune.inspection import plain, tables

    found = look(file, tree=tree, jets=jets)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(*tables(found))
    else:
        typer.echo("\n".join(plain(found)))


@app.command()
def prepare(
    card: Existing,
    out: Existing,
    files: Annotated[list[Path] | None, typer.Argument(help="Instead of the card's own.")] = None,
    *,
    split: Annotated[
        tuple[int, int, int], typer.Option(help="Tenths of the events: train, val, test.")
    ] = (6, 1, 3),
    constituents: Annotated[bool, typer.Option(help="Keep the tracks.")] = False,
) -> None:
    """Select, label, split, weigh and write the jets of CARD (yaml) into the folder OUT."""
    from ftag_prune.config import Split
    from ftag_prune.prepare import prepare as write
    from ftag_prune.schema import load_card
    from ftag_prune.spec import validated

    described = load_card(card)
    tenths = validated(
        Split, dict(zip(("train", "val", "test"), split, strict=True)), where="--split"
    )
    with _counter(f"jets of {described.name}") as count:
        done = write(
            described,
            files or described.paths(),
            out,
            split=tenths,
            constituents=constituents,
            progress=count,
        )
    counts = done.counts
    _say(f"{counts.read} jets read, {counts.unlabelled} of no class")
    for cut, rejected in counts.rejected.items():
        _say(f"{sum(rejected.values())} rejected by '{cut}'")
    for name, kept in counts.kept.items():
        _say(f"{name}: " + ", ".join(f"{number} {flavour}" for flavour, number in kept.items()))


@app.command()
def train(
    chunk: Existing,
    jets: Existing,
    out: Existing,
    manifest: Existing,
    *,
    checkpoint: Annotated[float, typer.Option(help="Seconds between two checkpoints.")] = 60.0,
) -> None:
    """Train and prune the runs of CHUNK (json) on the folder JETS, each into OUT/run.

    Runs whose verified results are there are skipped, an interrupted one goes on at its last
    checkpoint; MANIFEST (json) is written when all are done.
    """
    from ftag_prune.record import write_json
    from ftag_prune.train import train_runs

    done = train_runs(_chunk(chunk).runs, jets, out, checkpoint_seconds=checkpoint, progress=_say)
    write_json(manifest, {one.run: one.model_checksum for one in done})


@app.command()
def evaluate(chunk: Existing, test: Existing, out: Existing, manifest: Existing) -> None:
    """Score the jets of TEST (h5) with the runs of CHUNK (json) in the folder OUT."""
    from ftag_prune.evaluate import evaluate_runs
    from ftag_prune.record import write_json

    write_json(manifest, evaluate_runs(_chunk(chunk).runs, test, out))


@app.command()
def summary(study: Existing, folder: Existing, table: Existing, *, task: Task) -> None:
    """Put the runs of one task of STUDY, found in FOLDER, into TABLE (csv), seeds combined."""
    from ftag_prune.summary import summarise, write_cells

    runs = [run for run in _study(study).runs() if run.task == task]
    write_cells(table, summarise(runs, folder))


@app.command()
def figures(
    study: Existing, folder: Existing, table: Existing, out: Existing, *, task: Task
) -> None:
    """Draw the figures of one task of STUDY, its runs in FOLDER, its TABLE (csv), into OUT."""
    from ftag_prune.figures import draw

    for saved in draw(_study(study), task, folder, table, out):
        _say(str(saved.pdf))


@app.command()
def report(study: Existing, folder: Existing, page: Existing) -> None:
    """Write the report of STUDY, whose results are in FOLDER, to PAGE (html)."""
    from ftag_prune.report import write
    from ftag_prune.story import tell

    write(page, tell(_study(study), folder))


if __name__ == "__main__":
    main()
