"""Answers of the API as OpenAPI describes them. Hot routes build theirs by hand in these shapes; tests compare the two."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from anchoring.types import DID_MAX_CHARACTERS, DID_PATTERN


def _plain_digits(text: str) -> str:
    if not re.fullmatch("0|[1-9][0-9]{0,8}", text):
        raise ValueError("must be a whole number in plain digits")
    return text


def _plain_seconds(text: str) -> str:
    if not re.fullmatch("0|[1-9][0-9]{0,10}", text):
        raise ValueError("must be whole seconds since 1970 in plain digits")
    return text


Hex32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$", examples=["0x" + "ab" * 32])]
Hex16 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{32}$", examples=["0x" + "cd" * 16])]
DidText = Annotated[str, Field(pattern=f"^{DID_PATTERN}$", max_length=DID_MAX_CHARACTERS, examples=["did:web:uni.example"])]
HexAddress = Annotated[str, Field(pattern=r"^0x[0-9a-f]{40}$")]
PLAIN_SECONDS = BeforeValidator(_plain_seconds)
PLAIN_DIGITS = BeforeValidator(_plain_digits)
"""Numbers as people write it: no sign, blank, underscore or digit of another script, all of which `int` would take."""
State = Literal["waiting", "sealed", "submitted", "confirmed", "final"]
Rule = Literal["raw", "jcs", "jws-json", "jws-compact", "sd-jwt-issuer", "blockcerts-rdfc"]
Outcome = Literal["passed", "failed", "cannot tell"]
CheckName = Literal[
    "digest", "path", "registry", "root", "finality", "issuer-match", "credential-signature", "accreditation", "status"
]


class Schema(BaseModel):
    """Members are camelCase on the wire and none is unknown."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True)


class Problem(Schema):
    """RFC 9457. Some types carry further members: `at`, `limit`."""

    type: str
    title: str
    status: int
    detail: str
    at: str | None = None
    """Where in the request: a JSON path, a line, a byte, a field."""
    limit: int | None = None
    code: str | None = None
    """Of Bitstring Status List 1.0: why a status list cannot be relied on."""


class Links(Schema):
    """Where to go on. Each carries the issuer."""

    digest: str
    proof: str


class CredentialAccepted(Schema):
    """A credential was hashed and its digest recorded; the credential itself is forgotten."""

    issuer: DidText
    digest: Hex32
    salt: Hex16
    canonicalization: Rule | None
    received_at: datetime
    max_merge_delay_s: int
    """Longest until it is anchored for good, as promised."""
    notes: list[str]
    """What the digest does not cover."""
    links: Links


class DigestsAccepted(Schema):
    """Arrays run parallel to the digests of the request. A digest posted before has its first salt and time."""

    issuer: DidText
    salts: list[Hex16]
    received_at: list[datetime]
    max_merge_delay_s: int
    links: Links
    """URI templates with `{digest}`."""


class Standing(Schema):
    """How far a digest has come."""

    issuer: DidText
    digest: Hex32
    canonicalization: Rule | None
    received_at: datetime
    state: State
    root: Hex32 | None
    """Root of its batch, once sealed."""
    retry_after_s: int | None
    """Seconds until the proof can be expected; null when it is there."""
    links: Links


class Choices(Schema):
    """Several issuers posted this digest: say which is meant."""

    issuers: list[DidText]
    links: list[str]


class Erasure(Schema):
    """The entry goes as soon as its batch is sealed, in the next round."""

    digest: Hex32
    erased: Literal[False]
    retry_after_s: int


class AnchorOut(Schema):
    """Where a root stands on the ledger."""

    type: Literal["AnchorRegistry"]
    ledger: str
    contract: HexAddress
    sequence: int
    transaction: Hex32
    block_number: int
    block_hash: Hex32
    anchored_at: datetime
    state: Literal["confirmed", "final"]


class StateProof(Schema):
    """Nodes of two tries, from the root down."""

    account: list[str]
    storage: list[str]


class Bundle(Schema):
    """What shows an anchor without a node: docs/proof-format.md, section 8. `state`: null where no node gave it."""

    type: Literal["AnchorBundle"]
    version: Literal[1]
    header: str
    transaction_index: int
    receipt: list[str]
    state: StateProof | None


class Proof(Schema):
    """Inclusion proof, version 1: docs/proof-format.md. `bundle`: where it was asked for; null while there is none."""

    type: Literal["CredentialAnchorProof"]
    version: Literal[1]
    issuer: DidText
    digest: Hex32
    salt: Hex16
    canonicalization: Rule | None
    leaf_index: int
    tree_size: int
    path: list[Hex32]
    root: Hex32
    anchor: AnchorOut
    bundle: Bundle | None = None


class MerkleToolsProof(Schema):
    """The arguments of MerkleTools' `validateProof`: docs/proof-format.md, section 5.1."""

    target_hash: str
    merkle_root: str
    proof: list[dict[Literal["left", "right"], str]]


