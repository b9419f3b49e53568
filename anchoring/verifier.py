"""A verifier as a library: `anchoring.verify` and `anchoring.verify_offline` (docs/verification.md, section 6).

Needs what `pip install credanchor` brings: neither web framework nor database, and no library that could sign for a ledger.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from types import UnionType
from typing import Any, Final

from anchoring.bootstrap.inside import embedded_proof
from anchoring.bootstrap.verifying import (
    NOT_OFFLINE,
    Ledger,
    SignatureTrust,
    Sources,
    find_evidence,
    find_form,
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
from anchoring.core.report import Report
from anchoring.core.strict_json import parse
from anchoring.errors import InvalidInput, Misconfigured
from anchoring.types import Did, parse_did, parse_http_url

FINALIZED: Final = "finalized"


def verify(  # noqa: PLR0913 - one for each option of `credanchor proof verify`
    credential: bytes | None,
    proof: bytes | Mapping[str, Any] | None = None,
    *,
    registry: str | Registry | None = None,
    rpc_url: str | None = None,
    finality: str = FINALIZED,
    status_lists: Sequence[str | PathLike[str]] = (),
    status_signers: Sequence[str] = (),
    service: str | None = None,
    allow_private: bool = False,
    key: Mapping[str, Any] | str | None = None,
    trust_anchors: Sequence[str | PathLike[str]] = (),
    fetch_keys: bool = False,
    issuers_registry: str | None = None,
    now: datetime | None = None,
) -> Report:
    """Make every check of a credential and its proof, without trusting whoever made the proof.

    `credential`: the file as its holder has it; None checks the proof alone. `proof`: the JSON form, its bytes or parsed; None
    takes the one inside the credential, as `embedded_proof` finds it.
    `registry`: the contract you trust, `eip155:<chain id>:<address>`, from the operator's publications and never from the proof.
    `rpc_url`: a node of that ledger. `finality`: `finalized`, `safe` or `depth:<blocks>`. `status_lists`: copies, files or
    folders; `status_signers`: DIDs whose signature counts for every list; `service`: where lists that follow from a batch may be
    got; `allow_private`: lists may come over plain HTTP and from private hosts. `key`: the issuer's public key, a JWK or
    Multikey, for the credential's own signature; `trust_anchors`: PEM files of certificates that count for seals; `fetch_keys`:
    keys of a did:web may be got from its host. `issuers_registry`: the Trusted Issuers Registry you trust, the URL of its
    issuers, which is asked about accreditations that the credential names. `now`: aware; the clock by default.

    Without `registry` and `rpc_url` nothing is asked over the network but status lists that the credential names, and what the
    ledger would tell is *cannot tell*. The outcome of the whole is `report.outcome()`.

    Raises: MalformedProof when it is no proof; InvalidInput naming the argument that cannot be used.
    """
    _, inclusion = _subject(credential, proof)
    _require(str | None, "text or None", rpc_url=rpc_url, service=service, issuers_registry=issuers_registry)
    _require(str, "text", finality=finality)
    _require(bool, "True or False", allow_private=allow_private, fetch_keys=fetch_keys)
    pinned = _registry(registry)
    ledger = Ledger(pinned=pinned, reader=open_reader_at(pinned, rpc_url, pin="registry=", node="rpc_url="))
    signers: list[Did] = [parse_did(one, at="status_signers") for one in _texts(status_signers, at="status_signers")]
    copies = _paths(status_lists, at="status_lists")
    lists_from = parse_http_url(service, at="service") if service is not None else None
    sources = Sources(service=lists_from, copies=copies, signers=signers, allow_private=allow_private)
    trust = SignatureTrust(
        key=_key(key), anchors=_paths(trust_anchors, at="trust_anchors"), fetch=fetch_keys, allow_private=allow_private
    )
    moment = _moment(now)
    issuers = parse_http_url(issuers_registry, at="issuers_registry") if issuers_registry is not None else None
    evidence = find_evidence(ledger, inclusion, finality, at="finality")
    form = find_form(credential, inclusion)
    status = find_status(ledger, sources, credential=credential, proof=inclusion, evidence=evidence, form=form, now=moment)
    return make_report(
        credential,
        inclusion,
        pinned=pinned,
        evidence=evidence,
        status=status,
        trust=trust,
        now=moment,
        form=form,
        issuers_registry=issuers,
    )


def verify_offline(
    credential: bytes | None,
    proof: bytes | Mapping[str, Any] | None = None,
    *,
    registry: str | Registry,
    block_hash: str | None = None,
    validators: Collection[str] = (),
    key: Mapping[str, Any] | str | None = None,
    trust_anchors: Sequence[str | PathLike[str]] = (),
    now: datetime | None = None,
) -> Report:
    """Make every check that the proof's bundle allows; nobody is asked.

    `block_hash`: of the block you trust to be on the ledger for good, in hexadecimal. `validators`: accounts of all validators of
    a QBFT or IBFT 2.0 ledger, whose seals on the block count in its place. *finality* is of these. `status` is always *cannot
    tell*. The other arguments are those of `verify`.

    Raises: MalformedProof when proof or bundle is none; InvalidInput naming the argument that cannot be used.
    """
    given, inclusion = _subject(credential, proof)
    bundle = bundle_of(parse(given) if isinstance(given, bytes) else given)
    pinned = _registry(registry)
    _require(str | None, "text or None", block_hash=block_hash)
    accounts = _texts(validators, at="validators")
    trusted = trusted_blocks(block_hash, accounts, at_hash="block_hash", at_validators="validators")
    evidence = find_offline(pinned, inclusion, bundle, trusted)
    trust, moment = SignatureTrust(key=_key(key), anchors=_paths(trust_anchors, at="trust_anchors")), _moment(now)
    return make_report(
        credential,
        inclusion,
        pinned=pinned,
        evidence=evidence,
        status=NOT_OFFLINE,
        trust=trust,
        now=moment,
        form=find_form(credential, inclusion),
    )


def _subject(
    credential: bytes | None, proof: bytes | Mapping[str, Any] | None
) -> tuple[bytes | Mapping[str, Any], InclusionProof]:
    """The proof as it was given, or found in the credential; and what was read of it."""
    _require(bytes | None, "bytes, the file as its holder has it, or None", credential=credential)
    _require(bytes | Mapping | None, "the JSON form, as bytes or parsed, or None for the one in the credential", proof=proof)
    found = proof if proof is not None else _inside(credential)
    return found, parse_proof(found) if isinstance(found, bytes) else proof_from_json(found)


def _inside(credential: bytes | None) -> dict[str, Any]:
    try:
        found = embedded_proof(credential) if credential is not None else None
    except Misconfigured as absent:
        raise InvalidInput(f"must be given: {absent.message}", at="proof") from absent
    if found is None:
        raise InvalidInput("must be given: there is none inside the credential", at="proof")
    return found


def _registry(given: str | Registry | None) -> Registry | None:
    _require(str | Registry | None, "eip155:<chain id>:<address>, a Registry or None", registry=given)
    return parse_registry(given, at="registry") if isinstance(given, str) else given


def _key(given: Mapping[str, Any] | str | None) -> str | None:
    """As a Multikey."""
    _require(Mapping | str | None, "a JWK, parsed or as text, a Multikey or None", key=given)
    if given is None:
        return None
    text = given if isinstance(given, str) else json.dumps(dict(given), default=str)
    return read_key(text.encode(errors="replace"), at="key")


def _moment(given: datetime | None) -> datetime:
    _require(datetime | None, "a datetime or None", now=given)
    if given is not None and given.tzinfo is None:
        raise InvalidInput("must say its time zone", at="now")
    return given or datetime.now(UTC)


def _paths(given: Collection[str | PathLike[str]], *, at: str) -> list[Path]:
    _require_all(str | PathLike, "paths", given, at=at)
    return [Path(one) for one in given]


def _texts(given: Collection[str], *, at: str) -> list[str]:
    _require_all(str, "texts", given, at=at)
    return list(given)


def _require_all(kind: type | UnionType, words: str, given: object, *, at: str) -> None:
    if isinstance(given, str | bytes) or not isinstance(given, Collection) or not all(isinstance(one, kind) for one in given):
        raise InvalidInput(f"must be a list of {words}", at=at)


def _require(kind: type | UnionType, words: str, **arguments: object) -> None:
    """Raises: InvalidInput naming the first argument that is of another kind."""
    for name, value in arguments.items():
        if not isinstance(value, kind):
            raise InvalidInput(f"must be {words}", at=name)
