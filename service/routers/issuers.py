"""Issuers and their keys: added by the operator, looked after by the operator and by each issuer itself."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response

from anchoring.core.audit_log import Detail
from anchoring.core.issuer import CANARY, LONGEST_OVERLAP_S, MOST_ITEMS_PER_DAY, ApiKey, Caller, Issuer, StoredKey
from anchoring.core.scopes import OF_ISSUERS, Scope, scopes_text
from anchoring.errors import Conflict, NotFound
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did
from anchoring.usecases.manage_issuers import (
    NAME_MAX_CHARACTERS,
    add_issuer,
    check_made_by_token,
    create_key,
    get_issuer,
    living_key,
    new_key_detail,
    revoke_key,
    rotate_key,
    set_quota,
)
from service.acts import origin_of, recorded
from service.answers import REVALIDATE, exact_time, json_answer
from service.bodies import refuse_unknown_query
from service.dependencies import DID, AnyKey, DidDep, KeysAdmin, Operator, ServiceDep
from service.key_requests import read_new_issuer, read_new_key, read_overlap, read_quota
from service.openapi import header, json_body
from service.quotas import next_day
from service.schemas import ApiKeysOut, IssuerOut, IssuerPublic, IssuersOut, NewApiKeyOut, QuotaOut
from service.state import Service

router = APIRouter(tags=["keys"])

T = TypeVar("T")

NOT_KEPT: Final = {"Cache-Control": "no-store"}

_NEW_ISSUER = json_body({"did": DID, "name": {"type": "string", "minLength": 1, "maxLength": NAME_MAX_CHARACTERS}}, "did", "name")
_SCOPE = {"enum": [one for one in Scope if one in OF_ISSUERS]}
_NEW_KEY = json_body(
    {
        "scopes": {"type": "array", "items": _SCOPE, "minItems": 1},
        "expiresAt": {"type": "string", "format": "date-time"},
    },
    "scopes",
)
_ROTATION = json_body({"overlapS": {"type": "integer", "minimum": 0, "maximum": LONGEST_OVERLAP_S}}, "overlapS")
_QUOTA = json_body({"itemsPerDay": {"type": ["integer", "null"], "minimum": 0, "maximum": MOST_ITEMS_PER_DAY}}, "itemsPerDay")
_LOCATION: dict[int | str, dict[str, Any]] = {201: {"headers": {"Location": header("the keys of the issuer")}}}

Prefix = Annotated[str, Path(description="The 8 characters after `ca_` in the key", pattern="^[0-9a-f]{8}$")]


@router.get("/v1/issuers", response_model=IssuersOut)
def get_issuers(request: Request, service: ServiceDep, _caller: Operator) -> Response:
    """Who may post. For the operator."""
    refuse_unknown_query(request)
    with service.store.reading() as uow:
        issuers = uow.issuers.all()
    return json_answer({"issuers": [_issuer_json(one) for one in issuers]}, headers=NOT_KEPT)


@router.post("/v1/issuers", status_code=201, response_model=IssuerOut, responses=_LOCATION, openapi_extra=_NEW_ISSUER)
async def post_issuer(request: Request, service: ServiceDep, caller: Operator) -> Response:
    """Let an issuer post. It needs a key as well. For the operator."""
    refuse_unknown_query(request)
    did, name = await read_new_issuer(request, service.api)

    def add(uow: UnitOfWork) -> Issuer:
        add_issuer(uow, did, name, now=service.clock.now(), at="$.name")
        return get_issuer(uow, did)

    made = await service.writes.write(_recorded(request, service, caller, did, "issuer.added", add, lambda _new: {"name": name}))
    return json_answer(_issuer_json(made), status=201, headers=NOT_KEPT | {"Location": _keys_url(service, did)})


@router.get("/v1/issuers/{did}", response_model=IssuerPublic, tags=["reading"])
async def get_issuer_public(request: Request, service: ServiceDep, did: DidDep) -> Response:
    """Who this is, as the operator recorded it. Whether it is accredited, verifiers look up themselves."""
    refuse_unknown_query(request)
    found = await service.reads.read(lambda uow: uow.issuers.with_did(did))
    if found is None:
        raise NotFound(f"issuer {did} is not known here")
    return json_answer({"did": found.did, "name": found.name, "accreditation": None}, headers={"Cache-Control": REVALIDATE})


@router.get("/v1/issuers/{did}/keys", response_model=ApiKeysOut)
async def get_keys(request: Request, service: ServiceDep, caller: KeysAdmin, did: DidDep) -> Response:
    """The issuer's keys, alive or not, oldest first; never their secrets."""
    refuse_unknown_query(request)
    keys = await service.reads.read(lambda uow: uow.issuers.keys_of(_meant(uow, caller, did)))
    return json_answer({"issuer": did, "keys": [_key_json(one) for one in keys]}, headers=NOT_KEPT)


