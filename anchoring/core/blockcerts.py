"""Blockcerts v3 credentials: what is hashed of them, the proof that finishes them, and the profile of their issuer.

Stock verifiers look the transaction up, compare its whole calldata with the root, and want its sender among the profile's keys.
"""

import json
from datetime import datetime
from typing import Any, Final

from anchoring.core.canonical import Content, content_of
from anchoring.core.credential_form import issuer_of
from anchoring.core.left_right import LeftRightProof
from anchoring.core.merkleproof2019 import NETWORKS, PROOF_TYPE, from_merkleproof2019, to_merkleproof2019
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import format_time
from anchoring.core.status_codec import untold, unverified
from anchoring.core.strict_json import JsonValue, json_path, parse
from anchoring.errors import InvalidInput, MalformedProof, VerificationError
from anchoring.types import Address, Digest, to_hex

VC_CONTEXTS: Final = ("https://www.w3.org/2018/credentials/v1", "https://www.w3.org/ns/credentials/v2")
CONTEXTS: Final = "https://w3id.org/blockcerts/"
"""What the addresses of Blockcerts' own contexts begin with."""
PROOF: Final = "proof"
MEMBERS: Final = frozenset({"type", "created", "proofPurpose", "proofValue", "verificationMethod"})
"""Of a proof."""


def is_finished(body: bytes) -> bool:
    """Whether it is a credential with a proof of Blockcerts, which its digest does not cover."""
    if content_of(body) is not Content.JSON_OBJECT:
        return False
    try:
        value = parse(body)
    except InvalidInput:
        return False
    proof = value.get(PROOF) if isinstance(value, dict) else None
    return isinstance(proof, dict) and proof.get("type") == PROOF_TYPE


def unfinished(body: bytes) -> dict[str, JsonValue]:
    """The members of a Blockcerts v3 credential without its proof, which is all that its digest covers.

    Raises: InvalidInput naming the member that stock verifiers would not take.
    """
    value = parse(body)
    if not isinstance(value, dict):
        raise InvalidInput("must be a JSON object", at="$")
    contexts, types, proof = value.get("@context"), value.get("type"), value.get(PROOF)
    if not isinstance(contexts, list) or not contexts or contexts[0] not in VC_CONTEXTS:
        raise InvalidInput(f"must be an array that begins with {' or '.join(VC_CONTEXTS)}", at="$['@context']")
    if not any(isinstance(one, str) and one.startswith(CONTEXTS) for one in contexts):
        raise InvalidInput(f"must hold a context of Blockcerts, {CONTEXTS}v3.2 for example", at="$['@context']")
    if not isinstance(types, list) or "VerifiableCredential" not in types:
        raise InvalidInput("must be an array that holds VerifiableCredential", at="$.type")
    if issuer_of(value) is None:
        raise InvalidInput("must be a URL or DID, or an object whose id is one", at="$.issuer")
    if PROOF in value and not (isinstance(proof, dict) and proof.get("type") == PROOF_TYPE):
        raise InvalidInput(f"holds another proof than one {PROOF_TYPE}; Blockcerts are finished before others sign", at="$.proof")
    return {name: member for name, member in value.items() if name != PROOF}


def require_own_proof(body: bytes, given: InclusionProof) -> None:
    """What finishes a credential, if anything does, must say what the `given` proof of its digest says, as `finish` writes it.

    Raises: StatusListError: STATUS_VERIFICATION_ERROR when it does not; STATUS_RETRIEVAL_ERROR when it is of another anchor.
    """
    value = parse(body)
    if not isinstance(value, dict) or PROOF not in value:
        return
    proof, issuer = value[PROOF], issuer_of(value)
    assert isinstance(proof, dict)  # `unfinished` has seen to it
    if unknown := [name for name in proof if name not in MEMBERS]:
        raise unverified(f"the proof inside has a member that {PROOF_TYPE} has not: {json_path((PROOF, unknown[0]))}")
    try:
        read = from_merkleproof2019(proof)
    except MalformedProof as wrong:
        raise unverified(f"what stands inside as a proof is none that is read here: {wrong.message}") from None
    if read.digest != given.digest:
        raise unverified(
            f"the proof inside is of {to_hex(read.digest)}; the credential has {to_hex(given.digest)} (blockcerts-rdfc)"
        )
    if to_merkleproof2019(read)["proofValue"] != proof["proofValue"] or proof.get("proofPurpose") != "assertionMethod":
        raise unverified(f"the proof inside is not written as {PROOF_TYPE} is")
    if str(proof.get("verificationMethod")).partition("#")[0] != issuer:
        raise unverified("the proof inside names no verificationMethod of the credential's issuer")
    _require_same_anchor(read, given)


