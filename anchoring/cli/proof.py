"""`credanchor proof`: get proofs from a service, and verify them without one."""

from pathlib import Path
from typing import Annotated, Final

import typer

from anchoring.cli.output import about, plain, print_json, read_file, say, write_json
from anchoring.core.finality import parse_finality
from anchoring.core.proof import InclusionProof, Registry, parse_registry
from anchoring.core.proof_json import proof_from_json
from anchoring.core.strict_json import parse
from anchoring.core.verification import REQUIRED, CheckName, Evidence, NoEvidence, Outcome, report_to_json, verify
from anchoring.errors import InvalidInput, MalformedProof
from anchoring.types import parse_did, parse_digest

app = typer.Typer(name="proof", no_args_is_help=True, help="Get proofs from a service, and verify them without one.")

EXIT_CODES: Final = {Outcome.PASSED: 0, Outcome.FAILED: 3, Outcome.CANNOT_TELL: 4}


@app.command()
def get(
    digest: Annotated[str, typer.Argument(help="The digest, as `credential hash` prints it.")],
    issuer: Annotated[str | None, typer.Option(help="DID of the issuer, where several posted the digest.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the anchor is final.")] = False,
    timeout_s: Annotated[float, typer.Option(help="Longest wait, in seconds.")] = 600.0,
    output: Annotated[Path | None, typer.Option(help="Write the proof to this file instead of stdout.")] = None,
    url: Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")] = None,
) -> None:
    """Print the proof of a digest. Exit code 4 while there is none; with --wait it waits."""
    from anchoring.bootstrap.system import open_client

    wanted, by = parse_digest(digest, at="digest"), parse_did(issuer, at="--issuer") if issuer else None
    with open_client(url) as client:
        at_most_s = timeout_s if wait else 0.0
        found = client.wait_for_proof(wanted, by, at_most_s=at_most_s, final=wait, waiting=lambda state: say(f"{state} …"))
    if output is None:
        print_json(found)
    else:
        write_json(output, found)
        say(f"written to {output}")


@app.command("verify")
def verify_file(
    credential: Annotated[Path, typer.Argument(help="The credential as its holder has it; - for stdin.")],
    proof: Annotated[Path, typer.Option(help="Its proof.")],
    registry: Annotated[str | None, typer.Option(help="The contract you trust: eip155:<chain id>:<address>.")] = None,
    deployment: Annotated[Path | None, typer.Option(help="A deployment file that names it, in place of --registry.")] = None,
    rpc_url: Annotated[str | None, typer.Option(help="A node of that ledger.")] = None,
    finality: Annotated[str, typer.Option(help="finalized, safe, or depth:<blocks>; depth:0 on QBFT ledgers.")] = "finalized",
    require: Annotated[list[CheckName] | None, typer.Option(help="A check that must pass; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Verify a credential and its proof without the service: exit code 0 passed, 3 failed, 4 cannot tell.

    Everything is computed here. With --registry and --rpc-url the root, its block and its time are read from that contract.
    """
    from anchoring.bootstrap.system import SystemClock

    body, inclusion = read_file(credential), _read_proof(proof)
    pinned = _pinned(registry, deployment)
    evidence = _evidence(inclusion, pinned, rpc_url, finality)
    report = verify(inclusion, credential=body, pinned=pinned, evidence=evidence, now=SystemClock().now())
    required = frozenset(require) if require else REQUIRED
    if as_json:
        print_json(report_to_json(report, required))
    else:
        for check in report.checks:
            mark = "" if check.name in required else "  (not required)"
            typer.echo(f"{check.outcome:<11}  {check.name:<20}  {plain(check.reason)}{mark}")
        typer.echo(f"\n{report.statement}")
    raise typer.Exit(EXIT_CODES[report.outcome(required)])


def _read_proof(path: Path) -> InclusionProof:
    content = read_file(path)
    with about(path):
        try:
            return proof_from_json(parse(content))
        except InvalidInput as malformed:
            raise MalformedProof(malformed.message) from malformed


def _pinned(registry: str | None, deployment: Path | None) -> Registry | None:
    from anchoring.bootstrap.ledger import deployed_registry

    if registry and deployment:
        raise InvalidInput("give either --registry or --deployment", at="--deployment")
    if deployment:
        return deployed_registry(deployment)
    return parse_registry(registry, at="--registry") if registry else None


def _evidence(proof: InclusionProof, pinned: Registry | None, rpc_url: str | None, finality: str) -> Evidence | NoEvidence:
    from anchoring.bootstrap.ledger import open_node, open_reader
    from anchoring.settings import LedgerSettings
    from anchoring.usecases.gather_evidence import evidence_from_node

    rule = parse_finality(finality, at="--finality")
    if pinned is None:
        return NoEvidence("no contract is pinned: give --registry")
    if rpc_url is None:
        return NoEvidence("no node was asked: give --rpc-url")
    reader = open_reader(open_node(rpc_url, LedgerSettings()), pinned, LedgerSettings())
    return evidence_from_node(reader, proof.root, rule)