@router.post("/v1/issuers/{did}/keys", status_code=201, response_model=NewApiKeyOut, responses=_LOCATION, openapi_extra=_NEW_KEY)
async def post_key(request: Request, service: ServiceDep, caller: KeysAdmin, did: DidDep) -> Response:
    """Make a key. The answer has its text, which is shown this once. Each call makes another."""
    refuse_unknown_query(request)
    scopes, expires_at = await read_new_key(request, service.api)
    await _count(service, caller)

    def create(uow: UnitOfWork) -> tuple[ApiKey, StoredKey]:
        of, now = _meant(uow, caller, did), service.clock.now()
        key = create_key(
            uow, of.did, scopes=scopes, expires_at=expires_at, now=now, random_bytes=service.random_bytes, at="$.expiresAt"
        )
        return key, _kept(uow, caller, key, now)

    made = await service.writes.write(
        _recorded(request, service, caller, did, "key.created", create, lambda made: new_key_detail(made[1]))
    )
    return _made(service, did, made)


@router.post(
    "/v1/issuers/{did}/keys/{prefix}/rotation",
    status_code=201,
    response_model=NewApiKeyOut,
    responses=_LOCATION,
    openapi_extra=_ROTATION,
)
async def post_rotation(request: Request, service: ServiceDep, caller: KeysAdmin, did: DidDep, prefix: Prefix) -> Response:
    """Make a key with the scopes of this one, which itself ends after `overlapS` seconds. The answer has the new one's text."""
    refuse_unknown_query(request)
    overlap = timedelta(seconds=await read_overlap(request, service.api))
    await _count(service, caller)

    def rotate(uow: UnitOfWork) -> tuple[ApiKey, StoredKey]:
        of, now = _meant(uow, caller, did), service.clock.now()
        if did == CANARY:
            raise Conflict("keys of the operator are made on the command line: credanchor issuer key rotate")
        key = rotate_key(uow, prefix, of=of, overlap=overlap, now=now, random_bytes=service.random_bytes)
        return key, _kept(uow, caller, key, now)

    def detail(made: tuple[ApiKey, StoredKey]) -> Detail:
        return new_key_detail(made[1]) | {"rotated": prefix, "overlapS": int(overlap.total_seconds())}

    made = await service.writes.write(_recorded(request, service, caller, did, "key.rotated", rotate, detail))
    service.keys.forget()
    return _made(service, did, made)


@router.delete("/v1/issuers/{did}/keys/{prefix}", status_code=204, response_model=None)
async def delete_key(request: Request, service: ServiceDep, caller: KeysAdmin, did: DidDep, prefix: Prefix) -> Response:
    """Take a key out of use at once; what was posted with it stays. A key may revoke itself."""
    refuse_unknown_query(request)

    def revoke(uow: UnitOfWork) -> None:
        revoke_key(uow, prefix, of=_meant(uow, caller, did), now=service.clock.now())

    await service.writes.write(_recorded(request, service, caller, did, "key.revoked", revoke, lambda _: {"key": prefix}))
    service.keys.forget()
    return Response(status_code=204)


@router.get("/v1/issuers/{did}/quota", response_model=QuotaOut)
async def get_quota(request: Request, service: ServiceDep, caller: AnyKey, did: DidDep) -> Response:
    """What the issuer may write in a day, and what is left of it today."""
    refuse_unknown_query(request)
    answer = await service.reads.read(lambda uow: _quota_json(uow, service, get_issuer(uow, _meant(uow, caller, did).did)))
    return json_answer(answer, headers=NOT_KEPT)


