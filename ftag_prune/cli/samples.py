"""Verbs about samples: make, look at, check, prepare and draw them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ftag_prune.cli.app import app
from ftag_prune.cli.given import Existing, Task, places_of
from ftag_prune.cli.progress import counter, say
from ftag_prune.errors import ConfigError

__all__ = ["check", "generate", "inspect", "prepare", "sample"]


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
    from ftag_prune.provenance import recorded

    with recorded(out, seeds=[seed]):
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
    say(f"{out}: {made.jets} jets of {made.events} events; dropped: {reasons or 'none'}")


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


def _guess(file: Path, card: str, *, tree: str | None, jets: int, task: str | None) -> None:
    """Write the skeleton of a card, or print it, and say what a human has to do."""
    from ftag_prune.inspection import skeleton, write_skeleton

    made = skeleton(file, tree=tree, jets=jets, task=task)
    if card == "-":
        typer.echo(made.text, nl=False)
    else:
        write_skeleton(made, Path(card))
    if made.fault:
        say(f"this is no card yet: {made.fault}")
    if made.unanswered:
        say(f"for you to fill in: {', '.join(made.unanswered)}")
    if card != "-":
        say(f"wrote {card}; read it, then: ftag-prune check {card}")


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
    report = look(described, places_of(files) or described.paths(), jets=jets)
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
    fetched: Annotated[
        Path | None, typer.Option(help="Folder with the workflow's copies of files on servers.")
    ] = None,
) -> None:
    """Select, label, split, weigh and write the jets of CARD (yaml) into the folder OUT."""
    from ftag_prune.config import Sample
    from ftag_prune.prepare import prepare as write
    from ftag_prune.provenance import recorded
    from ftag_prune.schema import copied, load_card
    from ftag_prune.spec import validated

    described = load_card(card)
    places = places_of(files) or described.paths()
    if fetched is not None:
        places = copied(places, fetched, endpoint=described.endpoint)
    tenths = dict(zip(("train", "val", "test"), split, strict=True))
    options = {
        "card": card,
        "split": {**tenths, "by": split_by, "folds": folds, "fold": fold},
        "balance": _balance(balance, balance_to),
    }
    chosen = validated(Sample, options, where="options of prepare")
    counted = counter(f"{described.rows} of {described.name}")
    # The files with their checksums, the card and the options stand in each prepared file.
    with recorded(out, [card], spec=chosen.model_dump(mode="json")), counted as count:
        done = write(
            described,
            places,
            out,
            split=chosen.split,
            balance=chosen.balance,
            constituents=constituents,
            workers=workers,
            progress=count,
        )
    counts = done.counts
    say(f"{counts.read} jets read, {counts.unlabelled} of no class")
    for cut, rejected in counts.rejected.items():
        say(f"{sum(rejected.values())} rejected by '{cut}'")
    for name, kept in counts.kept.items():
        say(f"{name}: " + ", ".join(f"{number} {flavour}" for flavour, number in kept.items()))


def _balance(text: str, to: str | None) -> dict[str, Any]:
    """A kind of balance, or all that a study can say of it as JSON."""
    if not text.startswith("{"):
        return {"kind": text} if to is None else {"kind": text, "to": to}
    from ftag_prune.record import parse_json

    try:
        content: dict[str, Any] = parse_json(text)
    except ValueError as broken:
        raise ConfigError(f"--balance: not JSON ({broken})") from None
    return content if to is None else {**content, "to": to}


@app.command()
def sample(
    jets: Existing,
    out: Existing,
    *,
    label: Annotated[
        str | None, typer.Option(help="Text at the top left; the card's title if not given.")
    ] = None,
    line: Annotated[list[str] | None, typer.Option(help="Further lines below it.")] = None,
    style: Annotated[str, typer.Option(help="notes, slides or posters.")] = "notes",
) -> None:
    """Draw the spectra of the prepared jets in the folder JETS into OUT, and tell where jets went.

    OUT gets a figure for each column, cutflow.csv and files.csv.
    """
    from ftag_prune.provenance import recorded
    from ftag_prune.sample import draw, read_sample

    train = jets / "train.h5"
    with recorded(out, [train]):
        for path in draw(read_sample(train), out, label=label, lines=line or (), style=style):
            say(str(path))
