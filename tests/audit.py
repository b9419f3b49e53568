"""Records of the audit log, put behind each other without a store."""

from anchoring.core.audit_log import Act, AuditRecord, detail_text, record_hash, record_text


def chain(act: Act, number: int, previous: bytes, source: bytes) -> AuditRecord:
    """The record of an act, after the one whose hash is `previous`."""
    detail = act.detail if isinstance(act.detail, str) else detail_text(act.detail)
    return AuditRecord(
        number=number,
        at=act.at,
        actor=act.actor,
        issuer=act.issuer,
        action=act.action,
        result=act.result,
        detail=detail,
        source=source,
        hash=record_hash(record_text(act, number, previous, detail, source)),
    )
