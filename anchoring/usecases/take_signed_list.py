"""An issuer uploads a list that it signed itself. What it changes is recorded, versioned and anchored like any other change."""

from datetime import datetime, timedelta
from typing import Final

from anchoring.core.issuer import Issuer
from anchoring.core.registered_keys import RegisteredKeys
from anchoring.core.status import StatusBits, StatusPurpose
from anchoring.core.status_change import StatusAction
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.core.status_documents import ReadList
from anchoring.errors import Conflict, NotFound
from anchoring.ports.signing import ListChecker
from anchoring.ports.status_lists import NewChange, Place, SignedBy, SignedForm, StatusList
from anchoring.ports.store import UnitOfWork
from anchoring.types import ListId, to_hex

CLOCK_DRIFT: Final = timedelta(minutes=1)


def take_signed_list(
    uow: UnitOfWork,
    issuer: Issuer,
    list_id: ListId,
    form: SignedForm,
    checker: ListChecker,
    *,
    url: str,
    now: datetime,
    requested_by: str,
) -> int:
    """Publish a signed list in place of the one before, and record each bit that differs. The caller commits.

    `form`: its media type as registered. `url`: of the list, which the signed form must name. Returns how many bits changed; the
    same upload again changes none.

    Raises: NotFound; Conflict when the service signs this list, when it is older than what is published, and when a revocation
    would be undone; StatusListError when it cannot be relied on.
    """
    uow.status_lists.lock_issuer(issuer.id)
    of_list = uow.status_lists.find(list_id)
    if of_list is None or of_list.issuer != issuer.did:
        raise NotFound(f"no list {to_hex(list_id)} of {issuer.did} is here")
    if of_list.signed_by is not SignedBy.ISSUER:
        raise Conflict(f"list {to_hex(list_id)} is signed by this service: ask for changes instead")
    in_use = [key for key in uow.status_keys.of_issuer(issuer) if key.retired_at is None]
    keys = RegisteredKeys({key.verification_method: key.public_key for key in in_use})
    read = checker.check(form.content, form.media_type, keys)
    if read.form.media_type != form.media_type:
        raise _unfit(StatusErrorCode.MALFORMED, f"it was sent as {form.media_type} and is {read.form.media_type}")
    _require_fit(read, of_list, url, now)
    before = uow.status_lists.signed_form(of_list.id)
    if before is not None and before.content != form.content:
        _require_newer(read, checker.read(before.content, before.media_type))
    changes = _changes(uow, of_list, read.bits, now)
    uow.status_changes.record(issuer, changes, now, requested_by)
    uow.status_lists.keep_signed_form(of_list.id, form)
    return len(changes)


def _require_fit(read: ReadList, of_list: StatusList, url: str, now: datetime) -> None:
    if read.signer != of_list.issuer:
        raise _unfit(StatusErrorCode.VERIFICATION, f"it is of {read.signer}, not of {of_list.issuer}")
    if read.url != url:
        raise _unfit(StatusErrorCode.VERIFICATION, f"it names itself {read.url}, and is published as {url}")
    if read.purposes != {of_list.purpose.value}:
        raise _unfit(StatusErrorCode.VERIFICATION, f"it is for {', '.join(sorted(read.purposes))}, not for {of_list.purpose}")
    if len(read.bits) != of_list.entries:
        raise _unfit(StatusErrorCode.LENGTH, f"it has {len(read.bits)} entries, not {of_list.entries}")
    if read.signed_at is None or read.signed_at > now + CLOCK_DRIFT:
        raise _unfit(StatusErrorCode.VERIFICATION, "it does not say when it was signed, or says a time that is still to come")
    if read.valid_until is not None and read.valid_until <= now:
        raise _unfit(StatusErrorCode.VERIFICATION, "it has run out")


def _require_newer(read: ReadList, before: ReadList) -> None:
    if read.signed_at is None or before.signed_at is None or read.signed_at <= before.signed_at:
        raise Conflict("a list that was signed later is published already")


def _changes(uow: UnitOfWork, of_list: StatusList, wanted: StatusBits, now: datetime) -> list[NewChange]:
    present = uow.status_lists.bits(of_list.id)
    differing = StatusBits(_differing(bytes(present), bytes(wanted)))
    places = [Place(of_list.id, index) for index in differing.indexes()]
    lifted = [place.index for place in places if present[place.index]]
    if lifted and of_list.purpose is StatusPurpose.REVOCATION:
        raise Conflict(f"it lifts the revocation at index {lifted[0]}, and a revocation is for good")
    newest, bindings = uow.status_changes.newest(places), uow.status_lists.bindings_at(places)
    return [
        NewChange(
            entry_id=bindings[place].entry_id if place in bindings else None,
            place=place,
            purpose=of_list.purpose,
            action=_action(of_list.purpose, is_set=wanted[place.index]),
            number=newest[place].number + 1 if place in newest else 1,
            reason=None,
            explanation=None,
            effective_at=now,
        )
        for place in places
    ]


def _differing(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))


def _action(purpose: StatusPurpose, *, is_set: bool) -> StatusAction:
    if not is_set:
        return StatusAction.REINSTATE
    return StatusAction.REVOKE if purpose is StatusPurpose.REVOCATION else StatusAction.SUSPEND


def _unfit(code: StatusErrorCode, message: str) -> StatusListError:
    return StatusListError(code, f"the list cannot be published: {message}")
