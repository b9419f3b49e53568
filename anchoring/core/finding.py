"""What an inspection finds wrong, and what to do about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`check`: the name of what was compared. `subject`: where, such as `batch 7`. `advice`: a sentence for the operator."""

    check: str
    subject: str
    detail: str
    advice: str
