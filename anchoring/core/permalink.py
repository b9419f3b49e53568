"""The address of a page that shows how a credential stands: it names digest and issuer, and nothing else of it."""

from enum import StrEnum
from urllib.parse import quote

from anchoring.types import Did, Digest, to_hex


class ImageKind(StrEnum):
    """How a QR code of it is drawn."""

    SVG = "svg"
    PNG = "png"

    @property
    def media_type(self) -> str:
        return "image/svg+xml" if self is ImageKind.SVG else "image/png"


def permalink(service: str, digest: Digest, issuer: Did) -> str:
    """`service`: where readers reach it."""
    return f"{service.rstrip('/')}/verify?digest={to_hex(digest)}&issuer={quote(issuer, safe=':')}"
