"""One process of several that serve: it ends with its supervisor, and one that cannot start says why in a sentence."""

import os
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.process import parent_process
from typing import Final, NoReturn

import structlog

from anchoring.errors import AnchoringError

PAUSE_S: Final = 2
"""The supervisor starts another at once: so long it waits before that."""

log = structlog.get_logger()


def end_with_supervisor() -> None:
    """A supervisor that was killed cannot stop its workers; nobody would start those that die, and they would hold the port."""
    supervisor = parent_process()
    if supervisor is not None:
        threading.Thread(target=_end_after, args=[supervisor.sentinel], name="supervisor", daemon=True).start()


def give_up(failed: AnchoringError) -> NoReturn:
    """End a worker that cannot start. Raises: SystemExit; `failed` where it is the command itself, which tells it."""
    if parent_process() is None:
        raise failed
    log.error("worker.not_started", error=failed.slug, detail=failed.message)
    time.sleep(PAUSE_S)
    sys.exit(1)


def _end_after(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
