"""What the digest of a file leaves out must be what its kind allows, and nothing that somebody added (docs/verification.md)."""

from anchoring.core.canonical import Canonicalization
from anchoring.core.disclosures import check_disclosures
from anchoring.core.jose import read_sd_jwt


def require_nothing_added(credential: bytes, rule: Canonicalization) -> None:
    """`rule`: under which the file has its proof's digest. Raises: StatusListError saying what was added, or cannot be told."""
    if rule is Canonicalization.SD_JWT_ISSUER:
        check_disclosures(read_sd_jwt(credential), credential)
