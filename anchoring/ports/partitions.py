"""Partitions of entries, which PostgreSQL has."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """`first_id`, `last_id`, `since`, `until`: of the entries in it, None where there are none. `size`: bytes, with indexes."""

    name: str
    first_id: int | None
    last_id: int | None
    since: datetime | None
    until: datetime | None
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionToDetach:
    """Of which entries may leave. `first_id`, `last_id`: of the entries in it."""

    name: str
    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachedPartition:
    """What became of it. `table`: where the `entries` are that left, of `size` bytes with indexes. `kept`: how many stayed."""

    name: str
    table: str
    entries: int
    kept: int
    size: int
