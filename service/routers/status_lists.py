"""Status lists: made, indexes given out, and served."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import Scope

from anchoring.core.moments import parse_moment
from anchoring.core.status import StatusBits, StatusPurpose
from anchoring.core.status_codec import StatusErrorCode
from anchoring.core.status_documents import ListForm
from anchoring.core.status_freshness import max_age_s
from anchoring.core.status_version import StatusVersion
from anchoring.errors import InvalidInput, NotFound
from anchoring.ports.status_lists import SignedBy, StatusList
from anchoring.ports.store import UnitOfWork
from anchoring.types import ListId, to_hex
from anchoring.usecases.create_status_list import create_status_list
from anchoring.usecases.reserve_indexes import reserve_indexes
from anchoring.usecases.take_signed_list import take_signed_list
from service.acts import origin_of, recorded
from service.answers import REVALIDATE, cached_answer, exact_time, json_answer
from service.bodies import compute, refuse_unknown_query
from service.dependencies import ListDep, ServiceDep, StatusWriter
from service.group_commit import MOST_ROWS
from service.list_forms import FORMS, negotiate
from service.openapi import header, json_body
from service.problems import MEDIA_TYPE
from service.request_fields import field_of
from service.schemas import PLAIN_DIGITS, PLAIN_SECONDS, IndexesReserved, ListTaken, StatusListOut
from service.served_lists import SignedList, Wanted
from service.state import Service
from service.status_requests import read_count, read_new_list, read_signed_list

router = APIRouter(tags=["status"])

MANY_INDEXES = 1_000
"""An answer about more takes milliseconds to write."""


_NEW_LIST = json_body(
    {"purpose": {"enum": list(StatusPurpose)}, "signedBy": {"enum": list(SignedBy), "default": "service"}}, "purpose"
)
_COUNT = json_body({"count": {"type": "integer", "minimum": 1}}, "count")
W3C_TYPES: Final = "https://www.w3.org/ns/credentials/status-list#"
_LOCATION = {"headers": {"Location": header("the list")}}


@router.post(
    "/v1/status-lists", status_code=201, response_model=StatusListOut, responses={201: _LOCATION}, openapi_extra=_NEW_LIST
)
async def post_list(request: Request, service: ServiceDep, caller: StatusWriter) -> Response:
    """Make a numbered list for one purpose, all clear. Indexes are then reserved in it."""
    refuse_unknown_query(request)
    purpose, signed_by = await read_new_list(request, service.api)
    await service.quotas.take(caller.issuer, 1)
    entries = service.status.list_entries
    create = recorded(
        service.clock,
        origin_of(request.scope, caller),
        "status_list.created",
        lambda uow: create_status_list(
            uow, caller.issuer, purpose, entries=entries, signed_by=signed_by, now=service.clock.now()
        ),
        lambda new: {"list": to_hex(new.list_id), "purpose": purpose, "signedBy": signed_by},
    )
    made = await service.writes.write(create)
    headers = {"Location": service.lists.url(made.list_id), "Cache-Control": "no-store"}
    return json_answer(_list_json(service, made), status=201, headers=headers)


@router.post("/v1/status-lists/{list_id}/entries", status_code=201, response_model=IndexesReserved, openapi_extra=_COUNT)
async def post_entries(request: Request, service: ServiceDep, caller: StatusWriter, list_id: ListDep) -> Response:
    """Reserve indexes to put into credentials before they are signed, at random, up to 100,000 at once, none of them twice.

    Where the list is full it goes on in the issuer's next one: each index names its list.
    """
    refuse_unknown_query(request)
    count = await read_count(request, service.api)
    await service.quotas.take(caller.issuer, count)
    reserve = recorded(
        service.clock,
        origin_of(request.scope, caller),
        "indexes.reserved",
        lambda uow: reserve_indexes(
            uow,
            caller.issuer,
            list_id,
            count,
            new_list_entries=service.status.list_entries,
            now=service.clock.now(),
            random_bytes=service.random_bytes,
        ),
        lambda _places: {"list": to_hex(list_id), "count": count},
    )
    reserved = await service.writes.write(reserve, rows=count)
    headers = {"Cache-Control": "no-store"}
    return await compute(
        lambda: json_answer(_reserved_json(service, reserved), status=201, headers=headers), is_large=count > MANY_INDEXES
    )


@router.put(
    "/v1/status-lists/{list_id}",
    response_model=ListTaken,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": {"type": "string"}} for media_type in FORMS},
        }
    },
)
async def put_list(request: Request, service: ServiceDep, caller: StatusWriter, list_id: ListDep) -> Response:
    """Upload a list that its issuer signed itself. It is published as it is, and its changes are recorded and anchored.

    In one of the forms that lists are served in. The same upload again changes nothing.
    """
    refuse_unknown_query(request)
    form = await read_signed_list(request, service.api)
    url = service.lists.url(list_id)

    def publish(uow: UnitOfWork) -> int:
        now, checker = service.clock.now(), service.list_checker
        differing = take_signed_list(uow, caller.issuer, list_id, form, checker, url=url, now=now, requested_by=caller.name)
        service.quotas.count(uow, caller.issuer, 1 + differing, are_changes=True)
        return differing

    take = recorded(
        service.clock,
        origin_of(request.scope, caller),
        "status_list.uploaded",
        publish,
        lambda differing: {"list": to_hex(list_id), "changed": differing},
    )
    changed = await service.writes.write(take, rows=MOST_ROWS)  # how many bits differ is known only once it is read
    return json_answer({"list": to_hex(list_id), "url": url, "changed": changed}, headers={"Cache-Control": "no-store"})


FoundList: TypeAlias = tuple[StatusList, StatusVersion | None]
"""A list, and its newest version on the ledger."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Which list, and as of when: now when none of the three is there."""

    list_id: ListId
    wanted: Wanted
    version: int | None
    moment: datetime | None


