"""The command line: one short verb per step, which is also the rule and the module of that name."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ftag_prune import __version__
from ftag_prune.errors import ConfigError, FtagPruneError

# Heavy imports stand inside the verbs: `ftag-prune --help` answers at once.
if TYPE_CHECKING:
    from ftag_prune.config import Chunk, Study
    from ftag_prune.schema import Place

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
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it tells of each odd glyph
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


class _Pace(NamedTuple):
    """Speed so far, and what is left at that speed."""

    rate: float
    seconds: float

    def __str__(self) -> str:
        left = f"{self.seconds / 60:.0f} min" if self.seconds > 90 else f"{self.seconds:.0f} s"
        return f"{self.rate:,.0f}/s, {left} left"


def _pace(done: int, total: int, seconds: float) -> _Pace:
    rate = done / max(seconds, 1e-9)
    return _Pace(rate, (total - done) / max(rate, 1e-9))


@contextmanager
def _counter(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with speed and time left on a terminal; the same as a line a minute in a log."""
    started = time.monotonic()
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task(what, total=None)

            def show(done: int, total: int) -> None:
                pace = _pace(done, total, time.monotonic() - started)
                progress.update(bar, completed=done, total=total, description=f"{what}, {pace}")

            yield show
        return
    last = started

    def say(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > _QUIET:
            last = now
            _say(f"{done:,} of {total:,} {what}, {_pace(done, total, now - started)}")

    yield say


def _places(files: list[str] | None) -> list[Place]:
    """Files as paths; URLs as they are, because a Path would make one slash of their two."""
    return [one if "://" in one else Path(one) for one in files or ()]


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
        nodes = sum(run.network.nodes.values())
        asked = f"{100 * (1 - run.target):.3g} % of the {run.how.goal.unit}"
        kept = asked if run.keep is None else f"{run.keep:>6} of {nodes}"
        typer.echo(f"{run.name:<{width}}  {f'{nodes:>6}' if run.dense else kept}")


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
    card: Annotated[
        str | None, typer.Option(help="Write a card with guesses filled in; - prints it.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Of that card; by the labels if not given.")
    ] = None,
) -> None:
    """Print what is inside FILE (.root or .h5): names, types, ranges, missing values, labels."""
    from ftag_prune.inspection import inspect as look
    from ftag_prune.inspection import plain, tables

    if card is not None:
        _guess(file, card, tree=tree, jets=jets, task=task)
        return
    found = look(file, tree=tree, jets=jets)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(*tables(found))
    else:
        typer.echo("\n".join(plain(found)))


def _balance(text: str, to: str | None) -> dict[str, Any]:
    """A kind of balance, or all that a study can say of it as JSON."""
    if not text.startswith("{"):
        return {"kind": text} if to is None else {"kind": text, "to": to}
    try:
        content: dict[str, Any] = json.loads(text)
    except ValueError as broken:
        raise ConfigError(f"--balance: not JSON ({broken})") from None
    return content if to is None else {**content, "to": to}


def _guess(file: Path, card: str, *, tree: str | None, jets: int, task: str | None) -> None:
    """Write the skeleton of a card, or print it, and say what a human has to do."""
    from ftag_prune.inspection import skeleton, write_skeleton

    made = skeleton(file, tree=tree, jets=jets, task=task)
    if card == "-":
        typer.echo(made.text, nl=False)
    else:
        write_skeleton(made, Path(card))
    if made.fault:
        _say(f"this is no card yet: {made.fault}")
    if made.unanswered:
        _say(f"for you to fill in: {', '.join(made.unanswered)}")
    if card != "-":
        _say(f"wrote {card}; read it, then: ftag-prune check {card}")


@app.command()
def check(
    card: Existing,
    files: Annotated[list[str] | None, typer.Argument(help="Instead of the card's own.")] = None,
    *,
    jets: Annotated[int, typer.Option(min=1, help="Entries that are read, about.")] = 5000,
) -> None:
    """Look for what is wrong or odd in the sample of CARD (yaml); exit code 1 if it is serious."""
    from ftag_prune.check import check as look
    from ftag_prune.check import plain, tables
    from ftag_prune.schema import load_card

    described = load_card(card)
    report = look(described, _places(files) or described.paths(), jets=jets)
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(*tables(report))
    else:
        typer.echo("\n".join(plain(report)))
    if not report.good:
        raise typer.Exit(1)


