"""A client of the HTTP API, for issuers' and verifiers' own programs and for the command line."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from anchoring.errors import (
    AnchoringError,
    Conflict,
    InvalidInput,
    Misconfigured,
    NotAllowed,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    UnsupportedMediaType,
)
from anchoring.types import SALT_BYTES, Did, Digest, ListId, Root, to_hex

TIMEOUT_S: Final = 60.0
_NDJSON: Final = "application/x-ndjson"

_ERRORS: Final[dict[int, type[AnchoringError]]] = {
    400: InvalidInput,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    415: UnsupportedMediaType,
    422: InvalidInput,
}


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """The service has no proof yet. `retry_after_s`: when it expects to have one."""

    state: str
    retry_after_s: float


class AnchoringClient:
    """Talks to one service. Close it, or use it in a `with` statement.

    Raises, everywhere: ServiceUnavailable when the service does not answer, is overloaded, or is not one of ours; otherwise the
    error that its problem document stands for.
    """

    def __init__(self, url: str, *, api_key: str | None = None, transport: httpx2.BaseTransport | None = None) -> None:
        """Nothing is sent yet. Raises: Misconfigured for a URL or key that cannot be one."""
        if api_key and not (api_key.isascii() and api_key.isprintable()):
            raise Misconfigured("the API key has characters that no key has")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        try:
            self._http = httpx2.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, transport=transport)
        except httpx2.InvalidURL:
            raise Misconfigured("the service's address is not a URL such as http://127.0.0.1:8000") from None
        if self._http.base_url.scheme not in {"http", "https"} or not self._http.base_url.host:
            raise Misconfigured("the service's address is not a URL such as http://127.0.0.1:8000")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Where the service is, without the account that may stand there."""
        return str(self._http.base_url.copy_with(userinfo=b""))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post_credential(self, body: bytes, media_type: str, *, canonicalization: str | None = None) -> dict[str, Any]:
        """Post a credential in its media type; the answer names digest, salt and links."""
        query = {"canonicalization": canonicalization} if canonicalization else {}
        headers = {"Content-Type": media_type}
        return self._json("POST", "/v1/credentials", content=body, headers=headers, params=query)

    def post_digests(self, digests: Sequence[Digest], *, canonicalization: str | None = None) -> bytes:
        """Post digests in bulk; the answer is their salts, 16 bytes each, in the same order."""
        body, media_type = b"".join(digests), "application/octet-stream"
        if canonicalization is not None:
            named = [{"digest": to_hex(digest), "canonicalization": canonicalization} for digest in digests]
            body, media_type = b"".join(json.dumps(one).encode() + b"\n" for one in named), _NDJSON
        headers = {"Content-Type": media_type, "Accept": "application/octet-stream"}
        response = self._request("POST", "/v1/digests", content=body, headers=headers)
        if len(response.content) != SALT_BYTES * len(digests):
            raise _foreign(response)
        return response.content

    def get_ledger(self) -> dict[str, Any]:
        """Which ledger, and how things stand."""
        return _content(self._request("GET", "/v1/ledger"), "ledger", "contract")

    def get_batch(self, root: Root) -> dict[str, Any]:
        """One batch."""
        return _content(self._request("GET", f"/v1/batches/{to_hex(root)}"), "treeSize", "statedLeafCount")

    def get_standing(self, digest: Digest, issuer: Did | None = None) -> dict[str, Any]:
        """How far a digest has come."""
        return self._json("GET", f"/v1/digests/{to_hex(digest)}", params=_issuer(issuer))

    def get_proof(self, digest: Digest, issuer: Did | None = None, *, bundle: bool = False) -> dict[str, Any] | StillWaiting:
        """The proof as JSON, or how long it will still take. `bundle`: with its bundle, null while there is none.

        Raises: Conflict when several issuers posted the digest.
        """
        params = _issuer(issuer) | _bundle(bundle)
        response = self._request("GET", f"/v1/proofs/{to_hex(digest)}", params=params)
        if response.status_code == httpx2.codes.ACCEPTED:
            return StillWaiting(str(_content(response, "state")["state"]), _retry_after_s(response))
        return _content(response, "anchor")

    def get_status(self, digest: Digest, issuer: Did | None = None) -> dict[str, Any]:
        """How a credential stands by the service's word, with its places in lists."""
        return _content(self._request("GET", f"/v1/status/{to_hex(digest)}", params=_issuer(issuer)), "lists")

    def change_status(self, changes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Revoke, suspend or reinstate, all or nothing; what is recorded for each, in order. Repeating it changes nothing."""
        body = b"".join(json.dumps(change).encode() + b"\n" for change in changes)
        response = self._request("POST", "/v1/status-changes", content=body, headers={"Content-Type": _NDJSON})
        made: list[dict[str, Any]] = _content(response, "changes")["changes"]
        if len(made) != len(changes):
            raise _foreign(response)
        return made

    def create_status_list(self, purpose: str, signed_by: str) -> dict[str, Any]:
        """Make a numbered list."""
        return _content(
            self._request("POST", "/v1/status-lists", json={"purpose": purpose, "signedBy": signed_by}), "list", "url"
        )

    def reserve_indexes(self, list_id: ListId, count: int) -> dict[str, Any]:
        """Reserve indexes in a numbered list, or in the one it goes on in."""
        path = f"/v1/status-lists/{to_hex(list_id)}/entries"
        return _content(self._request("POST", path, json={"count": count}), "purpose", "lists", "entries")

    def upload_status_list(self, list_id: ListId, content: bytes, media_type: str) -> dict[str, Any]:
        """Publish a list that the issuer signed itself. The same again changes nothing."""
        path, headers = f"/v1/status-lists/{to_hex(list_id)}", {"Content-Type": media_type}
        return _content(self._request("PUT", path, content=content, headers=headers), "list", "url", "changed")

    def status_record(self) -> Iterator[bytes]:
        """The issuer's record of changes as NDJSON, as it arrives."""
        yield from self._lines("/v1/status-changes")

    def batch_proofs(self, root: Root, *, wanted: str, bundle: bool = False) -> Iterator[bytes]:
        """The proofs of the issuer's entries in one batch as NDJSON, as they arrive. `wanted`: their format.

        `bundle`: as for one. Raises: ServiceUnavailable while the batch waits for the ledger.
        """
        yield from self._lines(f"/v1/batches/{to_hex(root)}/proofs", params={"format": wanted} | _bundle(bundle))

    def _lines(self, path: str, *, params: Mapping[str, str] | None = None) -> Iterator[bytes]:
        try:
            with self._http.stream("GET", path, params=params) as response:
                if not response.is_success:
                    response.read()
                    raise _error_of(response)
                if response.status_code == httpx2.codes.ACCEPTED:
                    response.read()
                    raise ServiceUnavailable(f"the batch is still {_content(response, 'state')['state']}")
                if response.headers.get("content-type", "").partition(";")[0] != _NDJSON:
                    raise _foreign(response)
                yield from response.iter_bytes()
        except httpx2.HTTPError as failed:
            raise self._unreachable(failed) from failed

    def wait_for_proof(
        self,
        digest: Digest,
        issuer: Did | None = None,
        *,
        bundle: bool = False,
        at_most_s: float,
        final: bool,
        waiting: Callable[[str], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> dict[str, Any]:
        """Ask until the proof is there and, if `final`, until its anchor is final. `waiting` is told the state meanwhile.

        Raises: ServiceUnavailable when it takes longer than `at_most_s`.
        """
        deadline = time.monotonic() + at_most_s
        while True:
            found = self.get_proof(digest, issuer, bundle=bundle)
            if isinstance(found, StillWaiting):
                state, pause_s = found.state, found.retry_after_s
            elif final and found["anchor"]["state"] != "final":
                state, pause_s = found["anchor"]["state"], 1.0
            else:
                return found
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise ServiceUnavailable(f"the digest is still {state} after {at_most_s:g} s")
            waiting(state)
            sleep(min(pause_s, remaining_s, 5.0))

    def erase(self, digest: Digest) -> bool:
        """Have an entry erased; False while that waits for its batch to be sealed."""
        return self._request("DELETE", f"/v1/digests/{to_hex(digest)}").status_code == httpx2.codes.NO_CONTENT

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return _content(self._request(method, path, **options), "digest")

    def _request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx2.HTTPError as failed:
            raise self._unreachable(failed) from failed
        if response.status_code == httpx2.codes.MULTIPLE_CHOICES:
            issuers = ", ".join(map(str, _content(response, "issuers")["issuers"]))
            raise Conflict(f"several issuers posted this digest, say which is meant: {issuers}")
        if not response.is_success:
            raise _error_of(response)
        return response

    def _unreachable(self, failed: httpx2.HTTPError) -> ServiceUnavailable:
        return ServiceUnavailable(f"{self.url} does not answer: {type(failed).__name__}")


def _issuer(issuer: Did | None) -> dict[str, str]:
    return {"issuer": issuer} if issuer else {}


def _bundle(wanted: bool) -> dict[str, str]:
    return {"bundle": "true"} if wanted else {}


def _content(response: httpx2.Response, *expected: str) -> dict[str, Any]:
    """The members of a JSON answer. Raises: ServiceUnavailable when it is something else: a proxy's page, another program."""
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict) or any(name not in content for name in expected):
        raise _foreign(response)
    return content


def _foreign(response: httpx2.Response) -> ServiceUnavailable:
    return ServiceUnavailable(f"{response.url.host} answered {response.status_code} with something that is not this API's")


def _retry_after_s(response: httpx2.Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 1.0


def _error_of(response: httpx2.Response) -> AnchoringError:
    try:
        problem = _content(response, "detail")
    except ServiceUnavailable as foreign:
        return foreign
    detail, limit = str(problem["detail"]), problem.get("limit")
    if response.status_code == httpx2.codes.CONTENT_TOO_LARGE:
        return TooLarge(detail, limit=limit if isinstance(limit, int) else 0)
    return _ERRORS.get(response.status_code, ServiceUnavailable)(detail)
