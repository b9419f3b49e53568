"""A verifier's own way to heads and lists: a node, copies, the hosts that publish lists. Nobody is believed.

Whether a signature counts is decided here: the signer must be the credential's issuer, the DID that the host in the list's URL
publishes, or one that the verifier named. A signature of anybody else shows nothing, and only the head on the ledger is left.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from anchoring.core.proof_json import format_time
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.core.status_documents import ReadList
from anchoring.core.status_entry import list_id_in
from anchoring.core.status_judgement import Head, HeadNotShown, HeadShown, Served, StatusPlace, Unserved
from anchoring.errors import LedgerUnavailable, Misconfigured
from anchoring.ports.ledger import Head as Block
from anchoring.ports.ledger import RegistryReader
from anchoring.ports.signing import KeySource, ListChecker
from anchoring.ports.status_sources import GotList, ListFetcher
from anchoring.types import Did, ListId


class HeadReader:
    """Heads as one node shows them, all as of one block. `reader`: None with `why` there is none."""

    def __init__(self, reader: RegistryReader | None, why: str = "") -> None:
        self._reader = reader
        self._why = why
        self._at: Block | None = None

    def head(self, list_id: ListId) -> HeadShown | HeadNotShown:
        """Ask the contract. A node that is out of reach, or shows another chain or contract, shows nothing."""
        if self._reader is None:
            return HeadNotShown(self._why)
        try:
            if self._at is None:
                self._reader.identity()
                self._at = self._reader.head()
            found = self._reader.status_head(list_id, self._at)
        except (LedgerUnavailable, Misconfigured) as failed:
            self._reader, self._why = None, failed.message  # asking again would cost the same wait again
            return HeadNotShown(failed.message)
        head = Head(version=found.version, published_at=found.published_at, digest=found.digest) if found else None
        source = f"the ledger as of block {self._at.block.number} at {format_time(self._at.time)}"
        return HeadShown(head=head, source=source, as_of=self._at.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A list in a file that the verifier named, read and not believed."""

    got: GotList
    read: ReadList


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierLists:
    """Implements ports.StatusSource, for a verifier who trusts nobody.

    `service`: where lists that follow from a batch are published, an absolute URL; None where the verifier named none. `signers`:
    DIDs whose signature counts for every list.
    """

    heads: HeadReader
    fetcher: ListFetcher
    checker: ListChecker
    keys: KeySource
    service: str | None
    copies: Sequence[Copy]
    signers: frozenset[Did]

    @property
    def at_hand(self) -> bool:
        return False

    def head(self, list_id: ListId) -> HeadShown | HeadNotShown:
        return self.heads.head(list_id)

    def served(self, place: StatusPlace, issuer: Did | None, *, fresh: bool) -> Served | Unserved:
        url = self._url(place)
        copy = None if fresh else self._copy(place)
        if copy is None and url is None:
            return Unserved(
                code=StatusErrorCode.RETRIEVAL,
                why="no service was named to get it from, and no copy of it: name one with --service or --list",
            )
        try:
            got = copy.got if copy else self.fetcher.fetch(str(url), fresh=fresh)
            return self._opened(got, self._may_sign(url, issuer))
        except StatusListError as failed:
            return Unserved(code=failed.code, why=failed.message)

    def _url(self, place: StatusPlace) -> str | None:
        if place.url is not None or place.list_id is None or self.service is None:
            return place.url
        return f"{self.service.rstrip('/')}/v1/status-lists/{place.list_id.hex()}"

    def _copy(self, place: StatusPlace) -> Copy | None:
        """The newest copy that says it is this list."""
        of_place = [copy for copy in self.copies if _is_of(copy.read, place)]
        return max(of_place, key=lambda copy: copy.read.signed_at.timestamp() if copy.read.signed_at else 0.0, default=None)

    def _may_sign(self, url: str | None, issuer: Did | None) -> frozenset[str]:
        host = did_web_of_host(url) if url else None
        return self.signers | {did for did in (issuer, host) if did is not None}

    def _opened(self, got: GotList, may_sign: Collection[str]) -> Served:
        """What the list says and what its signature shows. Raises: StatusListError when it is unreadable or signed falsely."""
        read, not_shown = self.checker.read(got.content, got.media_type), None
        if read.signer not in may_sign:
            not_shown = (
                f"{read.signer} is not who may sign it, which is {' or '.join(sorted(may_sign)) or 'nobody that is known'}"
            )
        else:
            try:
                read = self.checker.check(got.content, got.media_type, self.keys)
            except StatusListError as failed:
                if failed.code is not StatusErrorCode.RETRIEVAL:
                    raise
                not_shown = failed.message  # the key is out of reach
        return Served(read=read, source=got.source, word=f"by signature of {read.signer}", not_shown=not_shown)


def did_web_of_host(url: str) -> Did | None:
    """The DID that the host of a URL publishes at `/.well-known/did.json` (did:web, section 3.2); None where no host is named."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or ":" in host:
        return None  # did:web has no form for IPv6 addresses
    return Did(f"did:web:{host}" + (f"%3A{port}" if port is not None else ""))


def _is_of(read: ReadList, place: StatusPlace) -> bool:
    if read.url is None:
        return False
    return read.url == place.url or (place.list_id is not None and list_id_in(read.url) == place.list_id)
