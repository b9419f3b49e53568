"""The program without the system calls that its systemd units forbid. systemd runs in no test: libseccomp, which it uses, forbids them."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.devnet import ROOT

UNITS = sorted((ROOT / "scripts" / "ops" / "systemd").glob("*.service"))
FORBIDDEN = {
    "@privileged": "acct bpf capset chown chroot fchown fchownat init_module lchown reboot setgroups setresuid setreuid setuid swapon",
    "@resources": "ioprio_set mbind migrate_pages sched_setaffinity sched_setattr sched_setscheduler set_mempolicy setpriority",
}
"""Of each group of `systemd-analyze syscall-filter` what a program might do by itself or by one of its libraries."""

ALLOW, KILL, NOT_PERMITTED = 0x7FFF0000, 0x80000000, 0x00050001

CONFINED = """
import ctypes, os, sys
allow, action, names, *command = sys.argv[1:]
seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p
rules = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(int(allow))))
for name in names.split():
    assert seccomp.seccomp_rule_add(rules, ctypes.c_uint32(int(action)), seccomp.seccomp_syscall_resolve_name(name.encode()), 0) == 0
assert seccomp.seccomp_load(rules) == 0
os.execv(command[0], command)
"""

SEAL = """
import sys
import anchoring.usecases.seal_batches as sealing
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from anchoring.worker_processes import WorkerProcesses
from tests.factories import FrozenClock, add_issuer, post
sealing.MANY_LEAVES = 1
store = SqlStore(make_engine(sys.argv[1], pool_size=2, busy_timeout_s=10))
post(store, add_issuer(store), *range(700))
with WorkerProcesses(2) as workers:
    assert sealing.seal_batches(store, FrozenClock(), max_leaves=1 << 20, progress=lambda *_: None, workers=workers) == [1]
"""


def run_without(groups: str, action: int, *command: str) -> int:
    names = " ".join(FORBIDDEN[group] for group in groups.split())
    confined = [sys.executable, "-c", CONFINED, str(ALLOW), str(action), names, *command]
    return subprocess.run(confined, cwd=ROOT, timeout=60, check=False).returncode


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_batch_is_sealed_without_what_the_unit_forbids(unit: Path, migrated_sqlite: Path, tmp_path: Path) -> None:
    lines = unit.read_text(encoding="utf-8")
    [groups] = re.findall("^SystemCallFilter=~(.*)$", lines, re.MULTILINE)
    action = NOT_PERMITTED if "\nSystemCallErrorNumber=EPERM\n" in lines else KILL
    path = shutil.copyfile(migrated_sqlite, tmp_path / "store.db")
    assert run_without(groups, action, sys.executable, "-c", SEAL, f"sqlite:///{path}") == 0


def test_what_is_forbidden_is_not_done() -> None:
    nice = [sys.executable, "-c", "import os; os.nice(1)"]
    assert run_without("@resources", KILL, *nice) == -signal.SIGSYS
    assert run_without("@resources", NOT_PERMITTED, *nice) == 1
    assert run_without("@privileged", KILL, *nice) == 0
