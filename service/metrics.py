"""What this process counts for Prometheus. With several workers each keeps its counts in files, and any of them adds up all.

The folder of those files is named by the library's own variable, which `credanchor service run` sets before the workers start.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
WRITES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 1024)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"})
ELSE: Final = "other"

_LIVE_FILE: Final = re.compile(r"gauge_live[a-z]*_([0-9]+)\.db")


disable_created_metrics()  # type: ignore[no-untyped-call]  # when each series began: three more of them, and nobody asks


class Metrics:
    """Requests and commits of this process, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "credanchor_request_seconds",
            "Requests by route, method and status, and how long they took",
            ["route", "method", "status"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._commits = Histogram(
            "credanchor_commit_seconds", "Commits of posts and how long they took", buckets=SECONDS, registry=self._registry
        )
        self._writes = Histogram(
            "credanchor_commit_writes", "Posts that shared a commit", buckets=WRITES, registry=self._registry
        )
        self._failures = Counter("credanchor_commit_failures", "Commits that the database did not take", registry=self._registry)
        self._queue = Gauge(
            "credanchor_commit_queue",
            "Posts that wait for the commit before theirs",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self._attempts = Counter("credanchor_failed_attempts", "Requests with a key that opens nothing", registry=self._registry)
        self._answers: dict[tuple[str, str, int], Any] = {}

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """`route`: its template, None where there is none; never the path, of which there are as many as digests."""
        key = (route or ELSE, method if method in METHODS else ELSE, status)
        found = self._answers.get(key)
        if found is None:  # looking a child up by its labels costs more than to count
            found = self._answers[key] = self._requests.labels(key[0], key[1], str(status))
        found.observe(seconds)

    def committed(self, writes: int, seconds: float, *, queued: int, failed: bool) -> None:
        """One commit of so many posts; `queued`: those that wait for the next."""
        self._commits.observe(seconds)
        self._writes.observe(writes)
        self._queue.set(queued)
        if failed:
            self._failures.inc()

    def attempt_failed(self) -> None:
        """A key was sent that opens nothing. What was wrong with it is no label: whoever guesses may read this too."""
        self._attempts.inc()

    def exposition(self, more: Iterable[Metric]) -> bytes:
        """Everything counted by all workers, and `more`, in Prometheus' text format."""
        shown = self._registry
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder:
            shown = CollectorRegistry()
            _forget_the_dead(Path(folder))
            MultiProcessCollector(shown, path=folder)  # type: ignore[no-untyped-call]
        shown_too = CollectorRegistry()
        shown_too.register(_Ready(more))
        return generate_latest(shown) + generate_latest(shown_too)


class _Ready(Collector):
    """Families that are made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _forget_the_dead(folder: Path) -> None:
    """What a worker that is gone had in its queue is not waiting any more; what it counted stays counted."""
    for file in folder.glob("gauge_live*.db"):
        match = _LIVE_FILE.fullmatch(file.name)
        if match and not _lives(int(match[1])):
            mark_process_dead(int(match[1]), str(folder))  # type: ignore[no-untyped-call]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
