"""The versions of status lists in this database and the heads on the ledger, compared in both directions."""

from typing import Final

from anchoring.core.batch import PublishedHead
from anchoring.core.findings import Finding
from anchoring.core.status import head_digest
from anchoring.core.status_version import StatusVersion
from anchoring.ports.ledger import RegistryReader
from anchoring.ports.runtime import Progress
from anchoring.ports.store import Store
from anchoring.types import Digest, to_hex

_DIGESTS: Final = "stop rounds and restore a backup: what is kept of the version is not what was published"
_UNKNOWN: Final = "credanchor ledger reconcile"
_ROUND: Final = "run a round and audit again; if it stays, compare with another node before anything else"


def audit_heads(store: Store, reader: RegistryReader, *, first_block: int, progress: Progress) -> list[Finding]:
    """As of the node's head; whether it is the right ledger was looked at before.

    Raises: LedgerUnavailable.
    """
    head = reader.head()
    seen: set[Digest] = set()
    unknown: list[str] = []
    places: list[str] = []
    for event in reader.heads(first_block, head.block.number):
        seen.add(event.digest)
        with store.reading() as uow:
            version = uow.status_versions.with_digest(event.digest)
            listed = uow.status_versions.current(event.list_id) if version is None else None
        if version is not None:
            places += _place_faults(event, version)
        elif listed is None or event.version > listed.accepted_version:
            unknown.append(f"{_name(event)} in block {event.block.number} is not known here")
        progress("reading heads of status lists", event.block.number - first_block, head.block.number - first_block)
    digests: list[str] = []
    missing: list[str] = []
    with store.reading() as uow:
        for version, bits in uow.status_versions.all():
            if head_digest(version.list_id, version.version, bits) != version.digest:
                digests.append(f"{_name(version)} does not have the bits that its digest stands for")
            if version.state.is_published and version.digest not in seen:
                missing.append(f"{_name(version)} is {version.state} here and not on the ledger")
    return [
        Finding.of("status versions", digests, advice=_DIGESTS),
        Finding.of("status heads", unknown, advice=_UNKNOWN, good=f"{len(seen)} versions up to block {head.block.number}"),
        Finding.of("published versions", missing, advice=_ROUND),
        Finding.of("places of heads", places, advice=_ROUND),
    ]


def _name(of: PublishedHead | StatusVersion) -> str:
    return f"version {of.version} of list {to_hex(of.list_id)}"


def _place_faults(event: PublishedHead, version: StatusVersion) -> list[str]:
    if version.head is None:
        return [f"{_name(event)} is on the ledger in block {event.block.number} and {version.state} here"]
    if version.head != event:
        recorded = f"block {version.head.block.number}, transaction {to_hex(version.head.transaction)}"
        return [
            f"{_name(event)} in block {event.block.number}, transaction {to_hex(event.transaction)}, is recorded in {recorded}"
        ]
    return []
