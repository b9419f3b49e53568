"""Which bytes of a credential are hashed (docs/digests.md, section 2).

The rule follows what is sent: RFC 8785 for JSON, the signed form for JWS, JWT and SD-JWT, the bytes as they are for all
else. What the media type says and what the bytes are must agree, or one file posted in two ways would have two digests.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Final

import rfc8785

from anchoring.core.jose import ASCII_SPACE, is_json_jws, read_compact, read_json_jws, read_sd_jwt
from anchoring.core.strict_json import DEFAULT_LIMITS, JsonLimits, JsonValue, parse
from anchoring.errors import InvalidInput, UnsupportedMediaType
from anchoring.types import Digest, as_digest

ANCHOR_PROOF_TYPE: Final = "CredentialAnchorProof"


class Canonicalization(StrEnum):
    """The rule by which bytes are taken from a credential. Proofs hold the values: more may come, none changes."""

    JCS = "jcs"
    JWS_JSON = "jws-json"
    JWS_COMPACT = "jws-compact"
    SD_JWT_ISSUER = "sd-jwt-issuer"
    RAW = "raw"
    BLOCKCERTS_RDFC = "blockcerts-rdfc"
    """Blockcerts' own, of an RDF graph: nothing here computes it (anchoring/blockcerts)."""


class Content(StrEnum):
    """What a file is by its own bytes, at first sight; the value is the media type it is posted with."""

    JSON_OBJECT = "application/json"
    JWT = "application/jwt"
    SD_JWT = "application/dc+sd-jwt"
    PDF = "application/pdf"
    OTHER = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalForm:
    """The bytes of one credential that are hashed.

    `digest`: SHA-256 of `data`. `notes`: what the digest does not cover, for people.
    """

    canonicalization: Canonicalization
    data: bytes
    digest: Digest
    notes: tuple[str, ...] = ()


def canonicalize(
    body: bytes,
    media_type: str | None,
    *,
    requested: Canonicalization | None = None,
    limits: JsonLimits = DEFAULT_LIMITS,
) -> CanonicalForm:
    """The form of a credential as it was sent.

    `media_type`: the `Content-Type` field, parameters and all. `requested`: the rule the sender named; it must be the
    one that follows from what is sent, or `raw`, which says that bytes are meant whatever they look like.

    Raises: UnsupportedMediaType where no rule follows; TooLarge; InvalidInput for a body that is not as its type says.
    """
    content = _content_named(media_type)
    if requested is Canonicalization.RAW:
        return _raw_form(body, limits)
    if content is Content.JSON_OBJECT:
        _check_charset(media_type or "")
    if content is Content.OTHER and (seen := content_of(body)) in _LOOKED_INTO:
        message = f"the body looks like {seen}; send it as that, or say canonicalization=raw if its bytes are meant"
        raise InvalidInput(message, at="Content-Type")
    form = _READERS[content](body, limits)
    if requested not in {None, form.canonicalization}:
        message = f"what was sent is hashed as {form.canonicalization}, not {requested}"
        raise InvalidInput(message, at="canonicalization")
    return form


def canonical_candidates(
    body: bytes, hint: Canonicalization | None, *, limits: JsonLimits = DEFAULT_LIMITS
) -> tuple[CanonicalForm, ...]:
    """The forms a file may have been anchored in: the one its content asks for, then `raw`; the hinted one first.

    The hint, which comes from a proof, changes the order and nothing else. A form that cannot be made is left out.
    """
    forms = []
    for read in dict.fromkeys((_READERS[content_of(body)], _raw_form)):
        with suppress(InvalidInput):
            forms.append(read(body, limits))
    return tuple(sorted(forms, key=lambda form: form.canonicalization is not hint))


def media_type_of(name: str, body: bytes) -> str:
    """The media type to post a file with. Its content decides; its name helps where the content says nothing.

    A broken `.json` or `.jwt` file keeps the type its name promises, so that it is refused and not hashed as raw.
    """
    content = content_of(body)
    suffix = PurePath(name.lower()).suffix
    if content is Content.OTHER:
        content = _SUFFIXES.get(suffix, content)
    if content is Content.JSON_OBJECT and suffix == ".jsonld":
        return "application/ld+json"
    return content.value


def content_of(body: bytes) -> Content:
    """What `body` is meant as, by its first and last characters.

    Generous: JSON objects and tokens with faults inside, or in another encoding, are taken for what they try to be, so
    that no slip of a sender makes them raw.
    """
    if _JSON_OBJECT_START.match(body) and body.rstrip(_PADDING).endswith(b"}"):
        return Content.JSON_OBJECT
    if (token := _TOKEN.fullmatch(body.strip(ASCII_SPACE))) and _is_json_object_in_base64(token["header"]):
        return Content.SD_JWT if token["presented"] else Content.JWT
    return Content.PDF if b"%PDF-" in body[:1024] else Content.OTHER


def jcs(value: JsonValue) -> bytes:
    """The JSON Canonicalization Scheme (RFC 8785) of a value that `strict_json.parse` gave."""
    return rfc8785.dumps(value)


# Media types

