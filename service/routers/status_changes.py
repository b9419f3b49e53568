"""Revoking, suspending and reinstating, and the issuer's own record of it."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from anchoring.core.audit_log import Detail
from anchoring.core.issuer import Issuer
from anchoring.core.status_change import StatusAction
from anchoring.core.status_reason import StatusReason
from anchoring.ports.status_lists import ChangeRecord
from anchoring.ports.store import Store
from anchoring.types import to_hex
from anchoring.usecases.change_status import MadeChange, change_status
from service.acts import origin_of, recorded
from service.answers import exact_time, json_answer
from service.bodies import compute, refuse_unknown_query
from service.change_bodies import EXPLANATION_CHARACTERS, NDJSON, read_changes
from service.dependencies import ServiceDep, StatusWriter
from service.schemas import ChangesMade

router = APIRouter(tags=["status"])

MANY_CHANGES = 1_000
"""An answer about more takes milliseconds to write."""

RECORDS_AT_ONCE = 1_000

MOST_NAMED = 10
"""Changes of one request that the audit log names by list and index."""

_HEX_32 = {"type": "string", "pattern": "^(0x)?[0-9a-fA-F]{64}$"}
_CHANGE = {
    "type": "object",
    "properties": {
        "action": {"enum": list(StatusAction)},
        "digest": _HEX_32,
        "list": _HEX_32,
        "index": {"type": "integer", "minimum": 0},
        "reason": {"enum": list(StatusReason)},
        "explanation": {"type": "string", "maxLength": EXPLANATION_CHARACTERS},
        "effectiveAt": {"type": "string", "format": "date-time"},
        "expected": {"type": "integer", "minimum": 0},
        "unbound": {"type": "boolean"},
    },
    "required": ["action"],
    "additionalProperties": False,
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"changes": {"type": "array", "items": _CHANGE, "minItems": 1}},
                    "required": ["changes"],
                    "additionalProperties": False,
                }
            },
            NDJSON: {"schema": {"type": "string"}},
        },
    }
}


@router.post("/v1/status-changes", response_model=ChangesMade, openapi_extra=_BODY)
async def post_changes(request: Request, service: ServiceDep, caller: StatusWriter) -> Response:
    """Revoke, suspend or reinstate: one to 100,000 changes, all or nothing, as JSON or NDJSON. Repeating it changes nothing.

    Each names a digest, or a list and an index. The bits change at once; for an entry that waits, when it is sealed.
    """
    refuse_unknown_query(request)
    requests = await read_changes(request, service.api)
    await service.quotas.take(caller.issuer, len(requests), are_changes=True)
    change = recorded(
        service.clock,
        origin_of(request.scope, caller),
        "status.changed",
        lambda uow: change_status(uow, caller.issuer, requests, now=service.clock.now(), requested_by=caller.name),
        _noted,
    )
    made = await service.writes.write(change, rows=len(requests))
    headers = {"Cache-Control": "no-store"}
    return await compute(
        lambda: json_answer({"issuer": caller.issuer.did, "changes": [_made(one) for one in made]}, headers=headers),
        is_large=len(made) > MANY_CHANGES,
    )


@router.get(
    "/v1/status-changes",
    response_class=Response,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
)
def get_changes(request: Request, service: ServiceDep, caller: StatusWriter) -> Response:
    """The issuer's own record, oldest first, one change a line: who, when, why, and which version of the list shows it."""
    refuse_unknown_query(request)
    lines = _lines(service.store, caller.issuer)
    return StreamingResponse(lines, media_type=NDJSON, headers={"Cache-Control": "no-store"})


def _lines(store: Store, issuer: Issuer) -> Iterator[bytes]:
    """A thousand at once, so that no unit of work is open while a slow reader takes its time."""
    last_id = 0
    while True:
        with store.reading() as uow:
            page = uow.status_changes.page(issuer, last_id, RECORDS_AT_ONCE)
        if not page:
            return
        yield b"".join(_line(one) for one in page)
        last_id = page[-1].change.id


def _line(one: ChangeRecord) -> bytes:
    """Where an explanation has something that turns, hides or breaks text, all of the line is ASCII."""
    is_plain = (one.explanation or "").isprintable()
    return json.dumps(_record(one), ensure_ascii=not is_plain).encode() + b"\n"


def _noted(made: Sequence[MadeChange]) -> Detail:
    """For the audit log. Each change, with its reason, is in the issuer's own record; a few are named here too."""
    counts = {str(action): count for action, count in Counter(one.action for one in made).items()}
    few = [f"{one.action} {to_hex(one.list_id)} {one.index}" for one in made[:MOST_NAMED] if one.list_id]
    return counts | {"new": sum(one.is_new for one in made), "first": few}


def _made(one: MadeChange) -> dict[str, Any]:
    return {
        "action": one.action,
        "purpose": one.purpose,
        "digest": to_hex(one.digest) if one.digest else None,
        "list": to_hex(one.list_id) if one.list_id else None,
        "index": one.index,
        "change": one.number,
        "effectiveAt": exact_time(one.effective_at),
        "recordedAt": exact_time(one.recorded_at),
        "new": one.is_new,
        "notes": one.notes,
    }


def _record(one: ChangeRecord) -> dict[str, Any]:
    change = one.change
    return {
        "action": change.action,
        "purpose": change.purpose,
        "digest": to_hex(one.digest) if one.digest else None,
        "list": to_hex(one.list_id) if one.list_id else None,
        "index": change.place.index if change.place else None,
        "change": change.number,
        "reason": one.reason,
        "explanation": one.explanation,
        "effectiveAt": exact_time(change.effective_at),
        "recordedAt": exact_time(change.recorded_at),
        "appliedAt": exact_time(change.applied_at) if change.applied_at else None,
        "requestedBy": one.requested_by,
        "version": one.version,
    }
