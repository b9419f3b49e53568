"""Writes tests/vectors/left_out.json: files with their digest's proof, and additions to what the digest leaves out.

The file is the same at every run. `--check` writes nothing and exits 1 if the file is not what would be written.
"""

import sys
from pathlib import Path
from typing import Any, Final

from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import proof_from_json
from anchoring.core.report import Check, CheckName
from anchoring.core.status_judgement import StatusFindings
from anchoring.core.verification import NoEvidence, verify
from scripts.generated import render_vectors, write_or_check
from scripts.left_out_cases import LeftOutCase, left_out_cases, proof_of
from scripts.signed_credentials import NOW

VECTORS: Final = Path(__file__).parent.parent / "tests" / "vectors" / "left_out.json"

_ABOUT: Final = (
    "Credentials, as text in UTF-8, each with a proof of its digest, and what the check `digest` finds: its outcome is `result`, "
    "and `reason` is that of the verifiers of this project. The digest leaves something out in each, and must not pass where "
    "somebody could have added that."
)


def main() -> int:
    """Writes, or with `--check` compares. The answer is the exit status."""
    return write_or_check(VECTORS, render(), about=__doc__, again="python -m scripts.make_left_out_vectors")


def render() -> str:
    """The whole file, one vector a line. Raises: ValueError when our own judgement is not the expected one."""
    return render_vectors(_ABOUT, {"leftOut": [vector_of(case) for case in left_out_cases()]})


def vector_of(case: LeftOutCase) -> dict[str, Any]:
    """A case, and what the library in Python finds."""
    proof = proof_of(case.credential)
    found = judge(case, proof_from_json(proof))
    if found.outcome != case.result:
        raise ValueError(f"{case.name}: expected {case.result}, and it is {found.outcome}: {found.reason}")
    judged = {"name": case.name, "result": case.result, "reason": found.reason}
    return judged | {"credential": case.credential, "proof": proof}


def judge(case: LeftOutCase, proof: InclusionProof) -> Check:
    """The check `digest` of `anchoring.verify`."""
    report = verify(
        proof,
        credential=case.credential.encode(),
        pinned=None,
        evidence=NoEvidence("nobody was asked"),
        status=StatusFindings(lists=()),
        signature=None,
        now=NOW,
    )
    return next(one for one in report.checks if one.name is CheckName.DIGEST)


if __name__ == "__main__":
    sys.exit(main())