@router.get(
    "/v1/status-lists/{list_id}",
    response_class=Response,
    responses={
        200: {
            "content": {media_type: {"schema": {"type": "string"}} for media_type in FORMS},
            "headers": {"ETag": header("strong"), "Cache-Control": header("as long as the list says it may be kept")},
        },
        304: {"description": "Not modified"},
    },
)
async def get_list(
    request: Request,
    service: ServiceDep,
    list_id: ListDep,
    cryptosuite: Annotated[str | None, Query(description="of the proof in JSON")] = None,
    version: Annotated[int | None, Query(ge=1, description="of the list on the ledger"), PLAIN_DIGITS] = None,
    timestamp: Annotated[str | None, Query(description="as of when, an XML Schema dateTimeStamp")] = None,
    time: Annotated[int | None, Query(ge=0, description="as of when, in seconds since 1970"), PLAIN_SECONDS] = None,
) -> Response:
    """The signed list in the form that `Accept` asks for: Bitstring as JSON or JWT, StatusList2021, Token Status List.

    As it is now, at once after a change; as of a version on the ledger; or as it was at a time.
    """
    refuse_unknown_query(request, "cryptosuite", "version", "timestamp", "time")
    media_type = negotiate(field_of(request.scope, b"accept"))
    if media_type is None:
        return _problem(415, StatusErrorCode.RETRIEVAL, f"this list is offered as {', '.join(FORMS)}")
    form = FORMS[media_type]
    if cryptosuite is not None and form is not ListForm.BITSTRING_JSON:
        raise InvalidInput("chooses the proof of the JSON form; a token has none", at="query.cryptosuite")
    question = _Question(list_id, Wanted(form, cryptosuite), version, _moment(service, timestamp, time, version))
    try:
        if version is None and question.moment is None:
            return await _present(request.scope, service, question, media_type)
        signed = await run_in_threadpool(_past, service, question)
    except NotFound as unknown:
        return _not_found(unknown)
    return _answer(request.scope, service, signed, media_type)


def answer_list(scope: Scope, service: Service, list_id: ListId, found: FoundList | None) -> Response | None:
    """The answer to whoever asks for the list as it is now, in the usual form, from what `find_lists` found.

    None where it is to be signed first, or its issuer has signed it.
    """
    media_type = negotiate(field_of(scope, b"accept"))
    if media_type is None:
        return None
    if found is None:
        return _not_found(_no_list(list_id))
    of, shown = found
    if of.signed_by is SignedBy.ISSUER:
        return None
    signed = service.lists.kept(of, shown, Wanted(FORMS[media_type], None), service.clock.now())
    return None if signed is None else _answer(scope, service, signed, media_type)


async def _present(scope: Scope, service: Service, question: _Question, media_type: str) -> Response:
    found: FoundList | None = await service.reads.read_together(find_lists, question.list_id)
    if found is None:
        raise _no_list(question.list_id)
    of, shown = found
    if of.signed_by is SignedBy.ISSUER:
        return await _uploaded(scope, service, of, question.wanted.form, media_type)
    now = service.clock.now()
    signed = service.lists.kept(of, shown, question.wanted, now)
    if signed is None:
        of, bits, shown = await service.reads.read(lambda uow: _read(uow, question.list_id))
        signed = await run_in_threadpool(service.lists.sign, of, bits, shown, question.wanted, now)
    return _answer(scope, service, signed, media_type)


def _find(uow: UnitOfWork, list_id: ListId) -> FoundList:
    of = uow.status_lists.find(list_id)
    if of is None:
        raise _no_list(list_id)
    return of, uow.status_versions.newest_published(list_id)


