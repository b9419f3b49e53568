"""What several routers say alike: links, times, ETags, choices."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import orjson
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from anchoring.core.batch import Batch
from anchoring.core.proof import AnchorClaim, Registry
from anchoring.core.proof_json import anchor_to_json
from anchoring.types import Did, to_hex
from anchoring.usecases.trace_digest import Standing
from service.request_fields import field_of
from service.state import Service

REVALIDATE: Final = "no-cache"
FINAL: Final = "public, max-age=300"
"""Not for ever: a deep reorg takes a final proof back, and that must come through."""
IMMUTABLE: Final = "public, max-age=31536000, immutable"


LARGE_BYTES: Final = 8 * 1024


def links(service: Service, digest: str, did: Did) -> dict[str, str]:
    """Links of one entry. `digest`: hexadecimal, or `{digest}` in a template."""
    base, query = service.api.public_url.rstrip("/"), f"?issuer={quote(did, safe=':')}"
    return {"digest": f"{base}/v1/digests/{digest}{query}", "proof": f"{base}/v1/proofs/{digest}{query}"}


def status_link(service: Service, digest: str, did: Did) -> str:
    """Where the status of one entry is told."""
    return f"{service.api.public_url.rstrip('/')}/v1/status/{digest}?issuer={quote(did, safe=':')}"


def json_bytes(content: Any) -> bytes:
    """JSON as compact as it gets, from values that are JSON already."""
    return orjson.dumps(content)


def json_answer(content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON as `json_bytes` writes it."""
    return Response(json_bytes(content), status_code=status, media_type="application/json", headers=dict(headers or {}))


def cached_answer(scope: Scope, body: bytes, media_type: str, cache_control: str) -> Response:
    """An answer with a strong ETag, or 304 when the client has it."""
    etag = _etag_of_kept(body) if len(body) > LARGE_BYTES else _etag(body)
    headers = {"ETag": etag, "Cache-Control": cache_control}
    if _has(scope, etag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


@lru_cache(maxsize=64)
def _etag_of_kept(body: bytes) -> str:
    """Of a large body, such as a status list, which is kept while it is the same and asked for again and again."""
    return _etag(body)


def choices(service: Service, digest: bytes, issuers: Sequence[Did], kind: str, *, more: str = "") -> Response:
    """300: several issuers posted the digest. `kind`: which of the links leads on, or `status`. `more`: of their query."""
    text = to_hex(digest)
    found = [links(service, text, did)[kind] if kind != "status" else status_link(service, text, did) for did in issuers]
    return JSONResponse(
        {"issuers": list(issuers), "links": [link + more for link in found]},
        status_code=300,
        headers={"Cache-Control": REVALIDATE},
    )


def standing_json(service: Service, standing: Standing, wait_s: int | None) -> dict[str, Any]:
    """How far an entry has come. `wait_s`: seconds until its proof can be expected, None when it is there."""
    entry, batch = standing.entry, standing.batch
    return {
        "issuer": entry.issuer,
        "digest": to_hex(entry.digest),
        "canonicalization": entry.canonicalization,
        "receivedAt": exact_time(entry.received_at),
        "state": standing.state,
        "root": to_hex(batch.tree.root) if batch and batch.tree else None,
        "retryAfterS": wait_s,
        "links": links(service, to_hex(entry.digest), entry.issuer),
    }


def anchor_json(registry: Registry, batch: Batch) -> dict[str, Any] | None:
    """The `anchor` member of proofs and batches."""
    return None if batch.anchor is None else anchor_to_json(AnchorClaim.of(batch.anchor, batch.state, registry))


def exact_time(moment: datetime) -> str:
    """RFC 3339 in UTC with microseconds: times of ours, not of the ledger."""
    return moment.isoformat().replace("+00:00", "Z")


def _has(scope: Scope, etag: str) -> bool:
    held = field_of(scope, b"if-none-match")
    if not held:
        return False
    return held.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in held.split(","))
