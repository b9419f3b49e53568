"""The audit log: a record of every write and every administrative act, each chained to the one before.

The hash of a record is the SHA-256 of its RFC 8785 form, with the hash of the record before as `previous`. So whoever has noted
one hash can tell whether any record up to it was changed, removed, inserted or moved; rounds post the newest as a digest, and the
ledger notes it for everybody.

A record holds no digest, only the SHA-256 of salts and digests, which says nothing once they are erased. Where an act came from
stands beside the log, under its SHA-256 with a salt: the log stays whole when it is forgotten.
"""

import hashlib
import json
import json.encoder
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, TypeAlias

from anchoring.types import HASH_BYTES, Did, to_hex

START: Final = bytes(HASH_BYTES)
"""What the first record names as the hash before it."""

SOURCE_SALT_BYTES: Final = 16

Detail: TypeAlias = Mapping[str, str | bool | int | Sequence[str] | None]
"""What was done, in a few words and numbers; never a digest or a secret. Numbers stay below 2^53, or JSON would not keep them."""


class ActResult(StrEnum):
    """What became of it."""

    BEGUN = "begun"
    """What cannot be undone is recorded before, and again with its end."""
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that was done. `actor`: a key's name, `command line` or `round`. `source`: an address, or user and host.

    `issuer`: in whose name. `action`: `noun.past_verb`, as in the log of events. `detail`: or what `detail_text` makes of it.
    """

    at: datetime
    actor: str
    source: str
    action: str
    issuer: Did | None = None
    result: ActResult = ActResult.DONE
    detail: Detail | str


def round_act(action: str, detail: Detail | str, *, at: datetime, host: str, issuer: Did | None = None) -> Act:
    """What a round does by itself. `host`: where it runs. `issuer`: in whose name."""
    return Act(at=at, actor="round", source=host, action=action, issuer=issuer, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What is kept of an act. `number`: from 1, without gaps. `detail`: as `detail_text` writes it.

    `source`: SHA-256 of 16 random bytes and the source.
    """

    number: int
    at: datetime
    actor: str
    issuer: Did | None
    action: str
    result: str
    detail: str
    source: bytes
    hash: bytes

    def follows(self, previous: bytes) -> bool:
        """Whether its hash is that of what it says, with `previous` as the hash before it."""
        text = record_text(self, self.number, previous, self.detail, self.source)
        return hashlib.sha256(text.encode(errors="replace")).digest() == self.hash

    def to_json(self, previous: bytes) -> dict[str, Any]:
        """As it is exported: without `hash`, RFC 8785 and SHA-256 make `hash` of it."""
        return {
            "action": self.action,
            "actor": self.actor,
            "at": exact(self.at),
            "detail": _readable(self.detail),
            "issuer": self.issuer,
            "number": self.number,
            "previous": to_hex(previous),
            "result": self.result,
            "source": to_hex(self.source),
            "hash": to_hex(self.hash),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """Number and hash of a record; of the newest one, it stands for the whole log."""

    number: int
    hash: bytes


def record_text(of: "Act | AuditRecord", number: int, previous: bytes, detail: str, source: bytes) -> str:
    """The RFC 8785 form, put together by hand: it is made for every post."""
    issuer = "null" if of.issuer is None else _quoted(of.issuer)
    return (
        f'{{"action":{_quoted(of.action)},"actor":{_quoted(of.actor)},"at":"{exact(of.at)}","detail":{detail},"issuer":{issuer},'
        f'"number":{number},"previous":"0x{previous.hex()}","result":{_quoted(of.result)},"source":"0x{source.hex()}"}}'
    )


def record_hash(text: str) -> bytes:
    """Of what `record_text` gives."""
    return hashlib.sha256(text.encode()).digest()


def detail_text(detail: Detail) -> str:
    """Its RFC 8785 form: names are ASCII, and there are no fractions."""
    return _DETAIL.encode(detail)


def digests_detail(salts: bytes, digests: bytes) -> str:
    """Of posted digests, as `detail_text` gives it. `salts`: n × 16 bytes; `digests`: n × 32 bytes."""
    return f'{{"count":{len(digests) // HASH_BYTES},"trace":"{trace_of(salts, digests)}"}}'


@lru_cache(16)
def exact(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def trace_of(salts: bytes, digests: bytes) -> str:
    """What a record says of digests: who has them and their salts can find it, and nobody else can say what it was.

    `salts`: n × 16 bytes; `digests`: n × 32 bytes; both in the order of the request.
    """
    return to_hex(hashlib.sha256(salts + digests).digest())


def source_hash(salt: bytes, source: str) -> bytes:
    """What a record says of where an act came from. `salt`: 16 bytes."""
    return hashlib.sha256(salt + source.encode()).digest()


class ChainCheck:
    """Holds records against each other as they come, oldest first. `faults`: sentences, each naming records."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.head = AuditHead(number=0, hash=START)
        self._broken: list[int] = []

    def add(self, record: AuditRecord) -> None:
        """The next record there is."""
        before = self.head
        if record.number < 1:
            self.faults.append(f"record {record.number} stands before the first: it was inserted")
            return
        if record.number != before.number + 1:
            self.close()
            self.faults.append(f"{_records(before.number + 1, record.number - 1)} missing")
        elif record.follows(before.hash):
            self.close()
        else:
            self._broken.append(record.number)
        self.head = AuditHead(number=record.number, hash=record.hash)

    def close(self) -> None:
        """No more records come, or the last one follows the one before it."""
        if not self._broken:
            return
        first, last = self._broken[0], self._broken[-1]
        if first == last:
            wrong = f"record {first} does not follow record {first - 1}: one of them was changed after it was written"
        else:
            wrong = f"records {first} to {last} do not follow each other: they were moved, inserted or replaced"
        self.faults.append(wrong)
        self._broken.clear()


class SourceCheck:
    """Holds where acts came from against their records. `good`: a sentence for when nothing is wrong."""

    def __init__(self) -> None:
        self._told = 0
        self._forgotten = 0
        self._wrong: dict[bytes, list[int]] = {}

    def add(self, record: AuditRecord, source: str | None, *, fits: bool) -> None:
        """`source`: what stands beside the log, None once forgotten; `fits`: whether the record has the hash of it."""
        if source is None:
            self._forgotten += 1
        elif fits:
            self._told += 1
        else:
            first_and_count = self._wrong.setdefault(record.source, [record.number, 0])
            first_and_count[1] += 1

    @property
    def good(self) -> str:
        return f"{self._told} records say from where as it was recorded, of {self._forgotten} it is forgotten"

    def faults(self) -> list[str]:
        """A sentence for each source that was changed."""
        return [
            f"from where record {first} came was changed after it was written; {count} records say the same"
            for first, count in self._wrong.values()
        ]


def _records(first: int, last: int) -> str:
    return f"record {first} is" if first == last else f"records {first} to {last} are"


def _readable(detail: str) -> Any:
    """What somebody changed may be no JSON."""
    try:
        return json.loads(detail)
    except ValueError:
        return detail


_DETAIL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_quoted: Final = json.encoder.encode_basestring