def find_lists(uow: UnitOfWork, list_ids: list[ListId]) -> list[FoundList | None]:
    """For many who ask at once, in their order; None of a list that is not there."""
    lists = uow.status_lists.with_ids(list_ids)
    shown = uow.status_versions.newest_published_of(lists)
    return [(lists[list_id], shown.get(list_id)) if list_id in lists else None for list_id in list_ids]


def _read(uow: UnitOfWork, list_id: ListId) -> tuple[StatusList, StatusBits, StatusVersion | None]:
    found = uow.status_lists.with_bits(list_id)
    if found is None:
        raise _no_list(list_id)
    of, bits = found
    return of, bits, uow.status_versions.newest_published(list_id)


def _past(service: Service, question: _Question) -> SignedList:
    """The list of a version, or of a moment. Raises: NotFound when it is not held."""
    with service.store.reading() as uow:
        of, shown = _find(uow, question.list_id)
        if of.signed_by is SignedBy.ISSUER:
            raise NotFound("this list is held only as its issuer signed it last")
        if question.version is not None:
            found = uow.status_versions.numbered(of.list_id, question.version)
            if found is None:
                raise NotFound(f"this list has no version {question.version}")
            made, bits = found
            if shown and made.version == shown.version:
                return service.lists.sign_shown(of, bits, shown, question.wanted, service.clock.now())
            return service.lists.sign_past(of, bits, question.wanted, made.made_at)
        moment = question.moment or service.clock.now()
        if moment < of.created_at:
            raise NotFound(f"there was no such list before {exact_time(of.created_at)}")
        bits = uow.status_changes.bits_after(of.id, uow.status_changes.count_at(of.id, moment))
    return service.lists.sign_past(of, bits, question.wanted, moment)


async def _uploaded(scope: Scope, service: Service, of: StatusList, form: ListForm, media_type: str) -> Response:
    uploaded = await service.reads.read(lambda uow: uow.status_lists.signed_form(of.id))
    if uploaded is None:
        return _problem(404, StatusErrorCode.RETRIEVAL, "the issuer signs this list itself and has not uploaded it yet")
    if FORMS[uploaded.media_type] is not form:
        return _problem(415, StatusErrorCode.RETRIEVAL, f"its issuer signed this list as {uploaded.media_type} only")
    return _answer(scope, service, service.lists.uploaded(uploaded), media_type)


def _answer(scope: Scope, service: Service, signed: SignedList, media_type: str) -> Response:
    kept_s = max_age_s(signed.fresh, service.clock.now())
    return _with_etag(scope, signed.content, media_type, f"public, max-age={kept_s}" if kept_s else REVALIDATE)


def _with_etag(scope: Scope, content: bytes, media_type: str, cache_control: str) -> Response:
    answer = cached_answer(scope, content, media_type, cache_control)
    answer.headers["Vary"] = "Accept"
    return answer


def _not_found(unknown: NotFound) -> Response:
    return _problem(404, StatusErrorCode.RETRIEVAL, unknown.message)


def _problem(status: int, code: StatusErrorCode, detail: str) -> Response:
    """Errors about a list are typed as Bitstring Status List 1.0 section 3.2 says."""
    body = {"type": W3C_TYPES + code, "title": "The status list cannot be had", "status": status, "detail": detail, "code": code}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def _no_list(list_id: ListId) -> NotFound:
    return NotFound(f"no status list {to_hex(list_id)} is here; one that follows from a batch is made at its first change")


def _moment(service: Service, timestamp: str | None, time: int | None, version: int | None) -> datetime | None:
    if sum(one is not None for one in (timestamp, time, version)) > 1:
        raise InvalidInput("ask for a version, a timestamp or a time, not for several", at="query")
    if timestamp is None and time is None:
        return None
    by_text = None if timestamp is None else parse_moment(timestamp, at="query.timestamp")
    moment = by_text or datetime.fromtimestamp(time or 0, UTC)
    if moment > service.clock.now():
        raise InvalidInput("lies in the future", at="query.timestamp" if timestamp is not None else "query.time")
    return moment


def _list_json(service: Service, one: StatusList) -> dict[str, Any]:
    return {
        "list": to_hex(one.list_id),
        "url": service.lists.url(one.list_id),
        "issuer": one.issuer,
        "purpose": one.purpose,
        "number": one.number,
        "entries": one.entries,
        "signedBy": one.signed_by,
        "createdAt": exact_time(one.created_at),
    }


def _reserved_json(service: Service, reserved: list[tuple[StatusList, int]]) -> dict[str, Any]:
    names = {one.id: to_hex(one.list_id) for one, _ in reserved}
    return {
        "purpose": reserved[0][0].purpose,
        "lists": [{"list": to_hex(of), "url": service.lists.url(of)} for of in dict.fromkeys(one.list_id for one, _ in reserved)],
        "entries": [{"list": names[one.id], "index": index} for one, index in reserved],
    }
