"""What one bit of one status list says of a credential, and how far that can be relied on (docs/status.md, "For verifiers").

A list may come from anywhere. What makes it count is the head of the list on the pinned contract, or, where the ledger has none
or an older one, the signature of somebody who may speak for the credential's issuer. The order is that of Bitstring Status List
1.0 section 3.2, and so are the codes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from anchoring.core.outcome import Outcome, worst_of
from anchoring.core.proof_json import format_time
from anchoring.core.status import StatusPurpose, head_digest
from anchoring.core.status_codec import StatusErrorCode, StatusListError, bit_at
from anchoring.core.status_documents import ReadList
from anchoring.core.status_entry import list_id_in
from anchoring.types import Digest, ListId, to_hex

CLOCK_SKEW: Final = timedelta(seconds=60)
"""A signature may be so much younger than now: clocks differ."""

HEAD_AGE: Final = timedelta(days=1)
"""A node whose newest block is older stands still, or is kept from the others: what it does not show may have been changed since.

As long as a signed list is valid by default; a ledger on which nothing happens for a day still makes blocks.
"""


class Verdict(StrEnum):
    """What is known of one bit."""

    CLEAR = "clear"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    STALE = "stale"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """What a verdict rests on."""

    LEDGER = "ledger"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusPlace:
    """One bit that speaks of the credential.

    `named_at`: where the credential names it; None when it follows from the batch. `list_id`: None for a list that is not of this
    software. `purpose`: None where only the list says it.
    """

    named_at: str | None
    list_id: ListId | None
    url: str | None
    purpose: StatusPurpose | None
    index: int

    def __str__(self) -> str:
        purpose = f"{self.purpose} " if self.purpose else ""
        if self.named_at is None:
            return f"the {purpose}list that follows from the batch"
        return f"the {purpose}list {self.url}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the contract holds of a list. `published_at`: time of its block."""

    version: int
    published_at: datetime
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadShown:
    """What the pinned contract showed. `head`: None when it is all zero. `source`: who says so, as of when, such as a block.

    `as_of`: that moment.
    """

    head: Head | None
    source: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class HeadNotShown:
    """Why nothing is known of the contract."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A list that was got. `not_shown`: why its signature shows nothing; None when it is of one who may sign it.

    `word`: whose word it then is, such as `by signature of did:web:uni.example`.
    """

    read: ReadList
    source: str
    word: str
    not_shown: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """Why there is no list, or none that can be read."""

    code: StatusErrorCode | None
    why: str


NOT_ASKED_FOR: Final = Unserved(code=StatusErrorCode.RETRIEVAL, why="it was not asked for")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFinding:
    """What was found at one place. `place`: None for an entry that could not be read, `named_at` says which."""

    named_at: str | None
    place: StatusPlace | None
    outcome: Outcome
    verdict: Verdict
    reason: str
    basis: Basis | None = None
    code: StatusErrorCode | None = None
    head: Head | None = None


@dataclass(frozen=True, slots=True)
class StatusFindings:
    """What was found in every list that speaks of the credential; at least one."""

    lists: tuple[ListFinding, ...]

    @property
    def outcome(self) -> Outcome:
        return worst_of(found.outcome for found in self.lists)

    @property
    def reason(self) -> str:
        """The reasons of those that decide, each once."""
        outcome = self.outcome
        return "; ".join(dict.fromkeys(found.reason for found in self.lists if found.outcome is outcome))


def judge(place: StatusPlace, head: HeadShown | HeadNotShown, served: Served | Unserved, now: datetime) -> ListFinding:
    """What the bit says. `served`: `NOT_ASKED_FOR` where the ledger alone decides (`needs_list`)."""
    if place.list_id is not None and isinstance(head, HeadNotShown):
        return _unknown(place, head.why)
    if isinstance(head, HeadShown) and head.head is None and place.named_at is None and isinstance(served, Unserved):
        return _never_changed(place, head, now)
    if isinstance(served, Unserved):
        return _unknown(place, f"{place}: {served.why}", served.code)
    try:
        is_set = _bit(place, served)
    except StatusListError as unfit:
        return _unknown(place, unfit.message, unfit.code)
    if isinstance(head, HeadShown) and head.head is not None and place.list_id is not None:
        return _against_head(place, place.list_id, head, head.head, served, is_set=is_set, now=now)
    return _by_signature(place, served, is_set=is_set, now=now)


def needs_list(place: StatusPlace, head: HeadShown | HeadNotShown) -> bool:
    """Whether the list itself is wanted to judge."""
    if place.list_id is None:
        return True
    return isinstance(head, HeadShown) and (head.head is not None or place.named_at is not None)


def findings_to_json(findings: StatusFindings) -> list[dict[str, Any]]:
    """As `--json` and HTTP give them; what is not known is null."""
    return [_finding_to_json(found) for found in findings.lists]


def _finding_to_json(found: ListFinding) -> dict[str, Any]:
    place, head = found.place, found.head
    return {
        "namedAt": found.named_at,
        "list": to_hex(place.list_id) if place and place.list_id else None,
        "url": place.url if place else None,
        "purpose": place.purpose if place else None,
        "index": place.index if place else None,
        "outcome": found.outcome,
        "verdict": found.verdict,
        "basis": found.basis,
        "version": head.version if head else None,
        "publishedAt": format_time(head.published_at) if head else None,
        "code": found.code,
        "reason": found.reason,
    }


