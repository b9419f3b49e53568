"""What the digest of a file leaves out must be what its kind allows, and nothing that somebody added (docs/verification.md)."""

from collections.abc import Iterator, Mapping
from typing import Final

from anchoring.core.blockcerts import require_own_proof
from anchoring.core.bundle import bundle_of
from anchoring.core.canonical import CanonicalForm, Canonicalization
from anchoring.core.disclosures import check_disclosures
from anchoring.core.embedding import embedded_proofs
from anchoring.core.jose import read_sd_jwt
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import PROOF_VERSION, proof_from_json
from anchoring.core.status_codec import untold, unverified
from anchoring.core.strict_json import JsonValue, json_path
from anchoring.errors import MalformedProof

MAX_PROOFS: Final = 100
"""Anchor proofs that stand inside one credential; what has more is not looked through."""

_PLACE: Final = frozenset({"issuer", "digest", "salt", "canonicalization", "leafIndex", "treeSize", "path", "root"})
_BLOCK: Final = frozenset({"ledger", "contract", "sequence", "transaction", "blockNumber", "blockHash", "anchoredAt", "state"})
_MEMBERS: Final[Mapping[tuple[str, ...], frozenset[str]]] = {
    (): _PLACE | {"type", "version", "anchor", "bundle"},
    ("anchor",): _BLOCK | {"type"},
    ("bundle",): frozenset({"type", "version", "header", "transactionIndex", "receipt", "state"}),
    ("bundle", "state"): frozenset({"account", "storage"}),
}


def require_nothing_added(credential: bytes, form: CanonicalForm, given: InclusionProof) -> None:
    """`form`: in which the file has the digest of the `given` proof.

    Raises: StatusListError saying what was added, or cannot be told.
    """
    match form.canonicalization:
        case Canonicalization.SD_JWT_ISSUER:
            check_disclosures(read_sd_jwt(credential), credential)
        case Canonicalization.JCS:
            proofs = embedded_proofs(credential)
            if len(proofs) > MAX_PROOFS:
                raise untold(f"{len(proofs)} anchor proofs stand inside; at most {MAX_PROOFS} are read")
            for proof in proofs:
                require_proof_alone(proof)
        case Canonicalization.BLOCKCERTS_RDFC:
            require_own_proof(credential, given)


def require_proof_alone(value: JsonValue) -> None:
    """What stands inside a file as an anchor proof must be one, without any other member. Raises: StatusListError."""
    try:
        proof_from_json(value)
        bundle_of(value)
    except MalformedProof as wrong:
        raise (untold if _is_later(value) else unverified)(
            f"what stands inside as an anchor proof is none that is read here, because of {wrong.at}"
        ) from None
    for steps, members, known in _objects(value):
        if unknown := [name for name in members if name not in known]:
            raise unverified(f"an anchor proof inside has a member that proofs have not: {json_path((*steps, unknown[0]))}")


def _is_later(proof: JsonValue) -> bool:
    """Whether it says to be of a version that is not known yet."""
    version = proof.get("version") if isinstance(proof, Mapping) else None
    return isinstance(version, int) and version > PROOF_VERSION


def _objects(proof: JsonValue) -> Iterator[tuple[tuple[str, ...], Mapping[str, JsonValue], frozenset[str]]]:
    """Each object in a proof, with the steps to it and the names that it may have."""
    for steps, known in _MEMBERS.items():
        value: JsonValue = proof
        for step in steps:
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            yield steps, value, known
