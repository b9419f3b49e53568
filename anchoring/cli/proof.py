"""`credanchor proof`: get proofs from a service, and verify them without one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from anchoring.bootstrap.inside import put_inside
from anchoring.bootstrap.pdf import open_pdf_embedding
from anchoring.bootstrap.verifying import NOT_OFFLINE, find_evidence, find_form, find_status, make_report
from anchoring.cli.output import about, plain, print_json, progress_bar, read_file, say, write_bytes, write_json, write_parts
from anchoring.cli.verifying import (
    EXIT_CODES,
    DeploymentOption,
    ListOption,
    PrivateOption,
    RegistryOption,
    RpcUrlOption,
    SignerOption,
    find_all_offline,
    find_proof,
    members_of,
    named_keys,
    named_sources,
    open_pinned,
    refuse_offline,
    sidecar_of,
)
from anchoring.core.bundle import MEMBER, bundle_to_json
from anchoring.core.canonical import Canonicalization, canonical_candidates
from anchoring.core.embedding import NotInside
from anchoring.core.permalink import ImageKind, permalink
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_formats import LineFormat, ProofFormat, read_any, write_proof
from anchoring.core.proof_json import parse_proof, proof_to_json
from anchoring.core.report import REQUIRED, CheckName, report_to_json
from anchoring.core.strict_json import parse
from anchoring.errors import InvalidInput, VerificationError
from anchoring.types import parse_did, parse_digest, parse_http_url, parse_root, parse_salt, to_hex

app = typer.Typer(name="proof", no_args_is_help=True, help="Get proofs from a service, and verify them without one.")


@app.command()
def get(
    digest: Annotated[str, typer.Argument(help="The digest, as `credential hash` prints it.")],
    issuer: Annotated[str | None, typer.Option(help="DID of the issuer, where several posted the digest.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the anchor is final.")] = False,
    timeout_s: Annotated[float, typer.Option(help="Longest wait, in seconds.")] = 600.0,
    bundle: Annotated[bool, typer.Option("--bundle", help="With what shows its anchor without a node.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write the proof to this file instead of stdout.")] = None,
    url: Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")] = None,
) -> None:
    """Print the proof of a digest. Exit code 4 while there is none; with --wait it waits."""
    from anchoring.bootstrap.system import open_client

    wanted, by = parse_digest(digest, at="digest"), parse_did(issuer, at="--issuer") if issuer else None
    with open_client(url) as client:
        at_most_s = timeout_s if wait else 0.0
        found = client.wait_for_proof(
            wanted, by, bundle=bundle, at_most_s=at_most_s, final=wait, waiting=lambda state: say(f"{state} …")
        )
    if bundle and found.get(MEMBER) is None:
        say("the service has no bundle of it yet: ask again later, or make one with: credanchor proof bundle")
    _hand_over(found, output)


@app.command()
def rebuild(
    digest: Annotated[str, typer.Argument(help="The digest, as `credential hash` prints it.")],
    issuer: Annotated[str, typer.Option(help="DID of the issuer.")],
    salt: Annotated[str, typer.Option(help="The salt, from the answer when the digest was posted.")],
    files: Annotated[str, typer.Option("--from", help="What `tiles export` wrote: a folder, https:// or s3://bucket/path.")],
    root: Annotated[str | None, typer.Option(help="Root of the batch, where it is known; else all are looked through.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Look only through what was anchored since, in UTC.")] = None,
    canonicalization: Annotated[Canonicalization | None, typer.Option(help="How the digest was made, for the proof.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the proof to this file instead of stdout.")] = None,
) -> None:
    """Make the proof of a digest from static files alone, without a service. Its path is verified; the anchor is for `verify`.

    A bundle that cannot be read is left out: it can be made anew by `proof bundle`.
    """
    from anchoring.bootstrap.static_files import open_static_files
    from anchoring.settings import read_settings
    from anchoring.usecases.rebuild_proof import OwnEntry, published_bundle, rebuild_proof

    entry = OwnEntry(
        issuer=parse_did(issuer, at="--issuer"),
        digest=parse_digest(digest, at="digest"),
        salt=parse_salt(salt, at="--salt"),
        canonicalization=canonicalization,
    )
    wanted = parse_root(root, at="--root") if root else None
    place = open_static_files(files, read_settings().tiles, writes=False)
    with progress_bar() as progress:
        made = rebuild_proof(place, entry, progress, root=wanted, since=since.replace(tzinfo=UTC) if since else None)
    try:
        found = published_bundle(place, made.root)
    except VerificationError as damaged:
        say(f"{damaged.message}; the bundle is left out")
        found = None
    _hand_over(proof_to_json(made) | ({MEMBER: bundle_to_json(found)} if found else {}), output)


@app.command()
def download(
    root: Annotated[str, typer.Argument(help="Root of the batch, as each of its proofs names it.")],
    wanted: Annotated[LineFormat, typer.Option("--format", help="Of each line.")] = LineFormat.CREDANCHOR,
    bundle: Annotated[bool, typer.Option("--bundle", help="Each with what shows its anchor without a node.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    url: Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")] = None,
) -> None:
    """Print the proofs of all your entries in one batch as NDJSON. Exit code 4 while the batch waits for the ledger."""
    from anchoring.bootstrap.system import open_client

    batch = parse_root(root, at="root")
    with open_client(url) as client:
        write_parts(output, client.batch_proofs(batch, wanted=ProofFormat(wanted), bundle=bundle))


@app.command()
def qr(
    proof: Annotated[Path, typer.Argument(help="The proof, whose issuer and digest the code names; - for stdin.")],
    kind: Annotated[ImageKind, typer.Option("--format", help="Of the image.")] = ImageKind.SVG,
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    url: Annotated[str | None, typer.Option(help="The service whose page it opens; CREDANCHOR_CLIENT__URL by default.")] = None,
) -> None:
    """Draw a QR code that opens the page of a credential, to be printed on it. The service is not asked."""
    from anchoring.qr import draw_qr
    from anchoring.settings import read_settings

    client = read_settings().client
    if url is None and "url" not in client.model_fields_set:
        raise InvalidInput("say whose page it opens, here or in CREDANCHOR_CLIENT__URL: the default is this machine", at="--url")
    service = parse_http_url(url or client.url, at="--url" if url else "CREDANCHOR_CLIENT__URL")
    content = read_file(proof)
    with about(proof):
        found = parse_proof(content)
    write_bytes(output, draw_qr(permalink(service, found.digest, found.issuer), kind))


@app.command()
def convert(
    proof: Annotated[Path, typer.Argument(help="The proof, in any of the formats; - for stdin.")],
    to: Annotated[ProofFormat, typer.Option(help="The format to write it in.")],
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
) -> None:
    """Write a proof in another format. Its path is verified first; a left/right path cannot become the full proof again."""
    content = read_file(proof)
    with about(proof):
        found = read_any(content)
    written = write_proof(found, to, at="--to")
    if isinstance(written, bytes):
        write_bytes(output, written)
    else:
        _hand_over(written, output)


@app.command()
def bundle(
    proof: Annotated[Path, typer.Argument(help="The proof; - for stdin.")],
    rpc_url: Annotated[str, typer.Option(help="A node of its ledger that still has the block.")],
    output: Annotated[Path | None, typer.Option(help="Write the proof to this file instead of stdout.")] = None,
) -> None:
    """Add what proves the anchor without a node, as of the hash of its block: header, receipt and storage."""
    from anchoring.bootstrap.verifying import make_bundle

    content = read_file(proof)
    with about(proof):
        inclusion = parse_proof(content)
    made = make_bundle(inclusion, rpc_url, at="--rpc-url")
    if made.state is None:
        say("the node gives no proof of storage of that block: the bundle proves the anchor by its receipt alone")
    _hand_over(proof_to_json(inclusion) | {MEMBER: bundle_to_json(made)}, output)


@app.command()
def embed(
    credential: Annotated[Path, typer.Argument(help="The credential.")],
    proof: Annotated[Path, typer.Option(help="Its proof.")],
    output: Annotated[Path | None, typer.Option(help="The credential to make; a proof beside it is <output>.proof.json.")] = None,
) -> None:
    """Put a proof into its credential where that keeps the digest, else beside it, and say why. `proof verify` finds both."""
    body, content = read_file(credential), read_file(proof)
    with about(proof):
        inclusion = parse_proof(content)
    try:
        with about(credential):
            made = put_inside(body, members_of(content), inclusion)
    except NotInside as not_inside:
        _require_subject(body, inclusion)
        say(f"beside it, because {not_inside.reason}")
        if output is not None:
            write_bytes(output, body)
        _hand_over(parse(content), sidecar_of(output or credential))
        return
    write_bytes(output or credential.with_name(f"{credential.stem}.anchored{credential.suffix}"), made)


@app.command()
def prepare(
    credential: Annotated[Path, typer.Argument(help="A PDF that is not signed yet.")],
    output: Annotated[Path, typer.Option(help="The PDF to make.")],
) -> None:
    """Make a hidden field in a PDF, into which `embed` puts the proof later. Then sign the PDF, and post it."""
    body = read_file(credential)
    with about(credential):
        made = open_pdf_embedding().prepare(body)
    write_bytes(output, made)


@app.command("verify")
def verify_file(  # noqa: PLR0913, PLR0917 - one for each option
    credential: Annotated[Path, typer.Argument(help="The credential as its holder has it; - for stdin.")],
    proof: Annotated[
        Path | None, typer.Option(help="Its proof; else the one inside the credential, or beside it as <credential>.proof.json.")
    ] = None,
    registry: RegistryOption = None,
    deployment: DeploymentOption = None,
    rpc_url: RpcUrlOption = None,
    finality: Annotated[
        str | None, typer.Option(help="finalized, safe, or depth:<blocks>; depth:0 on QBFT ledgers.", show_default="finalized")
    ] = None,
    require: Annotated[
        list[str] | None, typer.Option(help=f"A check that must pass; may be repeated: {', '.join(CheckName)}.")
    ] = None,
    copies: ListOption = None,
    service: Annotated[str | None, typer.Option(help="Where to get lists that follow from a batch.")] = None,
    status_signer: SignerOption = None,
    allow_private: PrivateOption = False,
    block_hash: Annotated[str | None, typer.Option(help="The block you trust, for --offline.")] = None,
    validators: Annotated[
        Path | None, typer.Option(help="All validators of a QBFT or IBFT 2.0 ledger, for --offline: a JSON array of accounts.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The issuer's public key, a JWK or Multikey, for its own signature.")] = None,
    trust_anchors: Annotated[
        list[Path] | None, typer.Option(help="Certificates in PEM that count for seals; may be repeated.")
    ] = None,
    fetch_keys: Annotated[bool, typer.Option("--fetch-keys", help="Get the issuer's keys of a did:web from its host.")] = False,
    issuers_registry: Annotated[
        str | None, typer.Option(help="The Trusted Issuers Registry you trust, for accreditations: the URL of its issuers.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: the proof's bundle must show all.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Verify a credential and its proof without trusting the service: exit code 0 passed, 3 failed, 4 cannot tell.

    Everything is computed here. With --registry and --rpc-url root, block, time and heads of status lists are read from that
    contract.
    """
    from anchoring.bootstrap.system import SystemClock

    required = frozenset(map(_check_name, require)) if require else REQUIRED
    body, now = read_file(credential), SystemClock().now()
    content, named = find_proof(credential, body, proof)
    with about(named):
        inclusion = parse_proof(content)
    ledger, form = open_pinned(registry, deployment, rpc_url), find_form(body, inclusion)
    if (block_hash or validators) and not offline:
        raise InvalidInput("is for --offline, which asks nobody: say so", at="--block-hash" if block_hash else "--validators")
    if offline:
        further = {"list": copies, "status_signer": status_signer, "allow_private": allow_private, "fetch_keys": fetch_keys}
        refuse_offline(rpc_url=rpc_url, finality=finality, service=service, issuers_registry=issuers_registry, **further)
        evidence = find_all_offline(ledger.pinned, named, content, block_hash=block_hash, validators=validators)
        status = NOT_OFFLINE
    else:
        evidence = find_evidence(ledger, inclusion, finality or "finalized", at="--finality")
        sources = named_sources(service, copies, status_signer, allow_private=allow_private)
        status = find_status(ledger, sources, credential=body, proof=inclusion, evidence=evidence, form=form, now=now)
    trust = named_keys(key, trust_anchors, fetch=fetch_keys, allow_private=allow_private)
    issuers = parse_http_url(issuers_registry, at="--issuers-registry") if issuers_registry else None
    report = make_report(
        body,
        inclusion,
        pinned=ledger.pinned,
        evidence=evidence,
        status=status,
        trust=trust,
        now=now,
        form=form,
        issuers_registry=issuers,
    )
    if as_json:
        print_json(report_to_json(report, required))
    else:
        for check in report.checks:
            mark = "" if check.name in required else "  (not required)"
            typer.echo(f"{check.outcome:<11}  {check.name:<20}  {plain(check.reason)}{mark}")
        typer.echo(f"\n{report.statement}")
    raise typer.Exit(EXIT_CODES[report.outcome(required)])


def _check_name(text: str) -> CheckName:
    if text not in set(CheckName):
        raise InvalidInput(f"must be one of {', '.join(CheckName)}", at="--require")
    return CheckName(text)


def _require_subject(credential: bytes, proof: InclusionProof) -> None:
    if proof.digest not in {form.digest for form in canonical_candidates(credential, None)}:
        raise InvalidInput(f"the proof is of {to_hex(proof.digest)}, which is no digest of the credential", at="--proof")


def _hand_over(proof: object, output: Path | None) -> None:
    if output is None:
        print_json(proof)
    else:
        write_json(output, proof)
        say(f"written to {output}")
