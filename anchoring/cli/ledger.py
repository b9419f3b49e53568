"""`credanchor ledger`: deploy the contract, say who may anchor, see how things stand."""

from pathlib import Path
from typing import Annotated, Any

import typer

from anchoring.cli.output import print_findings, print_json, progress_bar, say
from anchoring.core.audit_log import Act
from anchoring.types import Address, parse_address, parse_list_id, to_hex

app = typer.Typer(name="ledger", no_args_is_help=True, help="Deploy the contract, say who may anchor, see how things stand.")

DEPLOYMENTS = Path("contracts/deployments")

AccountArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="Account, 0x and 40 hexadecimal digits.")]


@app.command("create-key")
def create_key(
    keystore: Annotated[Path, typer.Argument(help="File for the encrypted key; it must not exist yet.")],
    password_file: Annotated[Path, typer.Option(help="File with the password to encrypt it with, mode 0600.")],
) -> None:
    """Make a key, for anchoring or for the administrator, and print its account."""
    from anchoring.bootstrap.ledger import create_keystore

    typer.echo(create_keystore(keystore, password_file))


@app.command()
def deploy(
    admin: Annotated[str | None, typer.Option(help="Administrator; the signing key's account by default.")] = None,
    anchorer: Annotated[str | None, typer.Option(help="First account that may anchor.")] = None,
    predecessor: Annotated[str | None, typer.Option(help="The registry that this one continues.")] = None,
    admin_delay_s: Annotated[
        int, typer.Option(min=0, max=2**48 - 1, help="Delay before the administration changes hands.")
    ] = 86_400,
    output: Annotated[Path | None, typer.Option(help=f"Deployment file; {DEPLOYMENTS}/<chain id>.json by default.")] = None,
) -> None:
    """Deploy the registry with the configured key and write the deployment file, which must not exist yet."""
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.ledger import open_admin, open_signer
    from anchoring.errors import Misconfigured
    from anchoring.settings import read_settings

    named_admin, first_anchorer = _address(admin, "--admin"), _address(anchorer, "--anchorer")
    continued = _address(predecessor, "--predecessor")
    settings = read_settings().ledger
    registry_admin = open_admin(settings)
    path = output or DEPLOYMENTS / f"{registry_admin.chain_id()}.json"
    if path.exists():
        raise Misconfigured(f"{path} names a deployment already; move it away to deploy another")
    administrator = named_admin or open_signer(settings).address
    if administrator == first_anchorer:
        say("warning: the administrator and the anchorer are one account; whoever steals the anchoring key has the contract too")
    begun = {"admin": administrator, "anchorer": first_anchorer, "predecessor": continued, "adminDelayS": admin_delay_s}
    with recording(read_settings().store, "registry.deployed", begun, say) as found:
        deployment = registry_admin.deploy(
            admin=administrator,
            anchorer=first_anchorer,
            admin_delay_s=admin_delay_s,
            predecessor=continued,
        )
        deployment.save(path)
        found["registry"] = str(deployment.registry)
    say(f"deployed in block {deployment.block_number}, written to {path}")
    typer.echo(str(deployment.registry))


@app.command("grant-anchorer")
def grant_anchorer(account: AccountArgument) -> None:
    """Let an account anchor. Needs the administrator's key."""
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.ledger import open_admin, required_registry
    from anchoring.settings import read_settings

    settings = read_settings().ledger
    address = parse_address(account, at="ADDRESS")
    admin, registry = open_admin(settings), required_registry(settings)
    with recording(read_settings().store, "anchorer.granted", {"registry": str(registry), "account": address}, say):
        admin.grant_anchorer(registry, address)
    say(f"{address} may anchor")


