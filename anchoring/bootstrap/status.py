"""What a verifier gives becomes a way to heads and status lists."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from anchoring.bounded_http import HttpGetter, NoAnswer
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.errors import InvalidInput
from anchoring.ports.ledger import RegistryReader
from anchoring.ports.status_sources import GotList
from anchoring.signing.key_sources import ResolvedKeys
from anchoring.signing.lists import SignedLists
from anchoring.types import Did
from anchoring.usecases.find_status_lists import Copy, HeadReader, VerifierLists

LIST_TIMEOUT_S: Final = 15.0
LIST_MAX_BYTES: Final = 1024 * 1024
"""A list of 2^20 random bits, signed as a token, takes a quarter of it."""

ACCEPT: Final = "application/vc, application/vc+jwt, application/statuslist+jwt, application/jwt, application/json;q=0.5"


class HttpLists:
    """Implements ports.ListFetcher. What stands below `trusted`, which the verifier named, may be on a private host."""

    def __init__(self, *, allow_private: bool, trusted: str | None) -> None:
        self._getter = _getter(allow_private=allow_private)
        self._trusted_getter = _getter(allow_private=True)
        self._trusted = trusted.rstrip("/") + "/" if trusted else None

    def fetch(self, url: str, *, fresh: bool) -> GotList:
        getter = self._trusted_getter if self._trusted and url.startswith(self._trusted) else self._getter
        try:
            found = getter.get(url, accept=ACCEPT, fresh=fresh)
        except (NoAnswer, ValueError) as failed:
            raise StatusListError(StatusErrorCode.RETRIEVAL, f"it was not got: {failed}") from None
        return GotList(content=found.content, media_type=found.media_type, source=f"the list at {url}")


def open_verifier_lists(
    heads: RegistryReader | str,
    *,
    service: str | None,
    copies: Sequence[Path],
    signers: Sequence[Did],
    allow_private: bool,
    now: datetime,
) -> VerifierLists:
    """Nothing is asked yet, only the copies are read. `heads`: a reader of the pinned contract, or why there is none.

    Raises: InvalidInput naming the file that is no list.
    """
    return VerifierLists(
        heads=HeadReader(None, heads) if isinstance(heads, str) else HeadReader(heads),
        fetcher=HttpLists(allow_private=allow_private, trusted=service),
        checker=SignedLists(),
        keys=open_keys(allow_private=allow_private, at=now),
        service=service,
        copies=read_copies(copies),
        signers=frozenset(signers),
    )


def open_keys(*, allow_private: bool, at: datetime) -> ResolvedKeys:
    """Keys of did:key and did:web that are in force then; no host is asked yet."""
    return ResolvedKeys(_getter(allow_private=allow_private), allow_private=allow_private, at=at)


def read_copies(paths: Sequence[Path]) -> list[Copy]:
    """Lists in these files, and in the files of these folders. Raises: InvalidInput naming the file."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if not file.is_dir()]
    return [_read_copy(file) for file in files]


def _read_copy(file: Path) -> Copy:
    try:
        content = file.read_bytes()
        read = SignedLists().read(content, "")
    except OSError as failed:
        raise InvalidInput(f"cannot be read: {failed.strerror}", at=str(file)) from failed
    except StatusListError as unfit:
        raise InvalidInput(f"is no status list: {unfit.message}", at=str(file)) from unfit
    if read.url is None:
        raise InvalidInput("does not say which list it is", at=str(file))
    return Copy(got=GotList(content=content, media_type="", source=f"the copy {file.name}"), read=read)


def _getter(*, allow_private: bool) -> HttpGetter:
    return HttpGetter(timeout_s=LIST_TIMEOUT_S, max_bytes=LIST_MAX_BYTES, allow_private=allow_private)
