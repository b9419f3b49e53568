"""Signed forms of status lists: made with the key ring, and checked whoever made them."""

from typing import Final, assert_never

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.core import status_documents as documents
from anchoring.core import status_reading as reading
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.core.status_documents import ListForm, ListToSign, ReadList
from anchoring.core.strict_json import JsonValue, parse
from anchoring.errors import InvalidInput, Misconfigured
from anchoring.ports.signing import KeyKind, KeySource
from anchoring.signing.data_integrity import SUITES, add_proof, check_proof, known_proof
from anchoring.signing.key_ring import KeyRing, RingKey
from anchoring.signing.tokens import Token, check_token, read_token, sign_token

TYPES: Final = {
    ListForm.BITSTRING_JWT: "vc+jwt",
    ListForm.STATUSLIST2021_JWT: "JWT",  # exactly so: EBSI's library takes no other
    ListForm.TOKEN_JWT: "statuslist+jwt",
}


class RingSigner:
    """Implements ports.ListSigner. `cryptosuite`: of Data Integrity proofs. `ebsi_schema`: what an EBSI list says it follows."""

    def __init__(self, ring: KeyRing, *, cryptosuite: str, ebsi_schema: str) -> None:
        self._ring = ring
        self._cryptosuite = cryptosuite
        self._ebsi_schema = ebsi_schema

    def sign(self, content: ListToSign, form: ListForm, *, cryptosuite: str | None = None) -> bytes:
        if form is ListForm.BITSTRING_JSON:
            return self._with_proof(content, cryptosuite or self._cryptosuite)
        key = self._key(KeyKind.P256, content)
        signer = self._ring.signer_of(key)
        match form:
            case ListForm.BITSTRING_JWT:
                claims = documents.bitstring_credential(content, signer)
            case ListForm.STATUSLIST2021_JWT:
                claims = documents.statuslist2021_claims(content, signer, schema=self._ebsi_schema)
            case ListForm.TOKEN_JWT:
                claims = documents.token_claims(content, signer)
            case _:
                assert_never(form)
        assert isinstance(key.private, ec.EllipticCurvePrivateKey)
        return sign_token(claims, key.private, typ=TYPES[form], kid=self._ring.token_method(key))

    def _with_proof(self, content: ListToSign, cryptosuite: str) -> bytes:
        if cryptosuite not in SUITES:
            raise InvalidInput(f"there is no cryptosuite {cryptosuite} here; {' and '.join(SUITES)} are", at="cryptosuite")
        key = self._key(KeyKind.ED25519 if cryptosuite == "eddsa-jcs-2022" else KeyKind.P256, content)
        credential = documents.bitstring_credential(content, self._ring.signer_of(key))
        assert isinstance(key.private, (Ed25519PrivateKey, ec.EllipticCurvePrivateKey))
        method = self._ring.proof_method(key)
        return rfc8785.dumps(add_proof(credential, key.private, method, cryptosuite, content.signed_at))

    def _key(self, kind: KeyKind, content: ListToSign) -> RingKey:
        key = self._ring.signing_key(kind, content.issuer)
        if key is None:
            raise Misconfigured(f"no key of type {kind} to sign a status list with: credanchor status key create --type {kind}")
        return key


class SignedLists:
    """Implements ports.ListChecker."""

    def check(self, content: bytes, media_type: str, keys: KeySource) -> ReadList:
        if _is_json(content, media_type):
            document = _json_object(content)
            found = reading.read_bitstring(document, ListForm.BITSTRING_JSON)
            proof = check_proof(document, keys)
            _require_signer(found, str(proof["verificationMethod"]))
            return reading.with_proof_times(found, proof)
        token = check_token(content, keys)
        found = _said_in(token, media_type)
        _require_signer(found, token.kid)
        return found

    def read(self, content: bytes, media_type: str) -> ReadList:
        if _is_json(content, media_type):
            document = _json_object(content)
            found, proof = reading.read_bitstring(document, ListForm.BITSTRING_JSON), known_proof(document.get("proof"))
            return found if proof is None else reading.with_proof_times(found, proof)
        return _said_in(read_token(content), media_type)


def _essence(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()


def _is_json(content: bytes, media_type: str) -> bool:
    return _essence(media_type).endswith("json") or content.lstrip()[:1] == b"{"


def _json_object(content: bytes) -> dict[str, JsonValue]:
    try:
        document = parse(content, reading.LIMITS)
    except InvalidInput as wrong:
        raise StatusListError(StatusErrorCode.MALFORMED, f"the list is not JSON: {wrong.message}") from None
    if not isinstance(document, dict):
        raise StatusListError(StatusErrorCode.MALFORMED, "the list is not a JSON object")
    return document


def _said_in(token: Token, media_type: str) -> ReadList:
    form = _form_of(token.typ, _essence(media_type), "vc" in token.claims)
    match form:
        case ListForm.BITSTRING_JWT:
            return reading.read_bitstring(token.claims, form)
        case ListForm.STATUSLIST2021_JWT:
            return reading.read_statuslist2021(token.claims)
        case _:
            return reading.read_token(token.claims, signer=token.kid.partition("#")[0])


def _form_of(typ: str, media_type: str, has_vc: bool) -> ListForm:
    """By the token's own type, so that no token passes for one of another kind."""
    typ = typ.lower().removeprefix("application/")
    if typ == "statuslist+jwt":
        return ListForm.TOKEN_JWT
    if typ == "vc+jwt" or (not typ and media_type == "application/vc+jwt"):
        return ListForm.BITSTRING_JWT
    if typ in {"jwt", ""} and has_vc:
        return ListForm.STATUSLIST2021_JWT
    raise StatusListError(StatusErrorCode.MALFORMED, f"a token of type {typ!r} is not a status list")


def _require_signer(found: ReadList, verification_method: str) -> None:
    if verification_method.partition("#")[0] != found.signer:
        message = f"the list is said to be of {found.signer}, and signed with {verification_method}"
        raise StatusListError(StatusErrorCode.VERIFICATION, message)
