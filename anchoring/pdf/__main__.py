"""The process of `anchoring/pdf/judge.py`."""

import base64
import json
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

from anchoring.core.canonical import CanonicalForm
from anchoring.core.verification import NoForm
from anchoring.pdf.embedding import embedded_proof, later_form
from anchoring.pdf.judge import MEMORY_MOST_MB
from anchoring.pdf.signatures import judge_signatures
from anchoring.types import Digest


def _answer(question: dict[str, Any], body: bytes) -> dict[str, Any]:
    if "inside" in question:
        return {"proof": embedded_proof(body)}
    if "digest" not in question:
        anchors = [base64.b64decode(anchor) for anchor in question["anchors"]]
        found = judge_signatures(body, anchors, datetime.fromisoformat(question["now"]))
        return {"outcome": found.outcome, "reason": found.reason}
    match later_form(body, Digest(bytes.fromhex(question["digest"]))):
        case CanonicalForm(data=data, notes=notes):
            return {"length": len(data), "notes": notes}
        case NoForm(why=why, outcome=outcome):
            return {"why": why, "outcome": outcome}
    return {}


def main() -> None:
    """Answer one question."""
    question = json.loads(sys.stdin.buffer.readline())
    with suppress(ImportError):  # where there are no such limits, the wait is bounded all the same
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (question["cpu"], question["cpu"]))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MOST_MB * 1024**2,) * 2)
    sys.stdout.write(json.dumps(_answer(question, sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
