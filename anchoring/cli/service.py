"""`credanchor service`: the HTTP service."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from anchoring.errors import Misconfigured

METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own variable: workers keep their counts in this folder, so that each of them can answer for all."""

ALLOWANCES_FILE: Final = "_CREDANCHOR_ALLOWANCES"
"""No setting: workers keep what was spent of rate limits in this file, which the first of them makes."""

app = typer.Typer(name="service", no_args_is_help=True, help="Run the HTTP service.")


@app.command()
def run(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
) -> None:
    """Run the API in the foreground until SIGINT or SIGTERM."""
    import uvicorn

    from anchoring.bootstrap.ledger import check_ledger
    from anchoring.bootstrap.store import open_store
    from anchoring.logs import SERVER_LOGS, configure_logs
    from anchoring.settings import read_settings

    configure_logs()
    settings = read_settings()
    check_ledger(settings.ledger)
    open_store(settings.store).close()  # every fault of the set-up is one sentence here, not a traceback of a worker
    _require_free(host, port)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn stops in order and then raises the signal again, for these
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with _shared_files(workers):
            uvicorn.run(
                "service.app:from_environment",
                factory=True,
                host=host,
                port=port,
                workers=workers,
                access_log=False,
                server_header=False,
                http="service.http_protocol:HttpProtocol",
                ws="none",  # what asks for one is answered as though it did not
                log_config=SERVER_LOGS,
                forwarded_allow_ips=settings.api.trusted_proxies,
                timeout_graceful_shutdown=10,
                log_level="warning",
            )
    except SystemExit as ended:  # its codes mean something else than ours
        if ended.code:
            raise Misconfigured("the service did not start; the reason stands above") from None


@contextmanager
def _shared_files(workers: int) -> Iterator[None]:
    """One process keeps its counts and allowances to itself; several need a folder, which lasts as long as they do."""
    os.environ.pop(METRICS_FOLDER, None)
    os.environ.pop(ALLOWANCES_FILE, None)
    if workers == 1:
        yield
        return
    with TemporaryDirectory(prefix="credanchor-workers-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "metrics").mkdir()
        os.environ[METRICS_FOLDER] = str(Path(folder) / "metrics")
        os.environ[ALLOWANCES_FILE] = str(Path(folder) / "allowances")
        yield


def _require_free(host: str, port: int) -> None:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as failed:
        raise Misconfigured(f"cannot listen at {host}, port {port}: {failed.strerror}") from failed