@router.put("/v1/issuers/{did}/quota", response_model=QuotaOut, openapi_extra=_QUOTA)
async def put_quota(request: Request, service: ServiceDep, caller: Operator, did: DidDep) -> Response:
    """Let the issuer write so many items in a day: 0 for any number, null for what the settings say. For the operator.

    What it wrote today before is no longer counted.
    """
    refuse_unknown_query(request)
    items_per_day = await read_quota(request, service.api)

    def change(uow: UnitOfWork) -> dict[str, Any]:
        set_quota(uow, _meant(uow, caller, did).did, items_per_day, now=service.clock.now(), at="$.itemsPerDay")
        return _quota_json(uow, service, get_issuer(uow, did))

    detail = {"itemsPerDay": items_per_day}
    changed = await service.writes.write(_recorded(request, service, caller, did, "quota.changed", change, lambda _: detail))
    service.keys.forget()
    return json_answer(changed, headers=NOT_KEPT)


async def _count(service: Service, caller: Caller) -> None:
    """A key that was revoked stays in the database: who makes one after the other could fill it."""
    if not caller.is_operator:
        await service.quotas.take(caller.issuer, 1)


def _kept(uow: UnitOfWork, caller: Caller, key: ApiKey, now: datetime) -> StoredKey:
    """What is kept of a key that was just made. Raises: Conflict, so that it is not, when an access token may not make it."""
    kept = living_key(uow, key.prefix, now=now)
    if caller.client is not None:
        check_made_by_token(kept, now=now)
    return kept


def _meant(uow: UnitOfWork, caller: Caller, did: Did) -> Issuer:
    """The issuer of the path. Raises: NotFound, in the same words for one that is not here and one that is somebody else."""
    if not caller.is_operator:
        if caller.issuer.did != did:
            raise NotFound(f"issuer {did} is not known here")
        return caller.issuer
    issuer = uow.issuers.with_did(did)
    if issuer is None:
        raise NotFound(f"issuer {did} is not known here")
    return issuer


def _recorded(
    request: Request,
    service: Service,
    caller: Caller,
    did: Did,
    action: str,
    write: Callable[[UnitOfWork], T],
    detail: Callable[[T], Detail],
) -> Callable[[UnitOfWork], T]:
    """In the name of the issuer that is looked after, whoever does it."""
    origin = replace(origin_of(request.scope, caller), issuer=did)
    return recorded(service.clock, origin, action, write, detail)


def _made(service: Service, did: Did, made: tuple[ApiKey, StoredKey]) -> Response:
    key, kept = made
    answer = _key_json(kept) | {"issuer": did, "key": key.text}
    return json_answer(answer, status=201, headers=NOT_KEPT | {"Location": _keys_url(service, did)})


def _keys_url(service: Service, did: Did) -> str:
    return f"{service.api.public_url.rstrip('/')}/v1/issuers/{quote(did, safe=':')}/keys"


def _issuer_json(one: Issuer) -> dict[str, Any]:
    return {"did": one.did, "name": one.name, "addedAt": exact_time(one.added_at), "itemsPerDay": one.items_per_day}


def _quota_json(uow: UnitOfWork, service: Service, one: Issuer) -> dict[str, Any]:
    return {
        "issuer": one.did,
        "itemsPerDay": service.quotas.of(one),
        "isOwn": one.items_per_day is not None,
        "leftToday": service.quotas.left(uow, one),
        "resetsAt": exact_time(next_day(service.clock.now())),
    }


def _key_json(one: StoredKey) -> dict[str, Any]:
    return {
        "prefix": one.prefix,
        "scopes": scopes_text(one.scopes).split(),
        "createdAt": exact_time(one.created_at),
        "expiresAt": one.expires_at and exact_time(one.expires_at),
        "lastUsedAt": one.last_used_at and exact_time(one.last_used_at),
        "revokedAt": one.revoked_at and exact_time(one.revoked_at),
    }