_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE: Final = re.compile(rf"[ \t]*({_NAME}/{_NAME})[ \t]*(?:;.*)?", re.DOTALL)
_PARAMETER: Final = re.compile(rf';[ \t]*({_NAME})[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)

_NAMED: Final[Mapping[str, Content]] = {
    "application/vc": Content.JSON_OBJECT,
    "application/json": Content.JSON_OBJECT,
    "application/jwt": Content.JWT,
    "application/vc+jwt": Content.JWT,
    "application/dc+sd-jwt": Content.SD_JWT,
    "application/vc+sd-jwt": Content.SD_JWT,
}
_SUFFIXES: Final[Mapping[str, Content]] = {
    ".json": Content.JSON_OBJECT,
    ".jsonld": Content.JSON_OBJECT,
    ".jwt": Content.JWT,
    ".sdjwt": Content.SD_JWT,
    ".sd-jwt": Content.SD_JWT,
    ".pdf": Content.PDF,
}


def _content_named(media_type: str | None) -> Content:
    match = _MEDIA_TYPE.fullmatch(media_type or "")
    if match is None:
        message = "say what is sent, such as Content-Type: application/vc, application/jwt or application/pdf"
        raise UnsupportedMediaType(message, at="Content-Type")
    essence = match[1].lower()
    if essence == "application/x-www-form-urlencoded" or essence.startswith("multipart/"):
        message = f"{essence} wraps what is sent; send the file itself (curl --data-binary) in its own media type"
        raise UnsupportedMediaType(message, at="Content-Type")
    if essence.startswith("application/") and essence.endswith("+json"):
        return Content.JSON_OBJECT
    return _NAMED.get(essence, Content.OTHER)


def _check_charset(media_type: str) -> None:
    for parameter in _PARAMETER.finditer(media_type):
        if parameter[1].lower() == "charset" and parameter[2].strip(' \t"').lower() not in {"utf-8", "utf8"}:
            raise UnsupportedMediaType("JSON is exchanged in UTF-8; no other charset is read", at="Content-Type")


# What bytes look like

_PADDING: Final = b"\x00 \t\r\n"
_JSON_OBJECT_START: Final = re.compile(rb'[\xef\xbb\xbf\xff\xfe\x00 \t\r\n]*\{[\x00 \t\r\n]*["}]')
_TOKEN: Final = re.compile(
    rb"(?P<header>[A-Za-z0-9_+/-]+)=*\.[A-Za-z0-9_+/=-]*\.[A-Za-z0-9_+/=-]*(?P<presented>~[A-Za-z0-9_+/=.~-]*)?"
)


def _is_json_object_in_base64(text: bytes) -> bool:
    """Not as strictly as it will be read: what looks like a token is not to be hashed as something else unnoticed."""
    try:
        decoded = base64.b64decode(text.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4))
    except binascii.Error:
        return False
    return decoded.lstrip(ASCII_SPACE).startswith(b"{")


# The rules


def _form(canonicalization: Canonicalization, data: bytes, notes: tuple[str, ...] = ()) -> CanonicalForm:
    digest = as_digest(hashlib.sha256(data).digest())
    return CanonicalForm(canonicalization=canonicalization, data=data, digest=digest, notes=notes)


def _json_form(body: bytes, limits: JsonLimits) -> CanonicalForm:
    value = parse(body, limits)
    if not isinstance(value, dict):
        raise InvalidInput("a credential is a JSON object", at="$")
    if is_json_jws(value):
        token = read_json_jws(value, limits)
        return _form(Canonicalization.JWS_JSON, token.signed, token.notes)
    return _form(Canonicalization.JCS, *_without_anchor_proofs(value))


def _without_anchor_proofs(credential: dict[str, JsonValue]) -> tuple[bytes, tuple[str, ...]]:
    proofs = credential.get("proof")
    if not isinstance(proofs, list):
        return jcs(credential), ()
    others = [proof for proof in proofs if not is_anchor_proof(proof)]
    taken = len(proofs) - len(others)
    notes = (f"{ANCHOR_PROOF_TYPE} elements taken out of proof: {taken}",) if taken else ()
    # An array that was empty goes too: our proof may be put into it later, and the digest must not change then.
    kept: dict[str, JsonValue] = {"proof": others} if others else {}
    return jcs({name: value for name, value in credential.items() if name != "proof"} | kept), notes


def is_anchor_proof(proof: JsonValue) -> bool:
    """Whether an element of a credential's `proof` array is an anchor proof, which no digest covers."""
    types = proof.get("type") if isinstance(proof, dict) else None
    return types == ANCHOR_PROOF_TYPE or (isinstance(types, list) and ANCHOR_PROOF_TYPE in types)


def _jwt_form(body: bytes, limits: JsonLimits) -> CanonicalForm:
    token = read_compact(body, limits)
    return _form(Canonicalization.JWS_COMPACT, token.signed, token.notes)


def _sd_jwt_form(body: bytes, limits: JsonLimits) -> CanonicalForm:
    token = read_sd_jwt(body, limits)
    return _form(Canonicalization.SD_JWT_ISSUER, token.signed, token.notes)


def _raw_form(body: bytes, _limits: JsonLimits) -> CanonicalForm:
    if not body:
        raise InvalidInput("the body is empty")
    return _form(Canonicalization.RAW, body)


_LOOKED_INTO: Final = frozenset({Content.JSON_OBJECT, Content.JWT, Content.SD_JWT})
_READERS: Final[Mapping[Content, Callable[[bytes, JsonLimits], CanonicalForm]]] = {
    Content.JSON_OBJECT: _json_form,
    Content.JWT: _jwt_form,
    Content.SD_JWT: _sd_jwt_form,
    Content.PDF: _raw_form,
    Content.OTHER: _raw_form,
}
