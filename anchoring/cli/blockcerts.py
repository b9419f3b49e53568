"""`credanchor blockcerts`: credentials that verifiers of Blockcerts accept."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from anchoring.bootstrap.verifying import open_blockcerts_rule
from anchoring.cli.output import about, print_json, progress_bar, read_file, say, write_bytes
from anchoring.cli.verifying import sidecar_of
from anchoring.core.blockcerts import finish, issuer_profile, require_named, require_raw
from anchoring.core.canonical import CanonicalForm, Canonicalization
from anchoring.core.moments import parse_moment
from anchoring.core.proof import parse_chain
from anchoring.core.proof_json import proof_from_json
from anchoring.errors import InvalidInput
from anchoring.types import Root, parse_address, parse_did, parse_http_url, to_hex

app = typer.Typer(name="blockcerts", no_args_is_help=True, help="Make credentials that verifiers of Blockcerts accept.")

Files = Annotated[list[Path], typer.Argument(help="Blockcerts v3 credentials, without their proof.")]
Url = Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")]


@app.command("hash")
def hash_files(files: Files) -> None:
    """Print the digest of each credential by the rule of Blockcerts. Nothing is sent anywhere."""
    for file, _, form in _read(files):
        typer.echo(f"{to_hex(form.digest)}  {file}")


@app.command()
def post(files: Files, url: Url = None) -> None:
    """Post the digests of credentials, all or none, with the key in CREDANCHOR_CLIENT__API_KEY. Posting again changes nothing."""
    from anchoring.bootstrap.system import open_client

    read = _read(files)
    with open_client(url) as client:
        if ledger := client.get_ledger()["ledger"]:
            require_named(parse_chain(ledger))
        client.post_digests([form.digest for _, _, form in read], canonicalization=Canonicalization.BLOCKCERTS_RDFC)
    for file, _, form in read:
        typer.echo(f"{to_hex(form.digest)}  {file}")


@app.command()
def wrap(
    files: Files,
    output: Annotated[Path, typer.Option(help="Folder for the finished credentials, each with its proof beside it.")],
    issuer: Annotated[str | None, typer.Option(help="DID of the issuer, where several posted a digest.")] = None,
    verification_method: Annotated[
        str | None, typer.Option(help="The anchoring key in the issuer's DID document; its issuer by default.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the anchors are final.")] = False,
    timeout_s: Annotated[float, typer.Option(help="Longest wait, in seconds.")] = 600.0,
    url: Url = None,
) -> None:
    """Put their final proofs into credentials that were posted. Exit code 4 while one is not final; run it again then."""
    from anchoring.bootstrap.system import open_client

    read, by = _read(files), parse_did(issuer, at="--issuer") if issuer else None
    _require_places(files, output)
    roots: set[Root] = set()
    with open_client(url) as client, progress_bar() as progress:
        for done, (file, body, form) in enumerate(read, start=1):
            with about(file):
                found = client.wait_for_proof(
                    form.digest, by, at_most_s=timeout_s if wait else 0.0, final=True, waiting=lambda state: say(f"{state} …")
                )
                proof = proof_from_json(found)
                if proof.root not in roots:
                    require_named(proof.anchor.registry.chain_id)
                    require_raw(client.get_batch(proof.root)["statedLeafCount"])
                    roots.add(proof.root)
                made = finish(body, proof, form.digest, verification_method=verification_method)
                if open_blockcerts_rule()(made).digest != form.digest:
                    raise AssertionError("what is handed out has another digest")
            write_bytes(sidecar_of(output / file.name), json.dumps(found, indent=2).encode() + b"\n")
            write_bytes(output / file.name, made)
            progress("wrapping", done, len(read))


@app.command()
def profile(
    issuer_url: Annotated[str, typer.Option("--id", help="Where the profile will stand: the issuer that the credentials name.")],
    name: Annotated[str, typer.Option(help="Name of the issuer.")],
    address: Annotated[str, typer.Option(help="The anchoring address, as `credanchor ledger status` prints it.")],
    since: Annotated[str, typer.Option(help="From when the address anchors for the issuer, as 2026-11-01T00:00:00Z.")],
) -> None:
    """Print the profile of an issuer, in which verifiers of Blockcerts look for the anchoring address."""
    created = parse_moment(since, at="--since")
    if not parse_http_url(issuer_url, at="--id").startswith("https://"):
        raise InvalidInput("must be reached over HTTPS: whoever can change it on the way decides whose anchors count", at="--id")
    print_json(issuer_profile(url=issuer_url, name=name, address=parse_address(address, at="--address"), created=created))


def _read(files: Sequence[Path]) -> list[tuple[Path, bytes, CanonicalForm]]:
    """Each file and its form. Raises: InvalidInput naming the file; Misconfigured where the rule's library is not installed."""
    rule, read = open_blockcerts_rule(), []
    for file in files:
        body = read_file(file)
        with about(file):
            read.append((file, body, rule(body)))
    return read


def _require_places(files: Sequence[Path], output: Path) -> None:
    """Makes the folder. Raises: InvalidInput when a finished credential would replace another file that was named."""
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        raise InvalidInput("two of the files have the same name", at="--output")
    if any(file.resolve() == (output / file.name).resolve() for file in files):
        raise InvalidInput("is the folder that the credentials are in", at="--output")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise InvalidInput(f"is no folder, and none can be made there: {failed.strerror}", at="--output") from failed
