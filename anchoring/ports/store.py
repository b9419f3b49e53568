"""What the use cases need of a store. Each docstring of its parts is a contract; one suite tests them on every database."""

from contextlib import AbstractContextManager
from typing import Protocol

from anchoring.ports.audit_log import AuditLog
from anchoring.ports.batches import Batches
from anchoring.ports.bundles import Bundles
from anchoring.ports.entries import Canaries, Entries
from anchoring.ports.figures import Figures
from anchoring.ports.issuers import Issuers
from anchoring.ports.rounds import Rounds
from anchoring.ports.status_keys import StatusKeys
from anchoring.ports.status_lists import StatusChanges, StatusLists
from anchoring.ports.status_versions import StatusVersions
from anchoring.ports.submissions import Orphans, Submissions


class UnitOfWork(Protocol):
    """One transaction. What was not committed when it ends is rolled back."""

    @property
    def entries(self) -> Entries: ...
    @property
    def canaries(self) -> Canaries: ...
    @property
    def batches(self) -> Batches: ...
    @property
    def bundles(self) -> Bundles: ...
    @property
    def status_versions(self) -> StatusVersions: ...
    @property
    def submissions(self) -> Submissions: ...
    @property
    def orphans(self) -> Orphans: ...
    @property
    def issuers(self) -> Issuers: ...
    @property
    def status_keys(self) -> StatusKeys: ...
    @property
    def rounds(self) -> Rounds: ...
    @property
    def figures(self) -> Figures: ...
    @property
    def status_lists(self) -> StatusLists: ...
    @property
    def status_changes(self) -> StatusChanges: ...
    @property
    def audit_log(self) -> AuditLog: ...

    def commit(self) -> None:
        """Make it durable. Raises: StoreUnavailable when it is not known whether it is."""


class Reader(Protocol):
    """Opens units of work that only read, one after the other and soon after each other, for one thread at a time.

    Raises: StoreUnavailable when the database does not answer.
    """

    def reading(self) -> AbstractContextManager[UnitOfWork]: ...

    def close(self) -> None:
        """Give back what it keeps; it may be used again."""


class Writer(Protocol):
    """Opens units of work as `Store.writing` does, one after the other and soon after each other, for one thread at a time."""

    def writing(self) -> AbstractContextManager[UnitOfWork]: ...

    def close(self) -> None:
        """Give back what it keeps; it may be used again."""


class Store(Protocol):
    """Opens units of work. No unit of work is open during a call to the ledger.

    Raises: StoreUnavailable when the database does not answer.
    """

    def reading(self) -> AbstractContextManager[UnitOfWork]: ...

    def writing(self, *, is_durable: bool = True) -> AbstractContextManager[UnitOfWork]:
        """On SQLite it waits for the write lock at once, so that nothing read in it can change before it ends.

        `is_durable`: False for what can be made again. A power cut may take it as long as nothing durable was committed after it.
        """

    def reader(self) -> Reader:
        """One that keeps what it reads with."""

    def writer(self) -> Writer:
        """One that keeps what it writes with."""
