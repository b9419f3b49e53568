"""What this deployment promises, as numbers: docs/promises.md says what they mean. Published at `GET /v1/ledger`."""

from dataclasses import dataclass
from typing import Any, Final

from anchoring.settings import Settings

MERGE_SHARE: Final = 0.99
"""Of digests, final within two periods of rounds and the ledger's time to finality."""

PROOF_AVAILABILITY: Final = 0.999
POST_AVAILABILITY: Final = 0.99
CLOCK_DRIFT_S: Final = 5
RECOVERY_H: Final = 4
INCIDENT_ANSWER_H: Final = 24
INCIDENT_LIST_H: Final = 72
END_NOTICE_DAYS: Final = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """The numbers that settings decide. `stalled_s`, `low_balance_rounds`: when to warn, not what is promised."""

    max_merge_delay_s: int
    max_waiting: int
    round_every_s: float
    stalled_s: float
    low_balance_rounds: int
    canary_every_s: float

    def as_json(self) -> dict[str, Any]:
        """The `promises` of `GET /v1/ledger`."""
        return {
            "maxMergeDelayS": self.max_merge_delay_s,
            "mergeShare": MERGE_SHARE,
            "roundEveryS": self.round_every_s,
            "canaryEveryS": self.canary_every_s,
            "maxWaiting": self.max_waiting,
            "signedReceipts": False,
            "proofAvailability": PROOF_AVAILABILITY,
            "postAvailability": POST_AVAILABILITY,
            "clockDriftS": CLOCK_DRIFT_S,
            "recoveryH": RECOVERY_H,
            "incidentAnswerH": INCIDENT_ANSWER_H,
            "incidentListH": INCIDENT_LIST_H,
            "endNoticeDays": END_NOTICE_DAYS,
        }


def read_promises(settings: Settings) -> Promises:
    """Those of a deployment."""
    return Promises(
        max_merge_delay_s=settings.api.max_merge_delay_s,
        max_waiting=settings.api.max_waiting,
        round_every_s=settings.rounds.every_s,
        stalled_s=settings.ledger.stalled_s,
        low_balance_rounds=settings.ledger.low_balance_rounds,
        canary_every_s=settings.rounds.canary_every_s,
    )
