"""Why a status was changed, for the issuer's own record. It is never published: a reason says something about a person."""

from enum import StrEnum


class StatusReason(StrEnum):
    """What an issuer may say in one word; its own words go into the explanation."""

    UNSPECIFIED = "unspecified"
    ISSUED_IN_ERROR = "issued-in-error"
    DATA_CORRECTION = "data-correction"
    SUPERSEDED = "superseded"
    AWARD_WITHDRAWN = "award-withdrawn"
    MISCONDUCT = "misconduct"
    HOLDER_REQUEST = "holder-request"
    UNDER_REVIEW = "under-review"
    REVIEW_CLOSED = "review-closed"
    KEY_COMPROMISE = "key-compromise"
