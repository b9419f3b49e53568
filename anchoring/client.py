"""A client of the HTTP API, for issuers' and verifiers' own programs and for the command line."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from anchoring.errors import (
    AnchoringError,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    UnsupportedMediaType,
)
from anchoring.types import Did, Digest, to_hex

TIMEOUT_S: Final = 60.0

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

    Raises, everywhere: ServiceUnavailable when the service does not answer or is overloaded; otherwise the error that its problem
    document stands for.
    """

    def __init__(self, url: str, *, api_key: str | None = None, transport: httpx2.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def post_credential(self, body: bytes, media_type: str, *, canonicalization: str | None = None) -> dict[str, Any]:
        """Post a credential in its media type; the answer names digest, salt and links."""
        query = {"canonicalization": canonicalization} if canonicalization else {}
        headers = {"Content-Type": media_type}
        return self._json("POST", "/v1/credentials", content=body, headers=headers, params=query)

    def post_digests(self, digests: Sequence[Digest]) -> bytes:
        """Post digests in bulk; the answer is their salts, 16 bytes each, in the same order."""
        headers = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}
        return self._request("POST", "/v1/digests", content=b"".join(digests), headers=headers).content

    def get_standing(self, digest: Digest, issuer: Did | None = None) -> dict[str, Any]:
        """How far a digest has come."""
        return self._json("GET", f"/v1/digests/{to_hex(digest)}", params=_issuer(issuer))

    def get_proof(self, digest: Digest, issuer: Did | None = None) -> dict[str, Any] | StillWaiting:
        """The proof as JSON, or how long it will still take. Raises: Conflict when several issuers posted the digest."""
        response = self._request("GET", f"/v1/proofs/{to_hex(digest)}", params=_issuer(issuer))
        content: dict[str, Any] = response.json()
        if response.status_code == httpx2.codes.ACCEPTED:
            return StillWaiting(str(content["state"]), float(response.headers.get("retry-after", "1")))
        if response.status_code == httpx2.codes.MULTIPLE_CHOICES:
            raise Conflict(f"several issuers posted this digest, say which is meant: {', '.join(content['issuers'])}")
        return content

    def wait_for_proof(
        self,
        digest: Digest,
        issuer: Did | None = None,
        *,
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
            found = self.get_proof(digest, issuer)
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
        content: dict[str, Any] = self._request(method, path, **options).json()
        return content

    def _request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx2.HTTPError as failed:
            raise ServiceUnavailable(f"{self._http.base_url} does not answer: {type(failed).__name__}") from failed
        if response.is_error:
            raise _error_of(response)
        return response


def _issuer(issuer: Did | None) -> dict[str, str]:
    return {"issuer": issuer} if issuer else {}


def _error_of(response: httpx2.Response) -> AnchoringError:
    try:
        detail = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"the service answered {response.status_code}"
    if response.status_code == httpx2.codes.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge(detail, limit=0)
    return _ERRORS.get(response.status_code, ServiceUnavailable)(detail)