def _require_same_anchor(inside: LeftRightProof, given: InclusionProof) -> None:
    """The contract anchors a root once. When that was is not compared: wherever it is told, the ledger decides."""
    try:
        inside.verify()
    except VerificationError as wrong:
        raise unverified(f"the proof inside does not hold: {wrong.message}") from None
    if inside.root != given.root:
        raise untold(f"the proof inside is of another anchor, of root {to_hex(inside.root)}, which was not looked at")
    assert inside.anchor is not None  # this form has one
    for what, one, other in (
        ("ledger", f"eip155:{inside.anchor.chain_id}", f"eip155:{given.anchor.registry.chain_id}"),
        ("transaction", to_hex(inside.anchor.transaction), to_hex(given.anchor.transaction)),
    ):
        if one != other:
            raise unverified(f"the proof inside names the {what} {one}, and the proof that was given {other}")


def finish(body: bytes, proof: InclusionProof, digest: Digest, *, verification_method: str | None) -> bytes:
    """The credential with its proof. `digest`: the credential's own, by Blockcerts' rule. `verification_method`: else its issuer.

    Raises: InvalidInput when the proof is of another digest, or on a ledger that Blockcerts has no name for; VerificationError
    when its path does not hold.
    """
    if proof.digest != digest:
        raise InvalidInput(f"the proof is of {to_hex(proof.digest)}; the credential has {to_hex(digest)} (blockcerts-rdfc)")
    members = unfinished(body)
    proof.verify_path()
    issuer = issuer_of(members)
    if (method := verification_method or str(issuer)).partition("#")[0] != issuer:
        raise InvalidInput(f"must be a key of the credential's issuer, {issuer}", at="--verification-method")
    written = to_merkleproof2019(LeftRightProof.of(proof)) | {"verificationMethod": method}
    return json.dumps(members | {PROOF: written}, indent=2, ensure_ascii=False).encode() + b"\n"


def require_named(chain_id: int) -> None:
    """Raises: InvalidInput where Blockcerts has no name for the ledger."""
    if chain_id not in NETWORKS:
        known = ", ".join(f"{name} (eip155:{number})" for number, name in NETWORKS.items())
        raise InvalidInput(
            f"Blockcerts has no name for the ledger eip155:{chain_id}, so no verifier of theirs can look there; it knows {known}"
        )


def issuer_profile(*, url: str, name: str, address: Address, created: datetime) -> dict[str, Any]:
    """What stands at the URL that credentials name as their issuer. `created`: since when the address anchors for it, UTC."""
    return {
        "@context": ["https://w3id.org/openbadges/v2", "https://w3id.org/blockcerts/v3.2"],
        "type": "Profile",
        "id": url,
        "name": name,
        "url": url,
        "publicKey": [{"id": f"ecdsa-koblitz-pubkey:{address}", "created": format_time(created)}],
    }


def require_raw(stated_leaf_count: int | None) -> None:
    """Raises: InvalidInput when the root went to the ledger by a call, as part of its calldata."""
    if stated_leaf_count != 0:
        raise InvalidInput(
            "the root is in a transaction with more than its 32 bytes, which verifiers of Blockcerts refuse: "
            "the operator must set CREDANCHOR_ROUNDS__RAW_ROOTS, and the credential be changed (another id) and posted again"
        )