class BatchOut(Schema):
    """One sealed batch."""

    root: Hex32
    tree_size: int
    state: State
    sealed_at: datetime
    anchor: AnchorOut | None
    stated_leaf_count: int | None
    """What the ledger says of `tree_size`: the same, or 0 where the root went there alone; null while it is not there."""
    tile_levels: list[int]
    """How many tiles each level has, lowest first."""
    links: dict[str, str]


class BatchPage(Schema):
    """Newest first."""

    batches: list[BatchOut]
    next: str | None
    """The page after this one."""


class VerifyIn(Schema):
    """What is to be checked: a proof, a credential, or both.

    A JSON credential goes into `credential` as it is, a JWT or SD-JWT as a string; any other file into `credentialBase64`.
    Without a proof the service looks up its own.
    """

    credential: dict[str, Any] | str | None = None
    credential_base64: str | None = None
    proof: dict[str, Any] | None = None
    """As `GET /v1/proofs/{digest}` gives it."""
    issuer: DidText | None = None
    """Whose entry is meant, where no proof is sent and several issuers posted the credential."""
    require: list[CheckName] | None = None
    """Checks that must pass; at least one. By default those that this service can make."""


class IssueIn(Schema):
    """A credential of the data model 2.0 without proof and status."""

    credential: dict[str, Any]
    options: dict[str, Any] | None = None
    """As the VC-API has it; nothing in it changes anything."""


class IssuedOut(Schema):
    """The credential with its status and its proof."""

    verifiable_credential: dict[str, Any]


class VerifyCredentialIn(Schema):
    """A credential in JSON with a Data Integrity proof."""

    verifiable_credential: dict[str, Any]
    options: dict[str, Any] | None = None
    """As the VC-API has it; nothing in it changes anything."""


class VerifiedOut(Schema):
    """Told of a credential that passed every check; of any other there is a problem."""

    verified: Literal[True]
    issuer: DidText


class CheckOut(Schema):
    """One named check."""

    check: CheckName
    outcome: Outcome
    reason: str
    checked_at: datetime


class ListFindingOut(Schema):
    """What one status list says of the credential; what is not known is null."""

    named_at: str | None
    """Where the credential names the list; null when it follows from the batch."""
    list: Hex32 | None
    url: str | None
    purpose: Literal["revocation", "suspension"] | None
    index: int | None
    outcome: Outcome
    verdict: Literal["clear", "revoked", "suspended", "stale", "unknown"]
    basis: Literal["ledger", "signature"] | None
    version: int | None
    published_at: datetime | None
    code: str | None
    """Of Bitstring Status List 1.0."""
    reason: str


class ValidityOut(Schema):
    """When the credential is valid, by its own words; null where it names no such time that can be read."""

    state: Literal["over", "early", "unclear"] | None
    """Null while it is valid, or says nothing of that."""
    valid_from: datetime | None
    valid_until: datetime | None


class ReportOut(Schema):
    """All checks; docs/verification.md."""

    type: Literal["CredentialAnchorReport"]
    outcome: Outcome
    statement: str
    checked_at: datetime
    required: list[CheckName]
    checks: list[CheckOut]
    validity: ValidityOut
    status_lists: list[ListFindingOut]


Purpose = Literal["revocation", "suspension"]


class StatusListOut(Schema):
    """A numbered status list."""

    list: Hex32
    url: str
    """What a credential names as `statusListCredential`, or as `uri` in `status.status_list`."""
    issuer: DidText
    purpose: Purpose
    number: int
    entries: int
    signed_by: Literal["service", "issuer"]
    created_at: datetime


class ListUrl(Schema):
    """A list and where it is served."""

    list: Hex32
    url: str


class ReservedIndex(Schema):
    """An index of a list."""

    list: Hex32
    index: int


class IndexesReserved(Schema):
    """Indexes given out, in no order."""

    purpose: Purpose
    lists: list[ListUrl]
    entries: list[ReservedIndex]


class ChangeMade(Schema):
    """A recorded change of status."""

    action: Literal["revoke", "suspend", "reinstate"]
    purpose: Purpose
    digest: Hex32 | None
    """Null where it was asked for by list and index."""
    list: Hex32 | None
    """Null while the entry waits: the change takes effect when its batch is sealed."""
    index: int | None
    change: int
    """Among the changes of this index, from 1: the next one may say `expected` as of it."""
    effective_at: datetime
    recorded_at: datetime
    new: bool
    """False when it was recorded before."""
    notes: tuple[str, ...]
    """What verifiers will not see of it."""


class ChangesMade(Schema):
    """In the order of the request."""

    issuer: DidText
    changes: list[ChangeMade]


class ListTaken(Schema):
    """A list that its issuer signed is published. `changed`: how many bits; none when it was uploaded before."""

    list: Hex32
    url: str
    changed: int


class LedgerHead(Schema):
    """What the ledger shows of a list, as of the last round; members are null where nothing was published."""

    outcome: Literal["passed", "cannot tell"]
    """Whether the ledger bears out what is said of the index."""
    reason: str
    version: int | None
    digest: Hex32 | None
    transaction: Hex32 | None
    block_number: int | None
    block_hash: Hex32 | None
    published_at: datetime | None
    state: Literal["confirmed", "final"] | None


