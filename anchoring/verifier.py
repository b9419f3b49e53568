"""A verifier as a library: `anchoring.verify` and `anchoring.verify_offline` (docs/verification.md, section 6).

Needs what `pip install credanchor` brings: neither web framework nor database, and no library that could sign for a ledger.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from anchoring.bootstrap.verifying import (
    NOT_OFFLINE,
    Ledger,
    SignatureTrust,
    Sources,
    find_evidence,
    find_offline,
    find_status,
    make_report,
    open_reader_at,
    read_key,
    trusted_blocks,
)
from anchoring.core.bundle import bundle_of
from anchoring.core.proof import InclusionProof, Registry, parse_registry
from anchoring.core.proof_json import parse_proof, proof_from_json
from anchoring.core.strict_json import parse
from anchoring.core.verification import Report
from anchoring.errors import InvalidInput
from anchoring.types import Did, parse_did, parse_http_url

FINALIZED: Final = "finalized"


def verify(  # noqa: PLR0913 - one for each option of `credanchor proof verify`
    credential: bytes | None,
    proof: bytes | Mapping[str, Any],
    *,
    registry: str | Registry | None = None,
    rpc_url: str | None = None,
    finality: str = FINALIZED,
    status_lists: Sequence[Path] = (),
    status_signers: Sequence[str] = (),
    service: str | None = None,
    allow_private: bool = False,
    key: Mapping[str, Any] | None = None,
    trust_anchors: Sequence[Path] = (),
    fetch_keys: bool = False,
    issuers_registry: str | None = None,
    now: datetime | None = None,
) -> Report:
    """Make every check of a credential and its proof, without trusting whoever made the proof.

    `credential`: the file as its holder has it; None checks the proof alone. `proof`: the JSON form, its bytes or parsed.
    `registry`: the contract you trust, `eip155:<chain id>:<address>`, from the operator's publications and never from the proof.
    `rpc_url`: a node of that ledger. `finality`: `finalized`, `safe` or `depth:<blocks>`. `status_lists`: copies, files or
    folders; `status_signers`: DIDs whose signature counts for every list; `service`: where lists that follow from a batch may be
    got; `allow_private`: lists may come over plain HTTP and from private hosts. `key`: the issuer's public key, a JWK, for the
    credential's own signature; `trust_anchors`: PEM files of certificates that count for seals; `fetch_keys`: keys of a did:web
    may be got from its host. `issuers_registry`: the Trusted Issuers Registry you trust, the URL of its issuers, which is asked
    about accreditations that the credential names. `now`: aware, UTC; the clock by default.

    Without `registry` and `rpc_url` nothing is asked over the network but status lists that the credential names, and what the
    ledger would tell is *cannot tell*. The outcome of the whole is `report.outcome()`.

    Raises: MalformedProof when it is no proof; InvalidInput naming the argument that cannot be used.
    """
    inclusion = _proof(proof)
    _require_bytes(credential)
    pinned = parse_registry(registry, at="registry") if isinstance(registry, str) else registry
    ledger = Ledger(pinned=pinned, reader=open_reader_at(pinned, rpc_url, pin="registry=", node="rpc_url="))
    signers: list[Did] = [parse_did(one, at="status_signers") for one in status_signers]
    sources = Sources(service=service, copies=list(status_lists), signers=signers, allow_private=allow_private)
    moment = now or datetime.now(UTC)
    issuers = parse_http_url(issuers_registry, at="issuers_registry") if issuers_registry is not None else None
    evidence = find_evidence(ledger, inclusion, finality, at="finality")
    status = find_status(ledger, sources, credential=credential, proof=inclusion, evidence=evidence, now=moment)
    trust = SignatureTrust(key=_key(key), anchors=list(trust_anchors), fetch=fetch_keys, allow_private=allow_private)
    return make_report(
        credential,
        inclusion,
        pinned=pinned,
        evidence=evidence,
        status=status,
        trust=trust,
        now=moment,
        issuers_registry=issuers,
    )


def verify_offline(
    credential: bytes | None,
    proof: bytes | Mapping[str, Any],
    *,
    registry: str | Registry,
    block_hash: str | None = None,
    validators: Collection[str] = (),
    key: Mapping[str, Any] | None = None,
    trust_anchors: Sequence[Path] = (),
    now: datetime | None = None,
) -> Report:
    """Make every check that the proof's bundle allows; nobody is asked.

    `block_hash`: of the block you trust to be on the ledger for good, in hexadecimal. `validators`: accounts of all validators of
    a QBFT or IBFT 2.0 ledger, whose seals on the block count in its place. *finality* is of these. `status` is always *cannot
    tell*. The other arguments are those of `verify`.

    Raises: MalformedProof when proof or bundle is none; InvalidInput naming the argument that cannot be used.
    """
    inclusion = _proof(proof)
    _require_bytes(credential)
    bundle = bundle_of(parse(proof) if isinstance(proof, bytes) else proof)
    pinned = parse_registry(registry, at="registry") if isinstance(registry, str) else registry
    trusted = trusted_blocks(block_hash, validators, at_hash="block_hash", at_validators="validators")
    evidence = find_offline(pinned, inclusion, bundle, trusted)
    trust, moment = SignatureTrust(key=_key(key), anchors=list(trust_anchors)), now or datetime.now(UTC)
    return make_report(credential, inclusion, pinned=pinned, evidence=evidence, status=NOT_OFFLINE, trust=trust, now=moment)


def _key(key: Mapping[str, Any] | None) -> str | None:
    return None if key is None else read_key(json.dumps(dict(key)).encode(), at="key")


def _require_bytes(credential: object) -> None:
    if not isinstance(credential, bytes | None):
        raise InvalidInput("must be bytes, the file as its holder has it, or None", at="credential")


def _proof(proof: bytes | Mapping[str, Any]) -> InclusionProof:
    if not isinstance(proof, bytes | Mapping):
        raise InvalidInput("must be the JSON form, as bytes or parsed", at="proof")
    return parse_proof(proof) if isinstance(proof, bytes) else proof_from_json(proof)
