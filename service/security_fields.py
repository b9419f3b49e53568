"""Fields of every answer that tell browsers what not to do with it."""

import hashlib
import re
from base64 import b64encode
from typing import Final

POLICY: Final = b"content-security-policy"

FIELDS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),  # addresses carry digests
    (b"cross-origin-resource-policy", b"same-origin"),  # nothing here is to be embedded; pages that ask by CORS still may
    (b"x-frame-options", b"DENY"),  # for browsers that do not know `frame-ancestors`
)

NO_PAGE: Final = (POLICY, b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
"""Of all that is no page: shown by mistake, or by somebody's trick, it loads and runs nothing."""

_INLINE_SCRIPT: Final = re.compile(rb"<script>(.*?)</script>", re.DOTALL)


def fields(own: list[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """What is added to an answer's `own` fields. A page states its own policy."""
    for name, _ in own:
        if name == POLICY:
            return FIELDS
    return (*FIELDS, NO_PAGE)


def page_policy(page: bytes) -> str:
    """Of a page that loads from this service alone, and runs the scripts that stand in it now and no others."""
    hashes = "".join(
        f" 'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'" for script in _INLINE_SCRIPT.findall(page)
    )
    return (
        f"default-src 'none'; script-src 'self'{hashes}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
