"""`credanchor anchor`: rounds."""

import signal
import threading
from typing import Annotated, Any

import typer

from anchoring.cli.durations import parse_period
from anchoring.cli.output import progress_bar, say
from anchoring.errors import NEXT_ROUND_GOES_ON

app = typer.Typer(name="anchor", no_args_is_help=True, help="Run rounds: seal what waits, anchor it, follow it to finality.")


@app.command()
def run() -> None:
    """Run one round, for cron. Exit code 4 when another round is at work or the ledger does not answer: the next goes on."""
    from anchoring.bootstrap.ledger import open_ledger
    from anchoring.bootstrap.rounds import make_round
    from anchoring.bootstrap.store import open_store
    from anchoring.logs import configure_logs
    from anchoring.settings import read_settings

    configure_logs()
    settings = read_settings()
    store, ledger = open_store(settings.store), open_ledger(settings.ledger)
    with progress_bar() as progress:
        report = make_round(settings, store, ledger, progress).run()
    say(_summary(report))


@app.command()
def watch(every: Annotated[str, typer.Option(help="Period, such as 60s, 5m, 1h.")] = "60s") -> None:
    """Run rounds in a loop until SIGINT or SIGTERM. What `run` ends with 4 for is tried again at the next."""
    from anchoring.bootstrap.ledger import open_ledger
    from anchoring.bootstrap.rounds import make_round
    from anchoring.bootstrap.store import open_store
    from anchoring.logs import configure_logs
    from anchoring.settings import read_settings

    configure_logs()
    settings, period_s = read_settings(), parse_period(every, at="--every")
    store, ledger = open_store(settings.store), open_ledger(settings.ledger)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    ledger.identity()
    while not stopped.is_set():
        try:
            with progress_bar() as progress:
                make_round(settings, store, ledger, progress).run()
        except NEXT_ROUND_GOES_ON as later:
            say(f"try again: {later.message}")
        stopped.wait(period_s)


def _summary(report: Any) -> str:
    followed = report.followed
    sent = "one transaction sent" if report.submitted else "no transaction needed"
    open_ends = f"{followed.submitted} transactions on their way, {followed.confirmed} batches wait for finality"
    return f"sealed {report.sealed} batches, {sent}; {open_ends}"
