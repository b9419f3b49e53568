"""What routes ask for: the service, the issuer behind the key, digests and DIDs parsed from the URL.

Those that hot routes use are `async`, however little they do: a plain function would be sent through the thread pool. None
opens a unit of work: a request that holds a connection while it waits for a thread stops those that hold the threads.
"""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from anchoring.core.issuer import Issuer, parse_api_key
from anchoring.core.proof_formats import ProofFormat
from anchoring.errors import NotAllowed
from anchoring.types import Did, Digest, ListId, Root, parse_did, parse_digest, parse_list_id, parse_root
from service.state import Service


async def get_service(request: Request) -> Service:
    """The running service."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]


_bearer = HTTPBearer(scheme_name="issuerKey", description="An issuer's API key, `ca_…`", auto_error=False)


async def current_issuer(service: ServiceDep, sent: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Issuer:
    """The issuer whose key this is. Raises: NotAllowed, in the same words whatever is wrong with the key."""
    return await authenticated(service, sent.credentials if sent else "")


async def authenticated(service: Service, key: str) -> Issuer:
    """The issuer whose key this is. Raises: NotAllowed, in the same words whatever is wrong with the key."""
    try:
        return await service.keys.issuer_of(key.strip())
    except NotAllowed:
        raise NotAllowed("send a valid API key of an issuer: Authorization: Bearer ca_…") from None


IssuerDep = Annotated[Issuer, Depends(current_issuer)]


async def key_prefix(sent: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> str:
    """The prefix of the key that was sent, for the record of who asked. Raises: NotAllowed when it is none."""
    return parse_api_key(sent.credentials.strip() if sent else "").prefix


KeyPrefixDep = Annotated[str, Depends(key_prefix)]


_HEX: Final = "64 hexadecimal digits, with or without 0x"
_HEX_32: Final[dict[str, Any]] = {"pattern": "^(0x)?[0-9a-fA-F]{64}$"}  # described here, checked in `parse_digest`


async def digest_in_path(digest: Annotated[str, Path(description=_HEX, json_schema_extra=_HEX_32)]) -> Digest:
    """Raises: InvalidInput."""
    return parse_digest(digest, at="digest")


async def root_in_path(root: Annotated[str, Path(description=_HEX, json_schema_extra=_HEX_32)]) -> Root:
    """Raises: InvalidInput."""
    return parse_root(root, at="root")


async def list_in_path(list_id: Annotated[str, Path(description=_HEX, json_schema_extra=_HEX_32)]) -> ListId:
    """Raises: InvalidInput."""
    return parse_list_id(list_id, at="list_id")


async def issuer_in_query(
    issuer: Annotated[str | None, Query(description="DID of the issuer whose entry is meant")] = None,
) -> Did | None:
    """Raises: InvalidInput."""
    return None if issuer is None else parse_did(issuer, at="query.issuer")


DigestDep = Annotated[Digest, Depends(digest_in_path)]
ListDep = Annotated[ListId, Depends(list_in_path)]
FormatDep = Annotated[ProofFormat, Query(alias="format", description="of the proof; section 5 of docs/proof-format.md")]
RootDep = Annotated[Root, Depends(root_in_path)]
IssuerQueryDep = Annotated[Did | None, Depends(issuer_in_query)]
