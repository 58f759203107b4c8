"""The application that verbs are added to, and how it ends."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from ftag_prune import __version__
from ftag_prune.errors import FtagPruneError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Train and prune flavour taggers, and say how small they can be.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
