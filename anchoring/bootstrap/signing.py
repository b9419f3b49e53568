"""Settings become keys, a signer of status lists, and a checker of those of others."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from anchoring.errors import Misconfigured
from anchoring.settings import Settings
from anchoring.types import Did, parse_did

if TYPE_CHECKING:
    from anchoring.ports.signing import CredentialSignatures
    from anchoring.signing.credentials import RingCredentials
    from anchoring.signing.key_ring import KeyRing
    from anchoring.signing.lists import RingSigner, SignedLists


def service_did(settings: Settings) -> Did | None:
    """Whom the service signs as; None for each key's own did:key, where readers cannot reach the service by https."""
    if settings.status.did is not None:
        return parse_did(settings.status.did)
    return published_did(settings) if urlsplit(settings.api.public_url).scheme == "https" else None


def published_did(settings: Settings) -> Did:
    """Whose document the service shows at /.well-known/did.json."""
    from anchoring.signing.did_documents import did_web_of

    if settings.status.did is not None:
        return parse_did(settings.status.did)
    return parse_did(did_web_of(urlsplit(settings.api.public_url).netloc), at="CREDANCHOR_API__PUBLIC_URL")


def open_key_ring(settings: Settings) -> "KeyRing":
    """Nothing is read yet. Raises: Misconfigured when no folder is named."""
    from anchoring.signing.key_ring import KeyRing

    if settings.status.keys is None:
        raise Misconfigured("no folder for keys of status lists is named: set CREDANCHOR_STATUS__KEYS")
    return KeyRing(settings.status.keys, service_did(settings))


def open_signer(settings: Settings) -> "RingSigner | None":
    """None when no folder of keys is named."""
    from anchoring.signing.lists import RingSigner

    if settings.status.keys is None:
        return None
    ring = open_key_ring(settings)
    return RingSigner(ring, cryptosuite=settings.status.cryptosuite, ebsi_schema=settings.status.ebsi_schema)


def open_publisher(settings: Settings) -> Callable[[], dict[str, Any]] | None:
    """Gives the DID document of the service as of its keys now; None when no folder of keys is named."""
    if settings.status.keys is None:
        return None
    ring, did = open_key_ring(settings), published_did(settings)
    return lambda: ring.did_document(did)


def open_credential_proofs(settings: Settings) -> "RingCredentials | None":
    """None where the VC-API is switched off. Raises: Misconfigured when it is on and no folder of keys is named."""
    from anchoring.signing.credentials import RingCredentials

    return RingCredentials(open_key_ring(settings)) if settings.api.vc_api_issuer is not None else None


def open_signatures(settings: Settings) -> "CredentialSignatures":
    """Checks signatures with keys that are here or in a did:key. No host is asked for others, and no certificate is trusted."""
    from anchoring.bootstrap.pdf import SignaturesOfAll
    from anchoring.signing.credentials import RingCredentials
    from anchoring.signing.key_sources import CarriedKeys
    from anchoring.signing.own_signatures import OwnSignatures

    keys = RingCredentials(open_key_ring(settings)) if settings.status.keys else CarriedKeys()
    return SignaturesOfAll(OwnSignatures(keys))


def open_checker() -> "SignedLists":
    """Checks signed lists of anybody."""
    from anchoring.signing.lists import SignedLists

    return SignedLists()
