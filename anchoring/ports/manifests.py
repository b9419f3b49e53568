"""Where manifests of batches are kept, apart from the database: a folder mounted from elsewhere, or another store of objects."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from anchoring.types import Root


class ManifestPlace(Protocol):
    """Keeps one manifest a root. It encrypts what it is given, and what it gives back is authentic.

    Raises, everywhere: ManifestsUnavailable when the place cannot be reached, is full or refuses.
    """

    def roots(self) -> frozenset[Root]:
        """The roots whose manifest is there durably."""

    def keep(self, root: Root, content: Callable[[], Iterable[bytes]]) -> None:
        """Put a manifest in the place of the one that may be there: the old one or the new one is there, and never a part.

        MUST claim the root before it calls `content`, and take the claim of everybody else away with that, so that a writer who
        was asleep cannot put content from before into the place. When it returns, the new one is durable.
        """

    def read(self, root: Root) -> Iterator[bytes]:
        """The content in pieces. Raises: InvalidInput when it is damaged or was encrypted with another key."""
