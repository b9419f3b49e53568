"""Whether the audit log is what was written: its chain, the heads that rounds posted, and the root over the newest of them.

The chain up to a head is what it was when the head was anchored, or its hash would be another. So one look at the ledger is
enough for all of it.
"""

from collections.abc import Callable

from anchoring.core.audit_log import AuditHead, ChainCheck
from anchoring.core.audit_report import AuditCheck, AuditCheckName, AuditReport
from anchoring.core.batch import Batch
from anchoring.core.findings import RESTORE, Finding
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import format_time
from anchoring.errors import LedgerUnavailable, StateCorrupt, VerificationError
from anchoring.ports.audit_log import BEFORE_ALL, PostedHead
from anchoring.ports.entries import Entry
from anchoring.ports.ledger import RegistryReader
from anchoring.ports.runtime import Progress
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import to_hex

RECORDS_AT_ONCE = 2_000

Prove = Callable[[UnitOfWork, Entry, Batch], InclusionProof | None]


def check_audit_log(
    store: Store, reader: RegistryReader, prove: Prove, *, kept: AuditHead | None = None, progress: Progress
) -> AuditReport:
    """Every check, as of the node's head. `kept`: number and hash of a record as somebody noted them elsewhere.

    Raises: StoreUnavailable, StateCorrupt; Misconfigured on another ledger.
    """
    read = _read(store, kept, progress)
    checks = [
        AuditCheck.of(AuditCheckName.CHAIN, read.chain.faults, f"{read.count} records, each follows the one before"),
        _heads(store, read),
        _anchor(store, reader, prove, read),
    ]
    if kept is not None:
        good = f"record {kept.number} has the hash that was noted"
        checks.append(AuditCheck.of(AuditCheckName.KEPT, read.kept_faults(), good))
    return AuditReport(head=read.chain.head, checks=tuple(checks))


def examine_audit_log(store: Store, progress: Progress) -> Finding:
    """What can be told without a ledger, for the examination of a database."""
    read = _read(store, None, progress)
    faults = [*read.chain.faults, *read.head_faults]
    return Finding.of("audit-log", faults, advice=_ADVICE, good=f"{read.count} records")


_ADVICE = f"find out who can write to the database, and keep a copy of it as evidence; then {RESTORE}"


class _Reading:
    """What was seen of the log on the way through it."""

    def __init__(self, kept: AuditHead | None) -> None:
        self.chain = ChainCheck()
        self.count = 0
        self.posted = 0
        self.newest_posted = 0
        self.head_faults: list[str] = []
        self._kept = kept
        self._kept_found: bytes | None = None

    def look(self, number: int, found: bytes) -> None:
        if self._kept and number == self._kept.number:
            self._kept_found = found

    def kept_faults(self) -> list[str]:
        if self._kept is None or self._kept_found == self._kept.hash:
            return []
        if self._kept_found is None:
            return [f"there is no record {self._kept.number}, and its hash was noted: the log was cut off"]
        wrong = f"record {self._kept.number} has hash {to_hex(self._kept_found)}, and {to_hex(self._kept.hash)} was noted"
        return [f"{wrong}: the log was made anew from there or before"]


def _read(store: Store, kept: AuditHead | None, progress: Progress) -> _Reading:
    """Some records at once, in units of work of their own: the log may be long, and goes on meanwhile."""
    with store.reading() as uow:
        total = uow.audit_log.head().number
    read, after = _Reading(kept), BEFORE_ALL
    while True:
        with store.reading() as uow:
            page = uow.audit_log.page(after, RECORDS_AT_ONCE)
        for record, entry_id, digest in page:
            read.chain.add(record)
            read.look(record.number, record.hash)
            if entry_id is None:
                continue
            read.posted, read.newest_posted = read.posted + 1, record.number
            if digest is None:
                read.head_faults.append(f"the head posted of record {record.number}, entry {entry_id}, was erased")
            elif digest != record.hash:
                read.head_faults.append(
                    f"record {record.number} has hash {to_hex(record.hash)}, and {to_hex(digest)} was posted of it as entry "
                    f"{entry_id}: the log was made anew from there or before"
                )
        read.count += len(page)
        if len(page) < RECORDS_AT_ONCE:
            break
        after = page[-1].record.number
        progress("checking the audit log", max(0, min(after, total)), total)
    read.chain.close()
    with store.reading() as uow:
        posted, last = uow.audit_log.newest_posted(), uow.audit_log.head().number  # in this order: the log goes on meanwhile
    if posted > last:
        read.head_faults.append(f"the head of record {posted} was posted, and the last one here is {last}: the log was cut off")
    return read


def _heads(store: Store, read: _Reading) -> AuditCheck:
    faults = list(read.head_faults)
    with store.reading() as uow:
        unclaimed = uow.audit_log.unclaimed_entries(uow.rounds.rebuilt_at())
    if unclaimed:
        faults.append(f"{unclaimed} entries of the service's own are neither canaries nor heads: what was posted was changed")
    after = read.chain.head.number - read.newest_posted
    good = f"{read.posted} were posted, and {after} records are newer than the newest of them"
    return AuditCheck.of(AuditCheckName.HEADS, faults, good)


def _anchor(store: Store, reader: RegistryReader, prove: Prove, read: _Reading) -> AuditCheck:
    name = AuditCheckName.ANCHOR
    with store.reading() as uow:
        posted, identity = uow.audit_log.newest_final_head(), uow.rounds.identity()
        batch = uow.batches.of_entry(posted.entry.id) if posted else None
        if posted is None or batch is None:
            return AuditCheck.cannot_tell(name, "no head is final on the ledger yet; whether records were cut off cannot be told")
        try:
            proof = prove(uow, posted.entry, batch)
        except StateCorrupt as wrong:
            return AuditCheck.of(name, [f"the head of record {posted.number} cannot be proven: {wrong.message}"], "")
    try:
        if identity is not None:
            identity.require(reader.identity())
        return _anchored(reader, posted, proof, read)
    except LedgerUnavailable as silent:
        return AuditCheck.cannot_tell(name, silent.message)


def _anchored(reader: RegistryReader, posted: PostedHead, proof: InclusionProof | None, read: _Reading) -> AuditCheck:
    name, of = AuditCheckName.ANCHOR, f"the head of record {posted.number}"
    if proof is None:
        return AuditCheck.of(name, [f"{of} is final and has no proof"], "")
    try:
        proof.verify_path()
    except VerificationError as wrong:
        return AuditCheck.of(name, [f"{of}: {wrong.message}"], "")
    recorded = reader.recorded_anchor(proof.root, reader.head())
    if recorded is None:
        return AuditCheck.of(name, [f"{of} is under root {to_hex(proof.root)}, which the ledger does not hold"], "")
    if not recorded.is_of(proof.tree_size):
        return AuditCheck.of(name, [f"{of} is in a tree of {proof.tree_size} leaves, the ledger says {recorded.leaf_count}"], "")
    newer = read.chain.head.number - posted.number
    where = f"anchored in block {recorded.block_number} at {format_time(recorded.anchored_at)}"
    return AuditCheck.of(name, [], f"{of} was {where}; {max(0, newer)} newer records are held by the chain alone")
