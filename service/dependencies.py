"""What routes ask for: the service, who holds the key, digests and DIDs parsed from the URL.

Those that hot routes use are `async`, however little they do: a plain function would be sent through the thread pool. None
opens a unit of work: a request that holds a connection while it waits for a thread stops those that hold the threads.
"""

from typing import Annotated, Any, Final

from fastapi import Depends, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from anchoring.core.issuer import Caller
from anchoring.core.proof_formats import ProofFormat
from anchoring.core.scopes import Scope as KeyScope
from anchoring.errors import InvalidInput
from anchoring.types import (
    DID_MAX_CHARACTERS,
    DID_PATTERN,
    Did,
    Digest,
    ListId,
    Root,
    parse_did,
    parse_digest,
    parse_list_id,
    parse_root,
)
from service.authentication import authenticated
from service.state import Service


async def get_service(request: Request) -> Service:
    """The running service."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]


_bearer = HTTPBearer(
    scheme_name="issuerKey",
    description="An issuer's API key, `ca_…`; or an access token (JWT) of the authorization server, where one is configured",
    auto_error=False,
)


async def current_caller(
    request: Request,
    service: ServiceDep,
    needed: SecurityScopes,
    sent: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Who holds the key, which must have one of the scopes the route names.

    Raises: NotAllowed, in the same words whatever is wrong with the key; ScopeMissing.
    """
    caller = await authenticated(service, sent.credentials if sent else "", request.scope)
    caller.require(*map(KeyScope, needed.scopes))
    return caller


DigestsWriter = Annotated[Caller, Security(current_caller, scopes=[KeyScope.DIGESTS_WRITE])]
StatusWriter = Annotated[Caller, Security(current_caller, scopes=[KeyScope.STATUS_WRITE])]
KeysAdmin = Annotated[Caller, Security(current_caller, scopes=[KeyScope.ISSUER_ADMIN, KeyScope.OPERATOR])]
AnyKey = Annotated[Caller, Security(current_caller, scopes=list(KeyScope))]
Operator = Annotated[Caller, Security(current_caller, scopes=[KeyScope.OPERATOR])]


_HEX: Final = "64 hexadecimal digits, with or without 0x"
_HEX_32: Final[dict[str, Any]] = {"pattern": "^(0x)?[0-9a-fA-F]{64}$"}  # described here, checked in `parse_digest`


DID: Final[dict[str, Any]] = {"type": "string", "pattern": f"^{DID_PATTERN}$", "maxLength": DID_MAX_CHARACTERS}
_DID_IN_QUERY: Final[dict[str, Any]] = {"pattern": DID["pattern"]}


async def digest_in_path(digest: Annotated[str, Path(description=_HEX, json_schema_extra=_HEX_32)]) -> Digest:
    """Raises: InvalidInput."""
    return parse_digest(digest, at="path.digest")


async def root_in_path(root: Annotated[str, Path(description=_HEX, json_schema_extra=_HEX_32)]) -> Root:
    """Raises: InvalidInput."""
    return parse_root(root, at="path.root")


async def list_in_path(list_id: Annotated[str, Path(description=_HEX, json_schema_extra=_HEX_32)]) -> ListId:
    """Raises: InvalidInput."""
    return parse_list_id(list_id, at="path.list_id")


async def did_in_path(did: Annotated[str, Path(description="DID of an issuer", json_schema_extra=DID)]) -> Did:
    """Raises: InvalidInput."""
    return parse_did(did, at="path.did")


async def issuer_in_query(
    issuer: Annotated[
        str | None, Query(description="DID of the issuer whose entry is meant", json_schema_extra=_DID_IN_QUERY)
    ] = None,
) -> Did | None:
    """Raises: InvalidInput."""
    return None if issuer is None else parse_did(issuer, at="query.issuer")


DidDep = Annotated[Did, Depends(did_in_path)]
DigestDep = Annotated[Digest, Depends(digest_in_path)]
ListDep = Annotated[ListId, Depends(list_in_path)]
FormatDep = Annotated[ProofFormat, Query(alias="format", description="of the proof; section 5 of docs/proof-format.md")]


async def bundle_in_query(
    wanted: FormatDep = ProofFormat.CREDANCHOR,
    bundle: Annotated[
        bool, Query(description="add what shows the anchor without a node; section 8 of docs/proof-format.md")
    ] = False,
) -> bool:
    """Raises: InvalidInput for a format without a place for it."""
    if bundle and wanted is not ProofFormat.CREDANCHOR:
        raise InvalidInput(f"the format {wanted} has no place for a bundle", at="query.bundle")
    return bundle


BundleDep = Annotated[bool, Depends(bundle_in_query)]
RootDep = Annotated[Root, Depends(root_in_path)]
IssuerQueryDep = Annotated[Did | None, Depends(issuer_in_query)]
