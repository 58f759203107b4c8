"""The application that verbs are added to, and how it ends."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from ftag_prune import __version__
from ftag_prune.errors import FtagPruneError, StoppedError

__all__ = ["AGAIN", "app", "main"]

# Exit code of what was stopped and wants to be called again: EX_TEMPFAIL of sysexits.h.
AGAIN = 75

app = typer.Typer(
    help="Train and prune flavour taggers, and say how small they can be.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line; what a user can cause is one sentence and exit code 1.

    What was stopped from outside, and goes on when it is called again, has exit code 75.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s", stream=sys.stderr)
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # it tells of each odd glyph
    try:
        app()
    except StoppedError as stopped:
        typer.echo(f"ftag-prune: {stopped}", err=True)
        sys.exit(AGAIN)
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
