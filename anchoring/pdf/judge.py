"""Judgements of PDFs in a process of their own, bounded in time and memory.

A small PDF can keep its reader busy for longer than anybody waits: there are as many ways to an object as references make.
`anchoring/pdf/__main__.py` is asked in a line of JSON with the PDF behind it, and answers in JSON; one at a time.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from threading import Lock
from typing import Any, Final

from anchoring.core.canonical import ANCHOR_PROOF_TYPE, CanonicalForm, Canonicalization
from anchoring.core.outcome import Outcome
from anchoring.core.strict_json import JsonValue
from anchoring.core.verification import NoForm, SignatureFinding
from anchoring.pdf.revisions import length_of
from anchoring.types import Digest

CPU_MOST_S: Final = 20
WAIT_MOST_S: Final = 60.0
MEMORY_MOST_MB: Final = 2048

_one_at_a_time: Final = Lock()


class NotJudged(Exception):
    """Why there is no judgement, in words."""


def bounded_later_form(body: bytes, digest: Digest) -> CanonicalForm | NoForm | None:
    """As `later_form`. What takes too long is no form that can be told."""
    if length_of(body, digest) is None:
        return None
    try:
        answer = _ask({"digest": digest.hex()}, body)
    except NotJudged as why:
        return NoForm(str(why))
    if "length" in answer:
        data, notes = body[: int(answer["length"])], tuple(answer["notes"])
        return CanonicalForm(canonicalization=Canonicalization.RAW, data=data, digest=digest, notes=notes)
    return NoForm(answer["why"], Outcome(answer["outcome"])) if answer else None


def bounded_signatures(body: bytes, anchors: Sequence[bytes], now: datetime) -> SignatureFinding:
    """As `judge_signatures`. What takes too long cannot be told."""
    if b"/ByteRange" not in body:  # which no signature can do without, nor have packed
        return SignatureFinding(Outcome.CANNOT_TELL, "the PDF is not signed")
    try:
        answer = _ask({"anchors": [base64.b64encode(anchor).decode() for anchor in anchors], "now": now.isoformat()}, body)
    except NotJudged as why:
        return SignatureFinding(Outcome.CANNOT_TELL, str(why))
    return SignatureFinding(Outcome(answer["outcome"]), answer["reason"])


def bounded_embedded_proof(body: bytes) -> dict[str, JsonValue] | None:
    """As `embedded_proof`. Where it takes too long to find, there is none."""
    if ANCHOR_PROOF_TYPE.encode() not in body:  # the name of its field, which is written as it is
        return None
    try:
        found: dict[str, JsonValue] | None = _ask({"inside": True}, body).get("proof")
    except NotJudged:
        return None
    return found


def _ask(question: dict[str, Any], body: bytes) -> dict[str, Any]:
    """Raises: NotJudged."""
    if not _one_at_a_time.acquire(timeout=WAIT_MOST_S):
        raise NotJudged("other PDFs are being judged: ask again")
    try:
        command = [sys.executable, "-P", "-m", "anchoring.pdf"]
        content = json.dumps(question | {"cpu": CPU_MOST_S}).encode() + b"\n" + body
        done = subprocess.run(command, input=content, capture_output=True, timeout=WAIT_MOST_S, check=False)  # noqa: S603 - our own
    except subprocess.TimeoutExpired:
        raise NotJudged(f"the PDF takes more than {WAIT_MOST_S:g} s to judge") from None
    finally:
        _one_at_a_time.release()
    if done.returncode != 0:
        raise NotJudged(f"the PDF takes more than {CPU_MOST_S} s or {MEMORY_MOST_MB} MB to judge, or breaks its reader")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
