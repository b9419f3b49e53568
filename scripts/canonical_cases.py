"""Bodies to hash, for every rule and every refusal of docs/digests.md. Signatures in them are not real."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from anchoring.core.canonical import Canonicalization
from anchoring.core.strict_json import DEFAULT_LIMITS, JsonLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One body and how it is posted."""

    name: str
    media_type: str | None
    body: bytes
    requested: Canonicalization | None = None
    limits: JsonLimits = DEFAULT_LIMITS


def b64url(data: bytes | str) -> str:
    """Base64url without padding, RFC 7515 section 2; text in UTF-8."""
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def to_json(value: object) -> bytes:
    """JSON with white space, as people write it; not canonical."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def all_cases() -> Iterator[Case]:
    """Every case, in the order of the file."""
    for media_type in _JSON_TYPES:
        yield Case(name=f"JSON as {media_type}", media_type=media_type, body=to_json(CREDENTIAL))
    for name, value in {**_JCS, **_JWS}.items():
        yield Case(name=name, media_type="application/vc", body=to_json(value))
    for media_type, bodies in _BY_MEDIA_TYPE.items():
        for name, body in bodies.items():
            yield Case(name=name, media_type=media_type, body=body.encode() if isinstance(body, str) else body)
    for other in _NO_RULE:
        yield Case(name=f"refused: media type {other}", media_type=other, body=to_json(CREDENTIAL))
    for name, (maybe, body, requested) in _REQUESTED.items():
        yield Case(name=name, media_type=maybe, body=body, requested=requested)
    for name, (media_type, body, limits) in _OVER_LIMITS.items():
        yield Case(name=name, media_type=media_type, body=body, limits=limits)


# JSON

CREDENTIAL: Final[dict[str, Any]] = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "type": ["VerifiableCredential"],
    "issuer": {"id": "did:example:uni", "name": "Universidad de Ávila"},
    "credentialSubject": {"id": "did:example:ana", "ects": 1.50, "title": "Análisis de datos 📊"},
}
_JSON_TYPES: Final = (
    "application/vc",
    "application/json",
    "application/ld+json",
    "application/vc+ld+json",
    "Application/VC; Charset=UTF-8",
    'application/ld+json; profile="a;charset=latin-1"; charset="utf-8"',
)
_SIGNED: Final = {"type": "DataIntegrityProof", "cryptosuite": "ecdsa-jcs-2019", "proofValue": "z2Fake"}
_OURS: Final = {"type": "CredentialAnchorProof", "version": 1, "leafIndex": 41}
_JCS: Final[Mapping[str, object]] = {
    "signed, the proof an object": CREDENTIAL | {"proof": _SIGNED},
    "signed, the proof in an array": CREDENTIAL | {"proof": [_SIGNED]},
    "our proof beside the signature": CREDENTIAL | {"proof": [_SIGNED, _OURS]},
    "our proof, its type in a list": CREDENTIAL | {"proof": [{"type": ["X", "CredentialAnchorProof"]}, _SIGNED]},
    "our proof alone in the array": CREDENTIAL | {"proof": [_OURS, _OURS]},
    "our proof as an object stays": CREDENTIAL | {"proof": _OURS},
    "our proof deeper stays": CREDENTIAL | {"evidence": {"proof": [_OURS]}},
    "an empty proof array goes": CREDENTIAL | {"proof": []},
    "an array of something else stays": CREDENTIAL | {"proof": ["CredentialAnchorProof", None]},
    "payload without the rest of a JWS": {"payload": "x", "type": "Message"},
    "signatures without a payload": {"signatures": [], "type": "Petition"},
}
_JSON_TEXTS: Final = {
    "numbers in other notations": '{"n":[1.0,1e2,-5E-1,4.50,0,0.0,0e9,1E30,1e300,5e-324,1e-7,1.7976931348623157e308]}',
    "the largest integers": '{"n":[9007199254740991,-9007199254740991,9007199254740991.0]}',
    "strings and escapes": '{"s":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/\\ud83d\\udcca\u2028\x7f"}',
    "names sorted by UTF-16": '{"\\ufb33":1,"\\ud83d\\ude00":2,"\u00f6":3,"1":4,"\\r":5,"":6}',
    "nothing is normalized": '{"A\\u030a":1,"\\u00c5":2}',
    "depth 64": '{"a":' + "[" * 63 + "]" * 63 + "}",
    "the empty object": " {}\r\n",
}
_REFUSED_JSON_TEXTS: Final = {
    "refused: a name twice": '{"a":1,\n "b":{"c":1,"c":2}}',
    "refused: a name twice, once escaped": '{"a":1,"\\u0061":2}',
    "refused: NaN": '{"credentialSubject":{"grade":NaN}}',
    "refused: Infinity": '{"a":[0,Infinity]}',
    "refused: -Infinity": '{"a":-Infinity}',
    "refused: too large for a double": '{"a":1e400}',
    "refused: too small for a double": '{"a":1e-400}',
    "refused: excess digits": '{"a":0.1000000000000000055}',
    "refused: 2^53": '{"a":9007199254740992}',
    "refused: -2^53": '{"a":-9007199254740992}',
    "refused: 2^53 with a fraction": '{"a":9007199254740992.0}',
    "refused: 2^53 + 1 with a fraction": '{"a":9007199254740993.0}',
    "refused: an integer between 2^53 and 10^21": '{"a":1e20}',
    "refused: 10^21 in full": '{"a":1000000000000000000000}',
    "refused: an integer of 5,000 digits": '{"a":' + "9" * 5000 + "}",
    "refused: -0": '{"a":-0}',
    "refused: -0.0": '{"a":-0.0}',
    "refused: -0e0": '{"a":-0e0}',
    "refused: half a surrogate pair": '{"a":"x\\ud800"}',
    "refused: half a surrogate pair in a name": '{"\\udc00":1}',
    "refused: two first halves": '{"a":"\\ud83d\\ud83d"}',
    "refused: depth 65": '{"a":' + "[" * 64 + "]" * 64 + "}",
    "refused: depth 1,000, without an end": '{"a":' + "[" * 1000,
    "refused: something after the end": "{} {}",
    "refused: a comma too many": '{"a":[1,]}',
    "refused: a leading zero": '{"a":01}',
    "refused: no quotes": "{a:1}",
    "refused: no colon": '{"a" 1}',
    "refused: a comment": '{"a":1 /* one */}',
    "refused: a line end in a string": '{"a":"x\n"}',
    "refused: no such escape": '{"a":"\\x41"}',
    "refused: a string without an end": '{"a":"x',
    "refused: other digits": '{"a":\u0661}',
    "refused: other white space": '{"a":\u00a01}',
    "refused: no JSON at all": "",
    "refused: an array": '[{"a":1}]',
    "refused: a string": '"eyJhbGciOiJFUzI1NiJ9"',
}
_REFUSED_JSON_BYTES: Final = {
    "refused: byte order mark": b"\xef\xbb\xbf{}",
    "refused: UTF-16 with a mark": b"\xff\xfe{\x00}\x00",
    "refused: UTF-16 without": '{"a":1}'.encode("utf-16-be"),
    "refused: UTF-32": '{"a":1}'.encode("utf-32-le"),
    "refused: not UTF-8": b'{"a":"caf\xe9"}',
    "refused: UTF-8 too long for its character": b'{"a":"\xc0\xaf"}',
    "refused: a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
}

# Tokens

_HEADER: Final = b64url('{"alg":"ES256","typ":"vc+jwt"}')
_CLAIMS: Final = b64url(to_json(CREDENTIAL))
_SIGNATURE: Final = b64url(bytes(range(64)))
_DISCLOSURE: Final = b64url('["salt","family_name","García"]')
JWT: Final = f"{_HEADER}.{_CLAIMS}.{_SIGNATURE}"


def _headed(header: str) -> str:
    return f"{b64url(header)}.{_CLAIMS}.{_SIGNATURE}"


_JWT: Final = {
    "JWT": JWT,
    "JWT with white space around it": f" \r\n{JWT}\n",
    "refused: JWT of one part": _HEADER,
    "refused: JWT of two parts": f"{_HEADER}.{_CLAIMS}",
    "refused: JWT of four parts": f"{JWT}.{_SIGNATURE}",
    "refused: JWT of five parts, encrypted": f"{_HEADER}.a.b.c.d",
    "refused: JWT with a line end inside": f"{_HEADER}.\n{_CLAIMS}.{_SIGNATURE}",
    "refused: JWT with padding": f"{JWT}==",
    "refused: JWT with a stray bit": f"{JWT[:-1]}x",
    "refused: JWT with a part that is cut": f"{_HEADER}.{_CLAIMS}.AAAAA",
    "refused: JWT in plain base64": f"{_HEADER}.{_CLAIMS}.ab+/",
    "refused: JWT without signature": f"{_HEADER}.{_CLAIMS}.",
    "refused: JWT without payload": f"{_HEADER}..{_SIGNATURE}",
    "refused: JWT, alg none": _headed('{"alg":"none"}'),
    "refused: JWT, alg NONE": _headed('{"alg":"NONE"}'),
    "refused: JWT, no alg": _headed('{"typ":"JWT"}'),
    "refused: JWT, alg not a string": _headed('{"alg":["ES256"]}'),
    "refused: JWT, header an array": _headed('["alg"]'),
    "refused: JWT, header with a name twice": _headed('{"alg":"ES256","alg":"ES256"}'),
    "refused: JWT, b64 false": _headed('{"alg":"ES256","b64":false,"crit":["b64"]}'),
    "refused: SD-JWT sent as JWT": f"{JWT}~{_DISCLOSURE}~",
    "refused: JWT, not ASCII": f"{JWT}é",
    "refused: no JWT at all": "",
}
_SD_JWT: Final = {
    "SD-JWT without disclosures": f"{JWT}~",
    "SD-JWT with two disclosures: the same digest": f"{JWT}~{_DISCLOSURE}~{_DISCLOSURE}~",
    "SD-JWT with key binding: the same digest": f"{JWT}~{_DISCLOSURE}~{JWT}\n",
    "refused: JWT sent as SD-JWT": JWT,
    "refused: SD-JWT, junk after the ~": f"{JWT}~<script>~",
    "refused: SD-JWT, the issuer's part broken": f"{_HEADER}.{_CLAIMS}~{_DISCLOSURE}~",
}

# JWS in JSON serialization, such as a sealed European Digital Credential

_EDC_SIGNATURE: Final = {
    "protected": b64url('{"alg":"RS256","b64":false,"crit":["b64","sigT"],"sigT":"2026-01-30T10:00:00Z"}'),
    "header": {"etsiU": ["timestamp"]},
    "signature": _SIGNATURE,
}
_EDC: Final = {
    "payload": '{"id":"urn:credential:1","issuer":{"id":"urn:epass:org:1"},"note":"café v1.0"}',
    "signatures": [_EDC_SIGNATURE],
}
_FLAT: Final = {"payload": _CLAIMS, "protected": _HEADER, "header": {"kid": "1"}, "signature": _SIGNATURE}
_JWS: Final[Mapping[str, object]] = {
    "sealed EDC": _EDC,
    "sealed EDC, renewed: the same digest": _EDC | {"signatures": [_EDC_SIGNATURE | {"header": {"etsiU": []}}]},
    "sealed EDC with two more signatures": _EDC | {"signatures": [_EDC_SIGNATURE] * 3},
    "JWS, flattened: the digest of the JWT": _FLAT,
    "JWS, flattened, without header": {name: _FLAT[name] for name in ("payload", "protected", "signature")},
    "JWS, b64 true": _FLAT | {"protected": b64url('{"alg":"ES256","b64":true}')},
    "refused: JWS, a member beside": _EDC | {"credentialSubject": {}},
    "refused: JWS, a member beside a signature": _EDC | {"signatures": [_EDC_SIGNATURE | {"payload": "x"}]},
    "refused: JWS, both serializations": _FLAT | {"signatures": [_EDC_SIGNATURE]},
    "refused: JWS, flattened, a member beside": _FLAT | {"type": "VerifiableCredential"},
    "refused: JWS, no signatures": _EDC | {"signatures": []},
    "refused: JWS, signatures not an array": _EDC | {"signatures": _EDC_SIGNATURE},
    "refused: JWS, a signature not an object": _EDC | {"signatures": ["x"]},
    "refused: JWS, a later signature broken": _EDC | {"signatures": [_EDC_SIGNATURE, {}]},
    "refused: JWS, payload not a string": _EDC | {"payload": 1},
    "refused: JWS, payload a number, no signatures": {"payload": 1, "signatures": []},
    "refused: JWS, payload and signature alone": {"payload": _CLAIMS, "signature": _SIGNATURE},
    "refused: JWS, payload elsewhere": _EDC | {"payload": ""},
    "refused: JWS, not signed": _FLAT | {"signature": ""},
    "refused: JWS, header not an object": _FLAT | {"header": "x"},
    "refused: JWS, protected not base64url": _FLAT | {"protected": "{}"},
    "refused: JWS, alg none": _FLAT | {"protected": b64url('{"alg":"none"}')},
    "refused: JWS, b64 not a boolean": _FLAT | {"protected": b64url('{"alg":"ES256","b64":"false"}')},
    "refused: JWS, payload not base64url": _EDC | {"signatures": [_EDC_SIGNATURE | {"protected": _HEADER}]},
}

# Other bytes, media types, rules asked for

_PDF: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"
_BYTES: Final = "application/octet-stream"
_FORM: Final = "application/x-www-form-urlencoded"
_BY_MEDIA_TYPE: Final[Mapping[str, Mapping[str, str | bytes]]] = {
    "application/json": {**_JSON_TEXTS, **_REFUSED_JSON_TEXTS, **_REFUSED_JSON_BYTES},
    "application/json; charset=iso-8859-1": {"refused: JSON in another charset": '{"a":1}'},
    "application/vc+jwt": _JWT,
    "application/jwt": {"JWT, as application/jwt": JWT},
    "application/dc+sd-jwt": _SD_JWT,
    "application/vc+sd-jwt": {"SD-JWT, as application/vc+sd-jwt": f"{JWT}~"},
    "application/pdf": {
        "PDF": _PDF,
        "refused: JSON as PDF": to_json(CREDENTIAL),
        "refused: an empty body": b"",
    },
    "image/png": {"anything": b"\x89PNG\r\n\x1a\n"},
    "text/plain": {"text that is shaped like a JWT": "www.example.org\n"},
    "application/rtf": {"RTF, which begins with a brace": "{\\rtf1 x}"},
    "text/json": {"refused: JSON as text": to_json(CREDENTIAL)},
    _BYTES: {
        "a JSON array as bytes": b"[1]",
        "refused: JSON as bytes": to_json(CREDENTIAL),
        "refused: JSON with a name twice, as bytes": b'{"a":1,"a":2}',
        "refused: JSON with a byte order mark, as bytes": b'\xef\xbb\xbf{"a":1}',
        "refused: JSON in UTF-16, as bytes": '{ "a":1}\r\n'.encode("utf-16-le"),
        "refused: JWT as bytes": f"{JWT}\n",
        "refused: JWT with padding, as bytes": f"{JWT}==",
        "refused: JWT without signature, as bytes": f"{_HEADER}.{_CLAIMS}.",
        "refused: SD-JWT as bytes": f"{JWT}~{_DISCLOSURE}~",
    },
}
_NO_RULE: Final = (None, "", "pdf", "a/b, c/d", _FORM, f"{_FORM}; charset=utf-8", "Multipart/form-data; boundary=x")
_REQUESTED: Final[Mapping[str, tuple[str | None, bytes, Canonicalization]]] = {
    "raw meant: JSON": ("application/vc", to_json(CREDENTIAL), Canonicalization.RAW),
    "raw meant: JSON with a name twice": (_BYTES, b'{"a":1,"a":2}', Canonicalization.RAW),
    "raw meant: JWT": ("application/jwt", JWT.encode(), Canonicalization.RAW),
    "jcs asked for": ("application/vc", to_json(CREDENTIAL), Canonicalization.JCS),
    "jws-json asked for": ("application/vc", to_json(_EDC), Canonicalization.JWS_JSON),
    "refused: jws-json asked for": ("application/vc", to_json(CREDENTIAL), Canonicalization.JWS_JSON),
    "refused: jcs asked for, of a JWS": ("application/vc", to_json(_FLAT), Canonicalization.JCS),
    "refused: sd-jwt-issuer asked for": ("application/jwt", JWT.encode(), Canonicalization.SD_JWT_ISSUER),
    "refused: jws-compact asked for": ("application/dc+sd-jwt", f"{JWT}~".encode(), Canonicalization.JWS_COMPACT),
    "refused: jcs asked for, of a PDF": ("application/pdf", _PDF, Canonicalization.JCS),
    "refused: an empty body, raw meant": ("application/pdf", b"", Canonicalization.RAW),
    "refused: a form, raw meant": (_FORM, _PDF, Canonicalization.RAW),
    "refused: no media type, raw meant": (None, _PDF, Canonicalization.RAW),
}
_OVER_LIMITS: Final[Mapping[str, tuple[str, bytes, JsonLimits]]] = {
    "refused: JSON of too many bytes": ("application/json", b'{"a":[[1],2,3,4]}', JsonLimits(max_bytes=16)),
    "refused: JSON deeper than the limit": ("application/json", b'{"a":[[1],2,3,4]}', JsonLimits(max_depth=2)),
    "refused: JSON of too many values": ("application/json", b'{"a":[[1],2,3,4]}', JsonLimits(max_values=3)),
    "refused: JWT of too many bytes": ("application/jwt", JWT.encode(), JsonLimits(max_bytes=64)),
}
