"""What the commands of a verifier share: a proof in a file, the pinned contract, its node, and ways to status lists."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from anchoring.cli.output import about, read_file
from anchoring.core.outcome import Outcome
from anchoring.core.proof import InclusionProof, Registry, parse_registry
from anchoring.core.proof_json import proof_from_json
from anchoring.core.status_judgement import StatusFindings, StatusPlace
from anchoring.core.strict_json import parse
from anchoring.core.verification import Evidence, NoEvidence
from anchoring.errors import InvalidInput, MalformedProof
from anchoring.ports.ledger import RegistryReader
from anchoring.types import parse_did

EXIT_CODES: Final = {Outcome.PASSED: 0, Outcome.FAILED: 3, Outcome.CANNOT_TELL: 4}

RegistryOption = Annotated[str | None, typer.Option("--registry", help="The contract you trust: eip155:<chain id>:<address>.")]
DeploymentOption = Annotated[
    Path | None, typer.Option("--deployment", help="A deployment file that names it, in place of --registry.")
]
RpcUrlOption = Annotated[str | None, typer.Option("--rpc-url", help="A node of that ledger.")]
ListOption = Annotated[
    list[Path] | None, typer.Option("--list", help="A copy of a status list, or a folder of such; may be repeated.")
]
SignerOption = Annotated[
    list[str] | None, typer.Option("--status-signer", help="A DID whose signature counts for every status list; may be repeated.")
]
PrivateOption = Annotated[
    bool, typer.Option("--allow-private", help="Get lists also over plain HTTP, and from hosts of your own network.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The contract that the verifier pinned, at a node. `reader`: why there is none, in words."""

    pinned: Registry | None
    reader: RegistryReader | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where lists may come from, as the options say."""

    service: str | None
    copies: list[Path]
    signers: list[str]
    allow_private: bool


def read_proof(path: Path) -> InclusionProof:
    """Raises: InvalidInput when the file cannot be read, MalformedProof when it is no proof."""
    content = read_file(path)
    with about(path):
        try:
            return proof_from_json(parse(content))
        except InvalidInput as malformed:
            raise MalformedProof(malformed.message) from malformed


def open_pinned(registry: str | None, deployment: Path | None, rpc_url: str | None) -> Ledger:
    """No node is asked yet. Raises: InvalidInput, Misconfigured."""
    from anchoring.bootstrap.ledger import deployed_registry, open_node, open_reader
    from anchoring.settings import LedgerSettings

    if registry and deployment:
        raise InvalidInput("give either --registry or --deployment", at="--deployment")
    pinned = deployed_registry(deployment) if deployment else None
    pinned = parse_registry(registry, at="--registry") if registry else pinned
    if pinned is None:
        return Ledger(pinned=None, reader="no contract is pinned: give --registry")
    if rpc_url is None:
        return Ledger(pinned=pinned, reader="no node was asked: give --rpc-url")
    return Ledger(pinned=pinned, reader=open_reader(open_node(rpc_url, LedgerSettings()), pinned, LedgerSettings()))


def find_evidence(ledger: Ledger, proof: InclusionProof, finality: str) -> Evidence | NoEvidence:
    """What the ledger shows of the proof's root. Raises: InvalidInput."""
    from anchoring.core.finality import parse_finality
    from anchoring.usecases.gather_evidence import evidence_from_node

    rule = parse_finality(finality, at="--finality")
    if isinstance(ledger.reader, str):
        return NoEvidence(ledger.reader)
    return evidence_from_node(ledger.reader, proof.root, rule)


def find_status(
    ledger: Ledger,
    sources: Sources,
    *,
    credential: bytes | None,
    proof: InclusionProof | None,
    evidence: Evidence | NoEvidence,
    bound: tuple[StatusPlace, ...] | None = None,
) -> StatusFindings:
    """What every list says that speaks of the credential. Raises: InvalidInput naming the option or file."""
    from anchoring.bootstrap.status import open_verifier_lists
    from anchoring.bootstrap.system import SystemClock
    from anchoring.usecases.check_status import StatusQuestion, check_status

    lists = open_verifier_lists(
        ledger.reader,
        service=sources.service,
        copies=sources.copies,
        signers=[parse_did(one, at="--status-signer") for one in sources.signers],
        allow_private=sources.allow_private,
    )
    question = StatusQuestion(credential=credential, proof=proof, evidence=evidence, bound=bound)
    return check_status(lists, question, now=SystemClock().now())