def _against_head(
    place: StatusPlace, list_id: ListId, shown: HeadShown, head: Head, served: Served, *, is_set: bool, now: datetime
) -> ListFinding:
    read, version, source = served.read, f"version {head.version}", shown.source
    if head_digest(list_id, head.version, read.bits) == head.digest:
        since = f"{version} of {place}, on the ledger since {format_time(head.published_at)}, says {source}"
        if is_set or not _is_old(shown, now):
            return _verdict(place, read, Basis.LEDGER, since, is_set=is_set, head=head)
        return _clear_then(place, shown, head, served, now)
    if served.not_shown is not None or read.signed_at is None:
        shows = f"its signature shows nothing: {served.not_shown}" if served.not_shown else "does not say when it was signed"
        why = f"{served.source} is not {version}, which is on the ledger, and {shows}"
        return _unknown(place, why, StatusErrorCode.VERIFICATION, head)
    if read.signed_at <= head.published_at:
        signed, published = format_time(read.signed_at), format_time(head.published_at)
        why = (
            f"stale: {served.source} was signed at {signed} and is not {version}, on the ledger since {published}, says {source}"
        )
        return _found(place, Outcome.FAILED, Verdict.STALE, why, None, head)
    if wrong := _signature_wanting(served, now):
        return _unknown(
            place, f"{served.source} is not {version}, which is on the ledger: {wrong}", StatusErrorCode.VERIFICATION, head
        )
    by = f"{served.word} at {format_time(read.signed_at)}, newer than {version}; not yet on the ledger"
    return _verdict(place, read, Basis.SIGNATURE, f"{place} {by}", is_set=is_set, head=head)


def _never_changed(place: StatusPlace, shown: HeadShown, now: datetime) -> ListFinding:
    if _is_old(shown, now):
        return _unknown(place, f"{place}: {_old(shown)}")
    words = f"nothing in {place} was ever changed, says {shown.source}"
    return _found(place, Outcome.PASSED, Verdict.CLEAR, words, Basis.LEDGER)


def _clear_then(place: StatusPlace, shown: HeadShown, head: Head, served: Served, now: datetime) -> ListFinding:
    """The bit was clear when the block was made, which is long ago; who signed the list may vouch for it until now."""
    if wrong := _signature_wanting(served, now):
        return _unknown(place, f"{place}: {_old(shown)}; and {wrong}", StatusErrorCode.VERIFICATION, head)
    return _verdict(place, served.read, Basis.SIGNATURE, f"{place} {served.word}; {_old(shown)}", is_set=False, head=head)


def _is_old(shown: HeadShown, now: datetime) -> bool:
    return shown.as_of < now - HEAD_AGE


def _old(shown: HeadShown) -> str:
    return f"nothing newer is shown than {shown.source}, and what was changed since is not told"


def _by_signature(place: StatusPlace, served: Served, *, is_set: bool, now: datetime) -> ListFinding:
    if wrong := _signature_wanting(served, now):
        return _unknown(place, f"{place}: {wrong}", StatusErrorCode.VERIFICATION)
    where = "no version of it is on the ledger" if place.list_id else "it is not a list that this ledger shows"
    return _verdict(place, served.read, Basis.SIGNATURE, f"{place} {served.word}; {where}", is_set=is_set)


def _bit(place: StatusPlace, served: Served) -> bool:
    """Raises: StatusListError when it is another list, of another purpose, or shorter."""
    if wrong := _not_the_list(place, served.read):
        raise StatusListError(StatusErrorCode.VERIFICATION, f"{served.source}: {wrong}")
    return bit_at(served.read.bits, place.index)


def _not_the_list(place: StatusPlace, read: ReadList) -> str | None:
    if read.url is not None and read.url != place.url and (place.list_id is None or list_id_in(read.url) != place.list_id):
        return f"it is the list {read.url}, not {place}"
    if place.purpose is not None and place.purpose not in read.purposes:
        return f"its purpose is {' and '.join(sorted(read.purposes))}, not {place.purpose}"
    return None


def _signature_wanting(served: Served, now: datetime) -> str | None:
    """Why the signature does not count now."""
    read = served.read
    if served.not_shown is not None:
        return f"its signature shows nothing: {served.not_shown}"
    begins = max((time for time in (read.signed_at, read.valid_from) if time is not None), default=now)
    if begins > now + CLOCK_SKEW:
        return f"it is valid from {format_time(begins)} only"
    if read.valid_until is not None and read.valid_until <= now:
        return f"it was valid until {format_time(read.valid_until)}"
    return None


def _verdict(
    place: StatusPlace, read: ReadList, basis: Basis, words: str, *, is_set: bool, head: Head | None = None
) -> ListFinding:
    purpose = place.purpose or (StatusPurpose.SUSPENSION if read.purposes == {"suspension"} else StatusPurpose.REVOCATION)
    set_means = Verdict.SUSPENDED if purpose is StatusPurpose.SUSPENSION else Verdict.REVOKED
    if is_set:
        return _found(place, Outcome.FAILED, set_means, f"{set_means}: {words}", basis, head)
    return _found(place, Outcome.PASSED, Verdict.CLEAR, f"not {set_means}: {words}", basis, head)


def _found(
    place: StatusPlace, outcome: Outcome, verdict: Verdict, reason: str, basis: Basis | None, head: Head | None = None
) -> ListFinding:
    return ListFinding(
        named_at=place.named_at, place=place, outcome=outcome, verdict=verdict, reason=reason, basis=basis, head=head
    )


def _unknown(place: StatusPlace, why: str, code: StatusErrorCode | None = None, head: Head | None = None) -> ListFinding:
    return ListFinding(
        named_at=place.named_at,
        place=place,
        outcome=Outcome.CANNOT_TELL,
        verdict=Verdict.UNKNOWN,
        reason=why,
        code=code,
        head=head,
    )