@app.command()
def prepare(
    card: Existing,
    out: Existing,
    files: Annotated[list[str] | None, typer.Argument(help="Instead of the card's own.")] = None,
    *,
    split: Annotated[
        tuple[int, int, int], typer.Option(help="Tenths of the events: train, val, test.")
    ] = (6, 1, 3),
    split_by: Annotated[
        str, typer.Option(help="modulo, or hash: of the event's number.")
    ] = "modulo",
    folds: Annotated[
        int | None, typer.Option(help="Equal parts instead of tenths: one test, one val.")
    ] = None,
    fold: Annotated[int, typer.Option(help="The part that is the test, from 0.")] = 0,
    balance: Annotated[
        str, typer.Option(help="none, weights or resample; or as in a study, in JSON.")
    ] = "weights",
    balance_to: Annotated[
        str | None, typer.Option(help="Class that has the spectrum; the mean of all if not given.")
    ] = None,
    constituents: Annotated[bool, typer.Option(help="Keep the tracks.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Select, label, split, weigh and write the jets of CARD (yaml) into the folder OUT."""
    from ftag_prune.config import Sample
    from ftag_prune.prepare import prepare as write
    from ftag_prune.schema import load_card
    from ftag_prune.spec import validated

    described = load_card(card)
    tenths = dict(zip(("train", "val", "test"), split, strict=True))
    options = {
        "card": card,
        "split": {**tenths, "by": split_by, "folds": folds, "fold": fold},
        "balance": _balance(balance, balance_to),
    }
    chosen = validated(Sample, options, where="options of prepare")
    with _counter(f"{described.rows} of {described.name}") as count:
        done = write(
            described,
            _places(files) or described.paths(),
            out,
            split=chosen.split,
            balance=chosen.balance,
            constituents=constituents,
            workers=workers,
            progress=count,
        )
    counts = done.counts
    _say(f"{counts.read} jets read, {counts.unlabelled} of no class")
    for cut, rejected in counts.rejected.items():
        _say(f"{sum(rejected.values())} rejected by '{cut}'")
    for name, kept in counts.kept.items():
        _say(f"{name}: " + ", ".join(f"{number} {flavour}" for flavour, number in kept.items()))


@app.command()
def sample(
    jets: Existing,
    out: Existing,
    *,
    label: Annotated[
        str | None, typer.Option(help="Text at the top left; the card's title if not given.")
    ] = None,
    line: Annotated[list[str] | None, typer.Option(help="Further lines below it.")] = None,
) -> None:
    """Draw the spectra of the prepared jets in the folder JETS into OUT, and tell where jets went.

    OUT gets a figure for each column, cutflow.csv and files.csv.
    """
    from ftag_prune.sample import draw, read_sample

    for path in draw(read_sample(jets / "train.h5"), out, label=label, lines=line or ()):
        _say(str(path))


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
def explain(run: Existing) -> None:
    """Say what happened to the gates of the finished training in the folder RUN, and why."""
    from ftag_prune.diagnose import explain as tell
    from ftag_prune.record import read_csv, read_json

    spec, told = read_json(run / "spec.json"), read_json(run / "run.json")
    for sentence in tell(spec, read_csv(run / "history.csv"), told):
        typer.echo(sentence)


@app.command()
def evaluate(chunk: Existing, test: Existing, out: Existing, manifest: Existing) -> None:
    """Score the jets of TEST (h5) with the runs of CHUNK (json) in the folder OUT."""
    from ftag_prune.evaluate import evaluate_runs
    from ftag_prune.record import write_json

    write_json(manifest, evaluate_runs(_chunk(chunk).runs, test, out))


@app.command()
def export(
    run: Existing,
    out: Existing,
    *,
    jets: Annotated[
        Path | None, typer.Option(help="Prepared file: more to check, and units of the inputs.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the model, in its outputs; the run's if not given.")
    ] = None,
) -> None:
    """Write the model in the folder RUN to OUT (onnx), and what it is beside it (json).

    ONNX Runtime has to agree with torch on random jets, and on those of the option, before.
    """
    from ftag_prune.export import export_run

    done = export_run(run, out, name=name, jets=jets)
    _say(f"{done.onnx}: {done.size / 1000:.0f} kB, described in {done.json}")
    _say(
        f"ONNX Runtime and torch agree to {done.difference:.1e} on {done.random:,} random and "
        f"{done.real:,} real jets ({done.extreme:.1e} on extreme ones)"
    )


@app.command()
def firmware(
    run: Existing,
    out: Existing,
    *,
    jets: Annotated[
        Path | None, typer.Option(help="Prepared file for the comparison; else random jets.")
    ] = None,
    precision: Annotated[str, typer.Option(help="Fixed-point type.")] = "ap_fixed<16,6>",
    reuse: Annotated[int, typer.Option(min=1, help="How often a multiplier is used a jet.")] = 1,
    part: Annotated[str, typer.Option(help="FPGA.")] = "xcvu13p-flga2577-2-e",
) -> None:
    """Convert the model in the folder RUN to an hls4ml project OUT, and emulate it on jets."""
    from ftag_prune.firmware import to_firmware
    from ftag_prune.model import load_model

    model = load_model(run / "model.pt")
    made = to_firmware(model, out, jets=jets, precision=precision, reuse=reuse, part=part)
    kind = "real" if made.real else "random"
    _say(
        f"{made.folder}: on {made.jets:,} {kind} jets, {made.precision} and float32 differ by "
        f"{made.largest:.1e} in a probability ({made.usual:.1e} at 99.9 %); the most probable "
        f"class is the same for {100 * made.agreement:.2f} %; {100 * made.clipped:.2g} % of the "
        "inputs were clipped"
    )


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
