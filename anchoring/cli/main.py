"""The command line `credanchor noun verb`. A command parses, calls one function, prints.

Exit codes: 0 done, 1 failed, 2 usage, 3 a proof does not verify, 4 try again later. Results go to stdout, talk to stderr.
"""

import sys
from importlib.metadata import version
from typing import Annotated, Final

import typer

from anchoring.cli import anchor, credential, entry, issuer, ledger, proof, service, store
from anchoring.errors import (
    AnchoringError,
    Busy,
    InvalidInput,
    LedgerUnavailable,
    ServiceUnavailable,
    StoreUnavailable,
    VerificationError,
)

EXIT_CODES: Final[dict[type[AnchoringError], int]] = {
    InvalidInput: 2,
    VerificationError: 3,
    Busy: 4,
    LedgerUnavailable: 4,
    ServiceUnavailable: 4,
    StoreUnavailable: 4,
}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Anchors microcredentials on an EBSI-style ledger and hands out proofs that anyone can check.",
)
for noun in (credential, proof, entry, issuer, anchor, ledger, store, service):
    app.add_typer(noun.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("credanchor"))
        raise typer.Exit


@app.callback()
def credanchor(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Settings come from CREDANCHOR_… environment variables: docs/settings.md."""


def exit_code(error: AnchoringError) -> int:
    """By the nearest class in the table; 1 for all that a person must look at."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), 1)


def main() -> None:
    """The console script. Errors become one sentence on stderr and an exit code."""
    try:
        app()
    except AnchoringError as error:
        typer.echo(f"error: {error.message}" if error.message in str(error) else f"error: {error}", err=True)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        sys.exit(1)
