"""Structured logs: events are `noun.past_verb`, keys are words of the glossary. Console on a terminal, JSON lines otherwise.

Never logged: keys, API keys, credentials, signed transactions.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Protocol, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor


def _stamped(_logger: object, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC)
    return event


def _as_json(_logger: object, _method: str, event: EventDict) -> str:
    line = orjson.dumps(event, default=repr, option=orjson.OPT_UTC_Z)
    return line.decode() if line.isascii() else _shown(line.decode())


def _shown(line: str) -> str:
    """With what hides, turns or breaks a line as JSON escapes; control characters of ASCII are already."""
    return line if line.isprintable() else "".join([one if one.isprintable() else json.dumps(one)[1:-1] for one in line])


def _escaped(_logger: object, _method: str, event: EventDict) -> EventDict:
    """For a terminal, which does what control characters say."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = ascii(value)[1:-1]
    return event


NOISY: Final = ("web3", "urllib3", "httpx2", "httpcore2", "alembic")


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...

    def isatty(self) -> bool: ...


def configure_logs(stream: Stream | None = None, *, level: int = logging.INFO) -> None:
    """Called once by an entry point. `stream`: stderr by default."""
    stream = stream or sys.stderr
    stamp: list[Processor] = [_stamped]
    render: Processor = _as_json
    if stream.isatty():
        stamp = [structlog.processors.TimeStamper(fmt="iso", utc=True), _escaped]
        render = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *stamp,
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(Any, stream)),
        cache_logger_on_first_use=False,
    )
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)  # at DEBUG web3 logs the whole RPC URL


class ServerLog(logging.Handler):
    """What uvicorn says by itself, as lines like all others. It is made in each process that serves, before the application."""

    def __init__(self) -> None:
        super().__init__()
        configure_logs()

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        if record.levelno >= logging.ERROR:
            log.error("server.failed", detail=record.getMessage(), exc_info=record.exc_info)
        else:
            log.warning("server.warned", detail=record.getMessage())


SERVER_LOGS: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"server": {"()": ServerLog}},
    "loggers": {"uvicorn": {"handlers": ["server"], "level": "WARNING", "propagate": False}},
}
"""In the form of `logging.config`."""
