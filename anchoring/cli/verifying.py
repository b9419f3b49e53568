"""What the commands of a verifier share: options, a proof in a file, the pinned contract, and ways to status lists."""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from anchoring.bootstrap.inside import embedded_proof
from anchoring.bootstrap.verifying import (
    Ledger,
    SignatureTrust,
    Sources,
    find_offline,
    open_reader_at,
    read_key,
    trusted_blocks,
)
from anchoring.cli.output import about, read_file
from anchoring.core.bundle import bundle_of
from anchoring.core.outcome import Outcome
from anchoring.core.proof import InclusionProof, Registry, parse_registry
from anchoring.core.proof_json import parse_proof
from anchoring.core.strict_json import parse
from anchoring.core.verification import Evidence, NoEvidence
from anchoring.errors import InvalidInput, Misconfigured
from anchoring.types import parse_did, parse_http_url

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


def read_proof(path: Path) -> InclusionProof:
    """Raises: InvalidInput when the file cannot be read, MalformedProof when it is no proof."""
    content = read_file(path)
    with about(path):
        return parse_proof(content)


def sidecar_of(credential: Path) -> Path:
    """Where a proof stands that is beside its credential."""
    return credential.with_name(f"{credential.name}.proof.json")


def find_proof(credential: Path, body: bytes, proof: Path | None) -> tuple[bytes, Path]:
    """The proof and the file it is in: the one that was named, the one inside, or the one beside.

    Raises: InvalidInput when there is none.
    """
    if proof is not None:
        return read_file(proof), proof
    if (inside := _inside(body)) is not None:
        return json.dumps(inside).encode(), credential
    sidecar = sidecar_of(credential)
    if str(credential) == "-" or not sidecar.exists():
        raise InvalidInput(f"there is none inside the credential, nor beside it as {sidecar.name}: name it", at="--proof")
    return read_file(sidecar), sidecar


def _inside(body: bytes) -> dict[str, Any] | None:
    try:
        return embedded_proof(body)
    except Misconfigured:
        return None  # it may stand beside


def members_of(content: bytes) -> dict[str, Any]:
    """The members of a proof that was read before."""
    value = parse(content)
    assert isinstance(value, dict)
    return value


def open_pinned(registry: str | None, deployment: Path | None, rpc_url: str | None) -> Ledger:
    """No node is asked yet. Raises: InvalidInput."""
    from anchoring.bootstrap.ledger import deployed_registry

    if registry and deployment:
        raise InvalidInput("give either --registry or --deployment", at="--deployment")
    try:
        pinned = deployed_registry(deployment) if deployment else None
    except Misconfigured as wrong:
        raise InvalidInput(wrong.message, at="--deployment") from wrong
    pinned = parse_registry(registry, at="--registry") if registry else pinned
    return Ledger(pinned=pinned, reader=open_reader_at(pinned, rpc_url, pin="--registry", node="--rpc-url"))


def refuse_offline(**options: object) -> None:
    """Options that would be of no use offline must not go unnoticed. Raises: InvalidInput naming the first."""
    for name, value in options.items():
        if value:
            raise InvalidInput("is of no use with --offline", at=f"--{name.replace('_', '-')}")


def find_all_offline(
    pinned: Registry | None, proof: Path, content: bytes, *, block_hash: str | None, validators: Path | None
) -> Evidence | NoEvidence:
    """What the bundle in the proof's file proves under this block, or these validators' seals.

    Raises: InvalidInput, MalformedProof.
    """
    if block_hash is None and validators is None:
        raise InvalidInput("say which block you trust, or whose seals on it: give --block-hash or --validators", at="--offline")
    accounts = _read_accounts(validators) if validators else ()
    trusted = trusted_blocks(block_hash, accounts, at_hash="--block-hash", at_validators=str(validators))
    with about(proof):
        return find_offline(pinned, parse_proof(content), bundle_of(parse(content)), trusted)


def _read_accounts(path: Path) -> list[str]:
    """As a node's `qbft_getValidatorsByBlockNumber` gives them."""
    content = read_file(path)
    with about(path):
        value = parse(content)
        if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
            raise InvalidInput("must be an array of one or more accounts, each 0x and 40 hexadecimal digits", at="$")
        return [str(one) for one in value]


def named_keys(key: Path | None, anchors: list[Path] | None, *, fetch: bool, allow_private: bool) -> SignatureTrust:
    """Which keys count for the credential's own signature, as the options say. Raises: InvalidInput naming the file."""
    given = read_key(read_file(key), at=str(key)) if key else None
    return SignatureTrust(key=given, anchors=anchors or [], fetch=fetch, allow_private=allow_private)


def named_sources(service: str | None, copies: list[Path] | None, signers: list[str] | None, *, allow_private: bool) -> Sources:
    """Where lists may come from, as the options say. Raises: InvalidInput."""
    dids = [parse_did(one, at="--status-signer") for one in signers or []]
    url = parse_http_url(service, at="--service") if service is not None else None
    return Sources(service=url, copies=copies or [], signers=dids, allow_private=allow_private)
