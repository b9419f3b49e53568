"""What a verifier gives becomes evidence: the pinned contract at a node, and ways to status lists. No settings are read."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from anchoring.bootstrap.pdf import SignaturesOfAll, later_pdf_form
from anchoring.bounded_http import HttpGetter, NoAnswer, NothingThere
from anchoring.core.accreditation import attributes_to_ask, check_accreditation, read_accreditation_claim
from anchoring.core.blockcerts import unfinished
from anchoring.core.bundle import Bundle
from anchoring.core.canonical import CanonicalForm, Content, canonical_candidates, content_of
from anchoring.core.finality import parse_finality
from anchoring.core.proof import InclusionProof, Registry
from anchoring.core.report import Check, Report
from anchoring.core.status_judgement import StatusFindings, StatusPlace
from anchoring.core.status_places import not_told
from anchoring.core.verification import Evidence, NoEvidence, NoForm, SignatureFinding, verify
from anchoring.errors import InvalidInput, Misconfigured, VerificationError
from anchoring.types import Address, BlockHash, Did, Digest, as_block_hash, parse_address, parse_hash

if TYPE_CHECKING:
    from anchoring.ledger.rpc import JsonRpc
    from anchoring.ports.ledger import RegistryReader

NODE_TIMEOUT_S: Final = 15.0
REGISTRY_MAX_BYTES: Final = 256 * 1024
NOT_OFFLINE: Final = StatusFindings(lists=(not_told("status lists change, so nothing is told of them offline"),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The contract that the verifier pinned, at a node. `reader`: why there is none, in words."""

    pinned: Registry | None
    reader: "RegistryReader | str"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where lists may come from."""

    service: str | None
    copies: Sequence[Path]
    signers: Sequence[Did]
    allow_private: bool


def open_reader_at(pinned: Registry | None, rpc_url: str | None, *, pin: str, node: str) -> "RegistryReader | str":
    """Reads the pinned contract at a node, which is not asked yet; or why there is none. `pin`, `node`: how to name each.

    Raises: InvalidInput naming the node.
    """
    # The ledger's library takes a while to import, so it is imported by whoever needs a ledger.
    from anchoring.ledger.registry_reader import EvmRegistryReader

    if pinned is None:
        return f"no contract is pinned: give {pin}"
    if rpc_url is None:
        return f"no node was asked: give {node}"
    return EvmRegistryReader(_open_node(rpc_url, at=node.removesuffix("=")), pinned)


def _open_node(rpc_url: str, *, at: str) -> "JsonRpc":
    """Raises: InvalidInput naming `at`."""
    from anchoring.ledger.rpc import JsonRpc

    try:
        return JsonRpc(rpc_url, timeout_s=NODE_TIMEOUT_S)
    except Misconfigured as wrong:
        raise InvalidInput(wrong.message, at=at) from None


def find_evidence(ledger: Ledger, proof: InclusionProof, finality: str, *, at: str) -> Evidence | NoEvidence:
    """What the ledger shows of the proof's root. `at`: the name of `finality`. Raises: InvalidInput."""
    from anchoring.usecases.gather_evidence import evidence_from_node

    rule = parse_finality(finality, at=at)
    if isinstance(ledger.reader, str):
        return NoEvidence(ledger.reader)
    return evidence_from_node(ledger.reader, proof.root, rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedBlocks:
    """What the verifier knows of the ledger without asking: the hash of a final block, all validators, or both."""

    block_hash: BlockHash | None = None
    validators: frozenset[Address] = frozenset()


def find_offline(
    pinned: Registry | None, proof: InclusionProof, bundle: Bundle | None, trusted: TrustedBlocks
) -> Evidence | NoEvidence:
    """What the bundle proves under a block that the verifier named, or that the ledger's validators sealed. No node is asked.

    That the named block is one of the ledger, and final, is the verifier's own word.
    """
    from anchoring.ledger.headers import hash_of_header, require_seals
    from anchoring.ledger.offline import anchor_from_bundle

    if bundle is None:
        return NoEvidence("the proof has no bundle: credanchor proof bundle adds one")
    if pinned is None:
        return NoEvidence("no contract is pinned")
    finality = "the block hash that was given"
    try:
        if trusted.validators:
            sealed = require_seals(bundle.header, trusted.validators)
            finality = f"the seals of {sealed} of {len(trusted.validators)} validators"
            if trusted.block_hash is None:
                finality += ", on any chain of theirs: no header says which"
        block_hash = trusted.block_hash or hash_of_header(bundle.header)
        anchor = anchor_from_bundle(bundle, proof.root, proof.anchor.transaction, pinned, block_hash)
    except VerificationError as wrong:  # whoever made it may have taken another block: nothing follows about the root
        return NoEvidence(f"the bundle does not show it: {wrong.message}")
    shown = "receipt and storage" if bundle.state else "the receipt alone, there is no proof of storage"
    return Evidence(
        source=f"the bundle by {shown} (the transaction's hash is the proof's word)",
        head_number=anchor.block.number,
        anchor=anchor,
        block_hash=block_hash,
        final_height=anchor.block.number,
        finality=finality,
    )


def trusted_blocks(block_hash: str | None, validators: Collection[str], *, at_hash: str, at_validators: str) -> TrustedBlocks:
    """`at_hash`, `at_validators`: how to name each. Raises: InvalidInput, also when neither is given."""
    if block_hash is None and not validators:
        raise InvalidInput("say which block you trust, or whose seals on it", at=at_hash)
    return TrustedBlocks(
        block_hash=as_block_hash(parse_hash(block_hash, what="a block hash", at=at_hash)) if block_hash is not None else None,
        validators=frozenset(parse_address(one, at=at_validators) for one in validators),
    )


def make_bundle(proof: InclusionProof, rpc_url: str, *, at: str) -> Bundle:
    """What proves the anchor, from a node. `at`: names `rpc_url`. Raises: LedgerUnavailable, Misconfigured, InvalidInput."""
    from anchoring.ledger.bundles import fetch_bundle

    return fetch_bundle(_open_node(rpc_url, at=at), proof.root, proof.anchor)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureTrust:
    """Which keys count for the credential's own signature besides those in a did:key.

    `key`: a Multikey. `anchors`: files of certificates. `fetch`: look up did:web, also on private hosts where `allow_private`.
    """

    key: str | None = None
    anchors: Sequence[Path] = ()
    fetch: bool = False
    allow_private: bool = False


def find_signature(credential: bytes | None, trust: SignatureTrust, *, now: datetime) -> SignatureFinding | None:
    """What is known of the credential's own signature; None without a credential. Raises: InvalidInput naming the file."""
    from anchoring.bootstrap.status import open_keys
    from anchoring.signing.key_sources import CarriedKeys
    from anchoring.signing.own_signatures import OwnSignatures
    from anchoring.signing.seals import read_trust_anchors

    anchors = read_trust_anchors(trust.anchors)
    if credential is None:
        return None
    keys = open_keys(allow_private=trust.allow_private, at=now) if trust.fetch else CarriedKeys()
    return SignaturesOfAll(OwnSignatures(keys, given=trust.key, anchors=anchors), anchors).check(credential, now)


def make_report(  # noqa: PLR0913 - one for each thing that was found
    credential: bytes | None,
    proof: InclusionProof,
    *,
    pinned: Registry | None,
    evidence: Evidence | NoEvidence,
    status: StatusFindings,
    trust: SignatureTrust,
    now: datetime,
    form: CanonicalForm | NoForm | None,
    issuers_registry: str | None = None,
) -> Report:
    """Every check, from what was found; `form` as `find_form` found it. Raises: InvalidInput naming a file of trust anchors."""
    return verify(
        proof,
        credential=credential,
        pinned=pinned,
        evidence=evidence,
        status=status,
        signature=find_signature(credential, trust, now=now),
        now=now,
        accreditation=find_accreditation(credential, issuers_registry, at=proof.anchor.anchored_at),
        form=form,
    )


def find_accreditation(credential: bytes | None, registry: str | None, *, at: datetime) -> Check:
    """What the Trusted Issuers Registry that the verifier named shows of the accreditations that the credential names.

    `registry`: the URL of its issuers, which may be on a private host; None asks nobody. `at`: when the credential was anchored.
    """
    claim = read_accreditation_claim(credential) if credential is not None else None
    answers = {url: _answer(url) for url in attributes_to_ask(claim, registry)}
    return check_accreditation(claim, registry, answers, at=at)


def _answer(url: str) -> bytes | str | None:
    """What stands there; None where nothing does; or why nothing was got."""
    getter = HttpGetter(timeout_s=NODE_TIMEOUT_S, max_bytes=REGISTRY_MAX_BYTES, allow_private=True)
    try:
        return getter.get(url, accept="application/json").content
    except NothingThere:
        return None
    except (NoAnswer, ValueError) as failed:
        return str(failed)


def read_key(content: bytes, *, at: str) -> str:
    """A public key that the verifier gives, a JWK or a Multikey. Raises: InvalidInput."""
    from anchoring.signing.multikey import read_public_key

    return read_public_key(content, at=at)


def find_form(credential: bytes | None, proof: InclusionProof) -> CanonicalForm | NoForm | None:
    """A form that takes a library, where no other is the proof's: as Blockcerts hashes it; the beginning of a longer PDF."""
    if credential is None:
        return None
    try:
        if _is_longer_pdf(credential, proof.digest):
            return later_pdf_form(credential, proof.digest)
        if _may_be_blockcerts(credential, proof.digest):
            return open_blockcerts_rule()(credential)
    except Misconfigured as cannot:
        return NoForm(cannot.message)
    except InvalidInput as refused:
        return NoForm(f"the rule of Blockcerts gives the credential no digest: {refused}")
    return None


def _is_longer_pdf(credential: bytes, digest: Digest) -> bool:
    """Whether it is a PDF with another digest than the proof's."""
    return content_of(credential) is Content.PDF and hashlib.sha256(credential).digest() != digest


def _may_be_blockcerts(credential: bytes, digest: Digest) -> bool:
    """Whether it has the members of a Blockcerts credential, and another digest by the rules that its content asks for."""
    if content_of(credential) is not Content.JSON_OBJECT:
        return False
    if any(form.digest == digest for form in canonical_candidates(credential, None)):
        return False
    try:
        unfinished(credential)
    except InvalidInput:
        return False
    return True


def open_blockcerts_rule() -> Callable[[bytes], CanonicalForm]:
    """Hashes a Blockcerts credential. Raises: Misconfigured where its library is not installed."""
    try:
        from anchoring.blockcerts.rdfc import blockcerts_form
    except ModuleNotFoundError as absent:
        raise Misconfigured("it takes a library that is not here: pip install 'credanchor[blockcerts]'") from absent
    return blockcerts_form


def find_status(
    ledger: Ledger,
    sources: Sources,
    *,
    credential: bytes | None,
    proof: InclusionProof | None,
    evidence: Evidence | NoEvidence,
    now: datetime,
    form: CanonicalForm | NoForm | None,
    bound: tuple[StatusPlace, ...] | None = None,
) -> StatusFindings:
    """What every list says that speaks of the credential. `form`: as `find_form` found it. Raises: InvalidInput naming a file."""
    from anchoring.bootstrap.status import open_verifier_lists
    from anchoring.usecases.check_status import StatusQuestion, check_status

    lists = open_verifier_lists(
        ledger.reader,
        service=sources.service,
        copies=sources.copies,
        signers=sources.signers,
        allow_private=sources.allow_private,
        now=now,
    )
    question = StatusQuestion(credential=credential, proof=proof, evidence=evidence, bound=bound, further=form)
    return check_status(lists, question, now=now)
