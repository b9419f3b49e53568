"""Whether the audit log is what was written: its chain, the heads that rounds posted, and the root over the newest of them.

The chain up to a head is what it was when the head was anchored, or its hash would be another. So one look at the ledger is
enough for all of it.
"""

from collections.abc import Callable

from anchoring.core.audit_log import AuditHead, ChainCheck, SourceCheck
from anchoring.core.audit_report import AuditCheck, AuditCheckName, AuditReport
from anchoring.core.batch import Batch
from anchoring.core.findings import RESTORE, Finding
from anchoring.core.issuer import CANARY
from anchoring.core.own_entries import OwnCheck, lost_hash
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import format_time
from anchoring.errors import LedgerUnavailable, StateCorrupt, VerificationError
from anchoring.ports.audit_log import BEFORE_ALL, PostedHead, ShownRecord, Wanted
from anchoring.ports.entries import Entry
from anchoring.ports.ledger import RegistryReader
from anchoring.ports.runtime import Progress
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import Digest, to_hex

RECORDS_AT_ONCE = 2_000

Prove = Callable[[UnitOfWork, Entry, Batch], InclusionProof | None]


def check_audit_log(
    store: Store,
    reader: RegistryReader,
    prove: Prove,
    *,
    kept: AuditHead | None = None,
    known_lost: bytes | None = None,
    progress: Progress,
) -> AuditReport:
    """Every check, as of the node's head. `kept`: number and hash of a record as somebody noted them elsewhere.

    `known_lost`: what an earlier report gave as `lost`, of somebody who knows that a log was lost and the database rebuilt.

    Raises: StoreUnavailable, StateCorrupt; Misconfigured on another ledger.
    """
    read = _read(store, kept, progress)
    own = _read_own(store, prove, progress)
    checks = [
        AuditCheck.of(AuditCheckName.CHAIN, read.chain.faults, f"{read.count} records, each follows the one before"),
        AuditCheck.of(AuditCheckName.SOURCES, read.sources.faults(), read.sources.good),
        _heads(store, read, own, known_lost),
        _anchor(store, reader, prove, read),
    ]
    if kept is not None:
        good = f"record {kept.number} has the hash that was noted"
        checks.append(AuditCheck.of(AuditCheckName.KEPT, read.kept_faults(), good))
    return AuditReport(head=read.chain.head, lost=lost_hash(own.lost) if own.lost else None, checks=tuple(checks))


def examine_audit_log(store: Store, progress: Progress) -> Finding:
    """What can be told without a ledger, for the examination of a database. Leaves are examined apart.

    What was lost is a fault unless the database says that it was rebuilt, as whoever changes it can have it say.
    """
    read, own = _read(store, None, progress), _read_own(store, None, progress)
    with store.reading() as uow:
        is_rebuilt = uow.rounds.rebuilt_at() is not None
    faults = [*read.chain.faults, *read.sources.faults(), *own.faults, *_cut_off(store)]
    good = f"{read.count} records"
    if is_rebuilt and own.lost:
        good += f"; {len(own.lost)} heads are of a log that was lost before the database was rebuilt"
    else:
        faults += own.lost_faults()
    return Finding.of("audit-log", faults, advice=_ADVICE, good=good)


_ADVICE = f"find out who can write to the database, and keep a copy of it as evidence; then {RESTORE}"


class _Reading:
    """What was seen of the log on the way through it."""

    def __init__(self, kept: AuditHead | None) -> None:
        self.chain = ChainCheck()
        self.sources = SourceCheck()
        self.count = 0
        self._kept = kept
        self._kept_found: bytes | None = None

    def add(self, shown: ShownRecord) -> None:
        record = shown.record
        self.chain.add(record)
        self.sources.add(record, shown.source, fits=shown.source_fits)
        self.count += 1
        if self._kept and record.number == self._kept.number:
            self._kept_found = record.hash

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
            page = uow.audit_log.find(Wanted(), after, RECORDS_AT_ONCE)
        for shown in page:
            read.add(shown)
        if len(page) < RECORDS_AT_ONCE:
            break
        after = page[-1].record.number
        progress("checking the audit log", max(0, min(after, total)), total)
    read.chain.close()
    return read


def _read_own(store: Store, prove: Prove | None, progress: Progress) -> OwnCheck:
    """`prove`: those that are no head of a record here must be under the root of their batch too."""
    with store.reading() as uow:
        newest, last_id = uow.audit_log.newest_final_head(), uow.batches.last_entry_id()
    own, after_id = OwnCheck(newest.entry.id if newest else 0), 0
    while True:
        with store.reading() as uow:
            page = uow.audit_log.own_entries(after_id, RECORDS_AT_ONCE)
            for one in page:
                own.add(one)
                if prove and one.digest is not None and one.digest != one.record_hash:
                    own.faults += _unproven(uow, prove, one.id, one.digest)
        if len(page) < RECORDS_AT_ONCE:
            return own
        after_id = page[-1].id
        progress("checking the service's own entries", min(after_id, last_id), last_id)


def _unproven(uow: UnitOfWork, prove: Prove, entry_id: int, digest: Digest) -> list[str]:
    """That it is in an anchored batch and not under its root."""
    batch = uow.batches.of_entry(entry_id)
    if batch is None:
        return []
    try:
        proof = prove(uow, _own_entry(uow, digest), batch)
        if proof is not None:
            proof.verify_path()
    except (StateCorrupt, VerificationError) as wrong:
        return [f"entry {entry_id} of the service's own cannot be proven, it was changed: {wrong.message}"]
    return []


def _own_entry(uow: UnitOfWork, digest: Digest) -> Entry:
    """Raises: StateCorrupt."""
    for found in uow.entries.of_digest(digest, CANARY):
        return found
    raise StateCorrupt("its digest is nothing that could be posted")


def _cut_off(store: Store) -> list[str]:
    with store.reading() as uow:
        posted, last = uow.audit_log.newest_posted(), uow.audit_log.head().number  # in this order: the log goes on meanwhile
    if posted <= last:
        return []
    return [f"the head of record {posted} was posted, and the last one here is {last}: the log was cut off"]


def _heads(store: Store, read: _Reading, own: OwnCheck, known_lost: bytes | None) -> AuditCheck:
    name, faults = AuditCheckName.HEADS, [*own.faults, *_cut_off(store)]
    newer = max(0, read.chain.head.number - own.newest)
    good = f"{own.posted} were posted, and {newer} records are newer than the newest of them"
    if known_lost is None:
        faults += own.lost_faults()
    elif known_lost != lost_hash(own.lost):
        faults.append(f"{len(own.lost)} of the service's own are of no record here, and are not those that were noted as lost")
    else:
        good += f"; {len(own.lost)} are of the log that was lost, as was noted"
    if own.untold and not faults:
        why = f"{own.untold} canaries of a program before this one might be heads, until a newer head is final on the ledger"
        return AuditCheck.cannot_tell(name, why)
    return AuditCheck.of(name, faults, good)


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
