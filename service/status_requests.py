"""The small JSON bodies about status lists."""

from starlette.requests import Request

from anchoring.core import status_reading
from anchoring.core.status import StatusPurpose
from anchoring.errors import InvalidInput, TooLarge, UnsupportedMediaType
from anchoring.ports.status_lists import SignedBy, SignedForm
from anchoring.settings import ApiSettings
from service.bodies import media_type_of, read_body, read_members
from service.list_forms import FORMS


async def read_new_list(request: Request, settings: ApiSettings) -> tuple[StatusPurpose, SignedBy]:
    """What list is wanted. Raises: UnsupportedMediaType, TooLarge, MalformedBody, InvalidInput."""
    members = await read_members(request, frozenset({"purpose", "signedBy"}), timeout_s=settings.small_body_timeout_s)
    purpose, signed_by = members.get("purpose"), members.get("signedBy", SignedBy.SERVICE)
    if purpose not in tuple(StatusPurpose):
        raise InvalidInput(f"must be one of {', '.join(StatusPurpose)}", at="$.purpose")
    if signed_by not in tuple(SignedBy):
        raise InvalidInput(f"must be one of {', '.join(SignedBy)}", at="$.signedBy")
    return StatusPurpose(str(purpose)), SignedBy(str(signed_by))


async def read_count(request: Request, settings: ApiSettings) -> int:
    """How many indexes are wanted. Raises: UnsupportedMediaType, TooLarge, MalformedBody, InvalidInput."""
    members = await read_members(request, frozenset({"count"}), timeout_s=settings.small_body_timeout_s)
    count = members.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InvalidInput("must be a whole number from 1", at="$.count")
    if count > settings.max_digests:
        raise TooLarge(f"at most {settings.max_digests} are given out at once", limit=settings.max_digests, at="$.count")
    return count


async def read_signed_list(request: Request, settings: ApiSettings) -> SignedForm:
    """A list that its issuer signed. Raises: UnsupportedMediaType, TooLarge, MalformedBody."""
    form = FORMS.get(media_type_of(request))
    if form is None:
        raise UnsupportedMediaType(f"send one of {', '.join(FORMS)}", at="Content-Type")
    limit = status_reading.LIMITS.max_bytes
    return SignedForm(
        content=await read_body(request, limit=limit, timeout_s=settings.body_timeout_s), media_type=form.media_type
    )