class StatusPlace(Schema):
    """One bit that speaks of the credential."""

    purpose: Purpose
    list: Hex32 | None
    """Null while the digest waits."""
    url: str | None
    index: int | None
    set: bool | None
    """Null when it cannot be told; `ledger.reason` says why."""
    since: datetime | None
    change: int
    """How many changes the index has had: the `expected` of the next one."""
    version: int | None
    """The first version of the list that shows the last change."""
    ledger: LedgerHead


class StatusOut(Schema):
    """How a credential stands."""

    issuer: DidText
    digest: Hex32
    status: Literal["clear", "suspended", "revoked", "cannot tell"]
    since: datetime | None
    lists: list[StatusPlace]


class RoundOut(Schema):
    """The newest round."""

    started_at: datetime
    finished_at: datetime | None
    result: str | None
    head_number: int | None


class PromisesOut(Schema):
    """The numbers of docs/promises.md as this deployment keeps them."""

    max_merge_delay_s: int
    merge_share: float
    round_every_s: float
    canary_every_s: float
    max_waiting: int
    signed_receipts: bool
    proof_availability: float
    post_availability: float
    clock_drift_s: int
    recovery_h: int
    incident_answer_h: int
    incident_list_h: int
    end_notice_days: int


class LedgerOut(Schema):
    """Which ledger and contract, and how things stand as of the last round. The node is not asked."""

    ledger: str | None
    chain_id: int | None
    contract: HexAddress | None
    genesis_hash: Hex32 | None
    code_hash: Hex32 | None
    finality: str
    nodes: int
    public_node: str | None
    """A node that anybody may ask, as the operator says."""
    public_issuers_registry: str | None
    """The issuers of a Trusted Issuers Registry that anybody may ask, as the operator says."""
    waiting: int
    oldest_waiting: datetime | None
    sealed_batches: int
    transactions_in_flight: int
    last_anchored: AnchorOut | None
    last_round: RoundOut | None
    promises: PromisesOut
    expected_wait_s: int


class BatchCounts(Schema):
    """How many batches are in each state."""

    sealed: int
    submitted: int
    confirmed: int
    final: int


class HeadOut(Schema):
    """The ledger's newest block, as the last round saw it."""

    number: int
    time: datetime
    lag_s: int
    """Seconds from its time until now."""


class PastRound(Schema):
    """One round."""

    started_at: datetime
    took_s: float | None
    result: str | None
    """None while it goes on, and for ever if it was killed."""
    head_number: int | None


class PastBatch(Schema):
    """One anchored batch."""

    sequence: int
    leaf_count: int
    anchored_at: datetime
    to_final_s: float | None
    """From sealing until it was seen to be final."""


class StatsOut(Schema):
    """How the installation is doing. Nothing in it is about one entry."""

    as_of: datetime
    waiting: int
    batches: BatchCounts
    status_lists: int
    round_every_s: float
    stalled_after_s: float
    head: HeadOut | None
    rounds: list[PastRound]
    """The last 20, newest first."""
    newest_batches: list[PastBatch]
    """The last 60, newest first."""


class IssuerPublic(Schema):
    """Who an issuer is, for everybody."""

    did: str
    name: str
    """As the operator recorded it."""
    accreditation: None
    """Not checked by this version."""


class Readiness(Schema):
    """Whether the service can do its work now, and why not; and what an operator should see to meanwhile."""

    ready: bool
    reasons: list[str]
    warnings: list[str]


ScopeName = Literal["digests:write", "status:write", "issuer:admin", "operator"]


class IssuerOut(Schema):
    """Who may post."""

    did: DidText
    name: str
    added_at: datetime
    items_per_day: int | None
    """Its own quota; 0: any number; null: what the settings say for all."""


class QuotaOut(Schema):
    """What an issuer may write in a day."""

    issuer: DidText
    items_per_day: int
    """0: any number."""
    is_own: bool
    """Whether the operator gave it to this issuer, and it is not that of all."""
    left_today: int | None
    """What other processes of the service hold of it is not counted; null: any number."""
    resets_at: datetime


class IssuersOut(Schema):
    """All of them, in the order in which they were added."""

    issuers: list[IssuerOut]


class ApiKeyOut(Schema):
    """What is kept of an API key; never its secret."""

    prefix: Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
    """The 8 characters after `ca_` in the key."""
    scopes: list[ScopeName]
    created_at: datetime
    expires_at: datetime | None
    """From then on it opens nothing; null: it has no end."""
    last_used_at: datetime | None
    """To the minute; a use just before the service was killed may be missing."""
    revoked_at: datetime | None


class ApiKeysOut(Schema):
    """An issuer's keys, alive or not, oldest first."""

    issuer: DidText
    keys: list[ApiKeyOut]


class NewApiKeyOut(ApiKeyOut):
    """A key that was just made."""

    issuer: DidText
    key: str
    """Its text, which is shown this once."""
