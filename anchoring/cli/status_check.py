"""`credanchor status check`: whether a credential is revoked or suspended, found out without trusting the service."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anchoring.bootstrap.anchored import anchored_forms
from anchoring.bootstrap.verifying import find_evidence, find_form, find_status
from anchoring.cli.output import plain, print_json, read_file, say
from anchoring.cli.verifying import (
    EXIT_CODES,
    DeploymentOption,
    ListOption,
    PrivateOption,
    RegistryOption,
    RpcUrlOption,
    SignerOption,
    named_sources,
    open_pinned,
    read_proof,
)
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import format_time, proof_from_json
from anchoring.core.status import StatusPurpose
from anchoring.core.status_judgement import StatusFindings, StatusPlace, findings_to_json
from anchoring.core.status_places import batch_places
from anchoring.core.verification import NoEvidence
from anchoring.errors import AnchoringError, InvalidInput, NotFound, ServiceUnavailable
from anchoring.types import Did, Digest, parse_did, parse_digest, parse_list_id

if TYPE_CHECKING:  # an HTTP client takes long to import, and `--help` needs none
    from anchoring.client import AnchoringClient


def check(  # noqa: PLR0913, PLR0917 - one for each option
    credential: Annotated[str, typer.Argument(help="The credential as its holder has it, - for stdin; or its digest.")],
    proof: Annotated[Path | None, typer.Option(help="Its proof; without it the service is asked for one.")] = None,
    issuer: Annotated[str | None, typer.Option(help="DID of the issuer, where several posted the digest.")] = None,
    registry: RegistryOption = None,
    deployment: DeploymentOption = None,
    rpc_url: RpcUrlOption = None,
    copies: ListOption = None,
    service: Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")] = None,
    status_signer: SignerOption = None,
    allow_private: PrivateOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say whether a credential is revoked or suspended: exit code 0 neither, 3 it is, 4 cannot tell.

    Every list that the credential names is looked at, and the two that follow from its batch. Lists may come from anywhere: with
    --registry and --rpc-url each is compared with its head on that contract.
    """
    from anchoring.bootstrap.system import SystemClock, open_client

    body, digests = _subject(credential)
    with open_client(service) as client:
        found, why = (read_proof(proof), "") if proof else _proof_from(client, digests, parse_did(issuer) if issuer else None)
        url = service or client.url
        bound = _bound(client, found) if found is not None and body is None else None
    if found is not None and body is None and found.digest not in digests:
        raise InvalidInput("the proof is of another digest", at="--proof")
    ledger = open_pinned(registry, deployment, rpc_url)
    evidence = find_evidence(ledger, found, "finalized", at="finality") if found else NoEvidence(why)
    sources, now = named_sources(url, copies, status_signer, allow_private=allow_private), SystemClock().now()
    form = find_form(body, found) if found else None
    status = find_status(ledger, sources, credential=body, proof=found, evidence=evidence, form=form, now=now, bound=bound)
    _show(status, found, checked_at=format_time(now), as_json=as_json)
    raise typer.Exit(EXIT_CODES[status.outcome])


def _subject(text: str) -> tuple[bytes | None, list[Digest]]:
    """The credential, if there is one, and the digests it may have been anchored under."""
    if not Path(text).exists():
        try:
            return None, [parse_digest(text)]
        except InvalidInput:
            pass  # then it is meant as a file
    body = read_file(Path(text))
    return body, [form.digest for form in anchored_forms(body)]


def _proof_from(client: "AnchoringClient", digests: list[Digest], issuer: Did | None) -> tuple[InclusionProof | None, str]:
    """The service's proof, which is then checked; or why there is none."""
    from anchoring.client import StillWaiting

    why = "the credential has no digest"
    for digest in digests:
        try:
            found = client.get_proof(digest, issuer)
        except NotFound:
            why = "the service has no proof of it"
            continue
        except ServiceUnavailable as failed:
            return None, f"no proof was got: {failed.message}"
        if isinstance(found, StillWaiting):
            return None, f"it has no proof yet: it is {found.state}"
        return proof_from_json(found), ""
    return None, why


def _bound(client: "AnchoringClient", proof: InclusionProof) -> tuple[StatusPlace, ...] | None:
    """The places that the service says it gave the credential, which is not at hand to be read; None when it does not say."""
    try:
        lists = client.get_status(proof.digest, proof.issuer)["lists"]
        of_batch = {place.list_id for place in batch_places(proof)}
        places = [
            StatusPlace(
                named_at="the service",
                list_id=parse_list_id(one["list"]),
                url=str(one["url"]),
                purpose=StatusPurpose(one["purpose"]),
                index=int(one["index"]),
            )
            for one in lists
            if one["list"] is not None
        ]
    except (AnchoringError, KeyError, TypeError, ValueError):
        return None
    return tuple(place for place in places if place.list_id not in of_batch)


def _show(status: StatusFindings, proof: InclusionProof | None, *, checked_at: str, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "type": "CredentialStatusReport",
                "outcome": status.outcome,
                "reason": status.reason,
                "anchoredBy": proof.issuer if proof else None,
                "checkedAt": checked_at,
                "statusLists": findings_to_json(status),
            }
        )
        return
    for found in status.lists:
        typer.echo(f"{found.outcome:<11}  {found.verdict:<9}  {plain(found.reason)}")
    if proof is not None:
        say(f"of the credential that {proof.issuer} anchored")
