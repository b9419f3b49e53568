"""Hosts for `make bench-hosts`: network namespaces of this machine, joined by a bridge, each with an address of its own."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.devnet import ROOT
from tests.postgres_cluster import SYSTEM_USER, PostgresCluster

NETWORK: Final = "10.77.0."
WORKERS: Final = ("worker-1", "worker-2", "worker-3")
HOSTS: Final = {
    name: f"{NETWORK}{number}"
    for number, name in enumerate(("database", "replica", "ledger", "client", *WORKERS, "reader"), start=1)
}
START_S: Final = 60


@dataclass
class Hosts:
    """Namespaces, and what runs in them."""

    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """A bridge, and a cable to each host. They end with this process: its network is its own."""
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "link", "set", "bridge", "up")
        for number, (host, address) in enumerate(HOSTS.items()):
            run("ip", "netns", "add", host)
            run("ip", "link", "add", f"cable{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            run("ip", "link", "set", f"cable{number}", "master", "bridge", "up")
            run(*self.on(host), "ip", "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                run(*self.on(host), "ip", "link", "set", device, "up")
        try:
            yield
        finally:
            for process in self.processes:
                process.kill()
                process.wait()

    def on(self, host: str) -> list[str]:
        return ["ip", "netns", "exec", host]

    def begin(self, host: str, *words: object, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        command = [*self.on(host), *map(str, words)]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process


class DatabaseHost(PostgresCluster):
    """PostgreSQL on a host of its own, reached over the network."""

    def __init__(self, folder: Path, hosts: Hosts, host: str) -> None:
        super().__init__(folder)
        self._hosts = hosts
        self._host = host

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{HOSTS[self._host]}/postgres"

    def initialize(self, *settings: str) -> None:
        super().initialize(*settings)
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.writelines(f"host {database} all {NETWORK}0/24 trust\n" for database in ("all", "replication"))

    def start(self) -> None:
        options = f"-h {HOSTS[self._host]} -k {self.folder}"
        self._run("pg_ctl", "-w", "-D", self.data, "-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-D", self.data, "-m", "immediate", "stop")

    def follow(self, primary: "DatabaseHost") -> None:
        """Become its streaming standby."""
        self._run("pg_basebackup", "-R", "--checkpoint=fast", "-d", primary.url, "-D", self.data)

    def _run(self, *words: object) -> None:
        """Root enters the namespace, and the system's user for servers does the work there."""
        as_user = ["setpriv", f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--clear-groups"]
        command = [*self._hosts.on(self._host), *as_user, *self._command(*words)]
        subprocess.run(command, check=True, timeout=START_S, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cpu_s(host: str) -> float:
    """Of the processes on a host; those of a database live as long as their connections."""
    ticks = 0
    for process in run("ip", "netns", "pids", host).split():
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # of its own, and of children it has waited for
    return ticks / os.sysconf("SC_CLK_TCK")


def run(*words: object) -> str:
    """What a command of the system says. Raises: SystemExit with what it complains of."""
    done = subprocess.run([*map(str, words)], check=False, capture_output=True, text=True, timeout=START_S)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout
