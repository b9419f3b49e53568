"""PostgreSQL connections: durable at each commit, never hanging for long, and to the server that takes writes."""

import re
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, ClauseElement, Dialect, Engine, event, make_url
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from anchoring.errors import Misconfigured

APPLICATION: Final = "credanchor"
"""Name of every session of this program, by which a restore sees that one is at work."""

DURABLE: Final = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply")}
"""What must be in force, or an acknowledged commit may be lost with the server's machine."""

# A peer that is gone without a word is noticed after idle + interval * count seconds, not after the system's two hours.
_KEEPALIVES: Final = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "25000",
}

_SEVERAL_HOSTS: Final = re.compile(
    r"(?P<start>[a-z+]+://(?:[^@/?]*@)?)(?P<hosts>[^/?]*,[^/?]*)(?P<path>/[^?]*)?(?:\?(?P<query>.*))?"
)

LEAF: Final = r"sha256(CAST('\x00' AS bytea) || sha256(convert_to({issuer}.did, 'UTF8')) || {entry}.salt || {entry}.digest)"
"""The leaf of an entry, as `core.leaf` computes it. `issuer`, `entry`: under which names the statement has them."""

_DIALECT: Final[Dialect] = PGDialect_psycopg()  # type: ignore[no-untyped-call]


class DriverStatement:
    """A statement that is written out once and executed by the driver itself: SQLAlchemy takes twice as long again as the driver.

    Values go as they are given; types of ours are not asked.
    """

    def __init__(self, statement: ClauseElement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        self._text = str(compiled)
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def execute(self, cursor: Any, given: dict[str, Any] | None = None) -> Any:
        """Returns the cursor. Raises: what the driver does."""
        return cursor.execute(self._text, self._constants | (given or {}))


def parse_url(text: str) -> URL:
    """A database URL, also in libpq's form for several servers: `postgresql://a:5432,b:5432/name`.

    Raises: ValueError, ArgumentError.
    """
    several = _SEVERAL_HOSTS.fullmatch(text)
    if several is None:
        return make_url(text)
    hosts = [f"host={quote(host)}" for host in several["hosts"].split(",")]
    query = "&".join(hosts + ([several["query"]] if several["query"] else []))
    return make_url(f"{several['start']}{several['path'] or '/'}?{query}")


def connect_arguments(url: URL) -> dict[str, str]:
    """How a connection notices that its server is gone. What the URL says itself comes first."""
    return {name: value for name, value in _KEEPALIVES.items() if name not in url.query}


def prepare_postgresql(engine: Engine, busy_timeout_s: float) -> None:
    """Set up every connection of an engine, and refuse one that would promise less."""
    milliseconds = str(int(busy_timeout_s * 1000))
    settings = {
        "application_name": APPLICATION,
        # A writer that hangs in its transaction would keep every round from setting its seal mark.
        "idle_in_transaction_session_timeout": milliseconds,
        "lock_timeout": milliseconds,
    }
    ask = ", ".join(["set_config(%s, %s, false)"] * len(settings) + ["current_setting(%s)"] * len(DURABLE))
    values = [text for pair in settings.items() for text in pair] + list(DURABLE)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {ask}", values)
            found = cursor.fetchone()[len(settings) :]
        connection.commit()
        for (name, allowed), value in zip(DURABLE.items(), found, strict=True):
            if value not in allowed:
                raise Misconfigured(f"PostgreSQL has {name} = {value}, and {allowed[0]} is needed: a commit could be lost")
