"""What a verifier of ours reports: named checks, each *passed*, *failed* or *cannot tell* (docs/verification.md)."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from anchoring.core.outcome import Outcome, worst_of
from anchoring.core.proof_json import format_time
from anchoring.core.status_judgement import StatusFindings, findings_to_json
from anchoring.core.validity import Validity, validity_to_json
from anchoring.errors import InvalidInput


class CheckName(StrEnum):
    """The checks, in the order they are reported."""

    DIGEST = "digest"
    PATH = "path"
    REGISTRY = "registry"
    ROOT = "root"
    FINALITY = "finality"
    ISSUER_MATCH = "issuer-match"
    CREDENTIAL_SIGNATURE = "credential-signature"
    ACCREDITATION = "accreditation"
    STATUS = "status"


REQUIRED: Final = frozenset(CheckName) - {CheckName.CREDENTIAL_SIGNATURE, CheckName.ACCREDITATION}
"""What a verifier requires unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check's finding."""

    name: CheckName
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All checks, made at one time. `statement`: what may be said of the credential, in one sentence.

    `validity`: by the credential's own words, which no check is about: whether it expired, for example.
    """

    checked_at: datetime
    checks: tuple[Check, ...]
    statement: str
    status: StatusFindings
    validity: Validity = field(default_factory=Validity)

    def outcome(self, required: Collection[CheckName] = REQUIRED) -> Outcome:
        """Failed when a required check failed, else *cannot tell* when one cannot be told, else passed.

        Raises: InvalidInput unless `required` is a collection of one or more names of checks.
        """
        names: object = required  # whatever a caller without types gives
        is_listed = isinstance(names, Collection) and not isinstance(names, str | bytes)
        if not is_listed or not required or any(name not in tuple(CheckName) for name in required):
            raise InvalidInput(f"must be a collection of one or more of {', '.join(CheckName)}", at="required")
        return worst_of(check.outcome for check in self.checks if check.name in required)


def report_to_json(report: Report, required: Collection[CheckName] = REQUIRED) -> dict[str, Any]:
    """The report as HTTP and `--json` give it."""
    return {
        "type": "CredentialAnchorReport",
        "outcome": report.outcome(required),
        "statement": report.statement,
        "checkedAt": format_time(report.checked_at),
        "required": [name for name in CheckName if name in required],
        "checks": [
            {
                "check": check.name,
                "outcome": check.outcome,
                "reason": check.reason,
                "checkedAt": format_time(report.checked_at),
            }
            for check in report.checks
        ],
        "validity": validity_to_json(report.validity),
        "statusLists": findings_to_json(report.status),
    }
