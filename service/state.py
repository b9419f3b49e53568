"""What a running service holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from anchoring.core.audit_log import digests_detail
from anchoring.core.finality import FinalityRule
from anchoring.core.issuer import Issuer
from anchoring.ports.runtime import Clock, RandomBytes
from anchoring.ports.signing import CredentialProofs, CredentialSignatures, ListChecker
from anchoring.ports.store import Store, UnitOfWork
from anchoring.settings import ApiSettings, StatusSettings
from anchoring.usecases.submit_digests import Accepted, PostedDigests, submit_digests
from service.acts import Origin, note
from service.backlog import Backlog
from service.body_memory import BodyMemory
from service.failed_attempts import FailedAttempts
from service.figures import FigureReader
from service.group_commit import GroupCommit
from service.key_uses import KeyUses
from service.known_keys import KnownKeys
from service.known_tokens import KnownTokens
from service.limits import Limits
from service.metrics import Metrics
from service.promises import Promises
from service.quotas import Quotas
from service.read_lane import ReadLane
from service.refusals import Refusals
from service.served_lists import ServedLists
from service.stats import StatsReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process of the service.

    `did_document`: as of now; None where no key signs status lists. `credential_proofs`: None where the VC-API is off.
    `tokens`: None where no authorization server is configured.
    `round_period_s`: as configured. `nodes`: how many must show an anchor before it is final.
    """

    store: Store
    writes: GroupCommit
    reads: ReadLane
    keys: KnownKeys
    tokens: KnownTokens | None
    key_uses: KeyUses
    refusals: Refusals
    failed_attempts: FailedAttempts
    limits: Limits
    quotas: Quotas
    bodies: BodyMemory
    backlog: Backlog
    metrics: Metrics
    figures: FigureReader
    stats: StatsReader
    promises: Promises
    clock: Clock
    random_bytes: RandomBytes
    api: ApiSettings
    did_document: Callable[[], dict[str, Any]] | None
    status: StatusSettings
    lists: ServedLists
    list_checker: ListChecker
    credential_proofs: CredentialProofs | None
    signatures: CredentialSignatures
    finality: FinalityRule
    round_period_s: float
    nodes: int

    def submit(self, uow: UnitOfWork, posts: list[tuple[Issuer, PostedDigests, Origin]]) -> Sequence[Accepted]:
        """Several requests' digests at once, as of now, and a record of each request. Raises: as `submit_digests`."""
        asked = [(issuer, posted) for issuer, posted, _ in posts]
        told = submit_digests(uow, asked, now=self.clock.now(), random_bytes=self.random_bytes)
        for (_, posted, origin), accepted in zip(posts, told, strict=True):
            note(uow, self.clock, origin, "digests.posted", digests_detail(accepted.salts, posted.digests))
        return told
