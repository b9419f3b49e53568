"""The clock of this machine, and a client of the service."""

import time
from datetime import UTC, datetime

from anchoring.client import AnchoringClient
from anchoring.settings import read_settings


class SystemClock:
    """Implements ports.Clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def open_client(url: str | None) -> AnchoringClient:
    """A client of the service at `url`, or of the configured one. Raises: Misconfigured."""
    settings = read_settings().client
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return AnchoringClient(url or settings.url, api_key=key)
