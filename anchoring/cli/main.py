"""The command line `credanchor noun verb`. A command parses, calls one function, prints.

Exit codes: 0 done, 1 failed, 2 usage, 3 a proof does not verify, 4 try again later. Results go to stdout, talk to stderr.
"""

import logging
import sys
from typing import Annotated, Final

import typer

from anchoring.cli import (
    anchor,
    audit_log,
    blockcerts,
    credential,
    entry,
    issuer,
    ledger,
    operator,
    partitions,
    proof,
    service,
    status,
    store,
    tiles,
)
from anchoring.cli.output import say
from anchoring.errors import (
    AnchoringError,
    Busy,
    FilesUnavailable,
    InvalidInput,
    LedgerUnavailable,
    ManifestsUnavailable,
    ServiceUnavailable,
    StoreUnavailable,
    VerificationError,
)

EXIT_CODES: Final[dict[type[AnchoringError], int]] = {
    InvalidInput: 2,
    VerificationError: 3,
    Busy: 4,
    FilesUnavailable: 4,
    LedgerUnavailable: 4,
    ManifestsUnavailable: 4,
    ServiceUnavailable: 4,
    StoreUnavailable: 4,
}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Anchors microcredentials on an EBSI-style ledger and hands out proofs that anyone can check.",
)
for noun in (
    credential,
    blockcerts,
    proof,
    entry,
    status,
    issuer,
    operator,
    anchor,
    ledger,
    store,
    partitions,
    audit_log,
    tiles,
    service,
):
    app.add_typer(noun.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("credanchor"))
        raise typer.Exit


@app.callback()
def credanchor(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Settings come from CREDANCHOR_… environment variables: docs/settings.md."""
    from anchoring.logs import configure_logs

    configure_logs(level=logging.ERROR)  # not stdout, where results go; commands that run for long say more


def exit_code(error: AnchoringError) -> int:
    """By the nearest class in the table; 1 for all that a person must look at."""
    return next((EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES), 1)


def main() -> None:
    """The console script. Errors become one sentence on stderr and an exit code."""
    try:
        app()
    except AnchoringError as error:
        say(f"error: {error.message}")
        sys.exit(exit_code(error))
    except BrokenPipeError:
        sys.exit(1)
    except Exception as bug:  # the words of a bug may hold a secret, and are shown to developers only
        if sys.flags.dev_mode:
            raise
        say(f"error: this is a bug ({type(bug).__name__}); PYTHONDEVMODE=1 shows where")
        sys.exit(1)
