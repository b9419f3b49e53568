"""Entries that were detached: they left the database for their manifests, and the operator can bring them back."""

from dataclasses import dataclass
from datetime import datetime

from anchoring.core.proof_json import format_time
from anchoring.types import Did, Digest, to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class DetachedEntries:
    """When the first and the last of them were received."""

    since: datetime
    until: datetime

    def note_of_change(self, received_at: datetime) -> str | None:
        """What to say where the status of an entry was changed by its digest; None where it is older than all of these."""
        if received_at < self.since:
            return None
        return (
            f"entries of this issuer that were received up to {format_time(self.until)} were detached: if this digest was posted "
            "before that as well, the proof from then has another place, which was not changed"
        )


def not_posted(digest: Digest, did: Did | None, detached: DetachedEntries | None) -> str:
    """Why a digest is not found. `detached`: entries of this issuer, or of anybody where none is named."""
    why = f"digest {to_hex(digest)} was not posted here" + (f" by {did}" if did else "")
    if detached is None:
        return why
    until = format_time(detached.until)
    return f"{why}, or it was detached, as entries received up to {until} were; the operator can bring it back"
