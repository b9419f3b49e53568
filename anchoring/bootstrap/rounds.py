"""Settings become a round."""

import os
import secrets
import socket
from typing import TYPE_CHECKING

from anchoring.bootstrap.ledger import fee_rules, first_block
from anchoring.bootstrap.manifests import open_manifests
from anchoring.bootstrap.system import SystemClock
from anchoring.core.finality import parse_finality
from anchoring.jobs import Round, RoundRules
from anchoring.ports.runtime import THIS_PROCESS, Progress, Workers
from anchoring.settings import Settings
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.follow_ledger.look import FollowRules
from anchoring.usecases.open_submission import SubmissionRules
from anchoring.worker_processes import WorkerProcesses

if TYPE_CHECKING:
    from anchoring.ledger.evm import EvmLedger

DAY_S = 86_400.0


def make_round(settings: Settings, store: SqlStore, ledger: "EvmLedger", progress: Progress) -> Round:
    """One round under a name of its own. Raises: Misconfigured."""
    host = socket.gethostname()
    fees, finality = fee_rules(settings.ledger), parse_finality(settings.ledger.finality)
    rules = RoundRules(
        submission=SubmissionRules(
            fees=fees,
            max_roots=settings.rounds.max_roots,
            max_heads=settings.rounds.max_heads,
            raw_roots=settings.rounds.raw_roots,
            host=host,
        ),
        follow=FollowRules(finality=finality, fees=fees, patience_s=settings.ledger.patience_s, host=host),
        max_leaves=settings.rounds.max_leaves,
        lease_s=settings.rounds.lease_s,
        follow_s=settings.rounds.follow_s,
        poll_s=settings.rounds.poll_s,
        first_block=first_block(settings.ledger),
        canary_every_s=settings.rounds.canary_every_s,
        posts_audit_head=settings.audit_log.anchor,
        source_kept_s=settings.audit_log.sources_kept_days * DAY_S or None,
    )
    holder = f"{host}:{os.getpid()}:{secrets.token_hex(4)}"
    return Round(
        store,
        ledger,
        SystemClock(),
        rules,
        holder=holder,
        progress=progress,
        manifests=open_manifests(settings.manifests),
        workers=_open_workers(settings.rounds.hash_processes),
    )


def _open_workers(count: int | None) -> Workers:
    """By default one for each core, and none where there is one: it would but take turns with this process."""
    if count is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        count = cores if cores > 1 else 0
    return WorkerProcesses(count) if count else THIS_PROCESS