@app.command("revoke-anchorer")
def revoke_anchorer(account: AccountArgument) -> None:
    """Take that right away again. Needs the administrator's key."""
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.ledger import open_admin, required_registry
    from anchoring.settings import read_settings

    settings = read_settings().ledger
    address = parse_address(account, at="ADDRESS")
    admin, registry = open_admin(settings), required_registry(settings)
    with recording(read_settings().store, "anchorer.revoked", {"registry": str(registry), "account": address}, say):
        admin.revoke_anchorer(registry, address)
    say(f"{address} may no longer anchor")


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Ask the first node about the chain, the contract and the anchoring key."""
    from anchoring.bootstrap.ledger import configured_signer, open_nodes, open_reader, required_registry
    from anchoring.settings import read_settings

    everything = read_settings()
    settings, folder = everything.ledger, everything.manifests.folder
    registry = required_registry(settings)
    reader = open_reader(open_nodes(settings)[0], registry, settings)
    identity, head = reader.identity(), reader.head()
    signer = configured_signer(settings)
    found: dict[str, Any] = {
        "registry": str(registry),
        "genesisHash": to_hex(identity.genesis_hash),
        "codeHash": to_hex(identity.code_hash),
        "head": head.block.number,
        "headTime": head.time.isoformat(),
        "anchors": reader.anchor_count(head),
        "signer": signer.address if signer else None,
        "signerMayAnchor": reader.is_anchorer(signer.address, head) if signer else None,
        "manifests": str(folder) if folder else None,
    }
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            typer.echo(f"{name:<16} {'-' if value is None else value}")


@app.command()
def audit(
    rpc_url: Annotated[str | None, typer.Option(help="Node to ask; best one that rounds do not use.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute every tree and every version of a status list again, and compare them with the ledger, both ways. Changes nothing.

    Exit code 1 when something is wrong, and what to do.
    """
    from anchoring.bootstrap.ledger import first_block, open_node, open_nodes, open_reader, required_registry
    from anchoring.bootstrap.store import examine_store, open_store
    from anchoring.settings import read_settings
    from anchoring.usecases.audit_heads import audit_heads
    from anchoring.usecases.audit_ledger import audit_ledger

    settings = read_settings()
    node = open_node(rpc_url, settings.ledger) if rpc_url else open_nodes(settings.ledger)[0]
    reader = open_reader(node, required_registry(settings.ledger), settings.ledger)
    store = open_store(settings.store)
    with progress_bar() as progress:
        findings = examine_store(settings.store, progress)
        since = first_block(settings.ledger)
        findings += audit_ledger(store, reader, first_block=since, progress=progress)
        findings += audit_heads(store, reader, first_block=since, progress=progress)
    print_findings(findings, as_json=as_json)


@app.command()
def reconcile(
    accept_loss: Annotated[bool, typer.Option("--accept-loss", help="Give up the batches that are lost and sign again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the database with every anchor on the ledger, after a restore or a failover. Exit code 1 while rounds stay off."""
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.ledger import open_ledger
    from anchoring.bootstrap.rounds import make_round
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings

    settings = read_settings()
    store, ledger = open_store(settings.store), open_ledger(settings.ledger)
    with recording(settings.store, "ledger.reconciled", {"acceptLoss": accept_loss}, say) as noted:
        with progress_bar() as progress:
            found = make_round(settings, store, ledger, progress).reconcile(accept_loss=accept_loss)
        noted |= {"orphans": len(found.orphans), "maySign": found.may_sign}
    if as_json:
        print_json(_reconciliation(found))
    else:
        for anchor in found.orphans:
            typer.echo(f"{to_hex(anchor.root)} anchor {anchor.sequence}, block {anchor.block.number}, {anchor.leaf_count} leaves")
        say(f"{found.anchors} anchors on the ledger, {found.adopted} adopted, {len(found.orphans)} without a batch here")
        for head in found.unknown_heads:
            typer.echo(f"{to_hex(head.list_id)} status list, version {head.version} in block {head.block.number}, not known here")
    if found.unknown_heads:
        say(
            f"{len(found.unknown_heads)} status lists have a newer version on the ledger than here, and are not published: have "
            "their issuers make the changes again, then for each: credanchor ledger publish-over"
        )
    if not found.may_sign:
        say(
            "rounds stay off. Bring the lost batches back with: credanchor store rebuild. Or give their digests up, "
            "so that issuers may post them again: credanchor ledger reconcile --accept-loss"
        )
        raise typer.Exit(1)
    say("rounds go on")


@app.command("publish-over")
def publish_over(list_id: Annotated[str, typer.Argument(metavar="LIST", help="Id of the list, 64 hexadecimal digits.")]) -> None:
    """Give up the ledger's version of a status list that the database does not know: the next round publishes over it."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.ledger import open_nodes, open_reader, required_registry
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings
    from anchoring.usecases import publish_over as use_case

    settings = read_settings()
    asked = parse_list_id(list_id, at="LIST")
    reader = open_reader(open_nodes(settings.ledger)[0], required_registry(settings.ledger), settings.ledger)

    def act(version: int) -> Act:
        return command_act("status_list.given_up", {"list": to_hex(asked), "version": version})

    version = use_case.publish_over(open_store(settings.store), reader, asked, act)
    say(f"the next round publishes version {version + 1} over version {version}")


def _reconciliation(found: Any) -> dict[str, Any]:
    return {
        "anchors": found.anchors,
        "adopted": found.adopted,
        "orphans": [
            {
                "root": to_hex(anchor.root),
                "sequence": anchor.sequence,
                "leafCount": anchor.leaf_count,
                "anchoredBy": anchor.anchored_by,
                "transaction": to_hex(anchor.transaction),
                "blockNumber": anchor.block.number,
            }
            for anchor in found.orphans
        ],
        "unknownHeads": [
            {
                "list": to_hex(head.list_id),
                "version": head.version,
                "transaction": to_hex(head.transaction),
                "blockNumber": head.block.number,
            }
            for head in found.unknown_heads
        ],
        "spentNonces": list(found.spent_nonces),
        "maySign": found.may_sign,
    }


def _address(text: str | None, option: str) -> Address | None:
    return None if text is None else parse_address(text, at=option)
