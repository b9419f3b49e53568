"""`credanchor issuer key`: API keys of issuers."""

import os
from datetime import timedelta
from typing import Annotated

import typer

from anchoring.cli.durations import parse_life
from anchoring.cli.output import print_json, say
from anchoring.core.issuer import LONGEST_OVERLAP_S, StoredKey, parse_key_prefix
from anchoring.core.proof_json import format_time
from anchoring.core.scopes import OF_ISSUERS, WRITING, Scope, parse_scopes, scopes_text
from anchoring.types import parse_did

app = typer.Typer(name="key", no_args_is_help=True, help="API keys of issuers.")

SCOPES = ", ".join(one for one in Scope if one in OF_ISSUERS)

Prefix = Annotated[str, typer.Argument(metavar="PREFIX", help="The 8 characters after ca_ in the key.")]
Expires = Annotated[str | None, typer.Option(help="How long it opens, such as 90d; without end if not said.")]


@app.command()
def create(
    did: Annotated[str, typer.Argument(metavar="DID", help="Decentralized identifier of the issuer.")],
    scope: Annotated[list[str] | None, typer.Option(help=f"What it may do, once for each: {SCOPES}.")] = None,
    expires: Expires = None,
) -> None:
    """Print a new API key of an issuer. It is shown once; only its hash is stored. It may write, unless scopes are named."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import create_key, living_key, new_key_detail

    parsed, now = parse_did(did, at="DID"), SystemClock().now()
    scopes = parse_scopes(scope, at="--scope") if scope else WRITING
    life = parse_life(expires, at="--expires") if expires else None
    with open_store(read_settings().store).writing() as uow:
        expires_at = None if life is None else now + timedelta(seconds=life)
        key = create_key(uow, parsed, scopes=scopes, expires_at=expires_at, now=now, random_bytes=os.urandom, at="--expires")
        uow.audit_log.note(command_act("key.created", new_key_detail(living_key(uow, key.prefix, now=now)), issuer=parsed))
        uow.commit()
    typer.echo(key.text)


@app.command("list")
def list_keys(
    did: Annotated[str | None, typer.Argument(metavar="[DID]", help="Of this issuer only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the keys, those of the operator too: prefix, issuer, scopes, and whether it opens."""
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import get_issuer

    parsed, now = None if did is None else parse_did(did, at="DID"), SystemClock().now()
    with open_store(read_settings().store).reading() as uow:
        keys = uow.issuers.keys_of(None if parsed is None else get_issuer(uow, parsed))
    if as_json:
        print_json([_key_json(one) for one in keys])
    else:
        for one in keys:
            typer.echo(f"{one.prefix}  {one.issuer.did}  {scopes_text(one.scopes)}  {_standing(one, lives=one.lives(now))}")


@app.command()
def rotate(
    prefix: Prefix,
    overlap: Annotated[str, typer.Option(help="How long the old key still opens, such as 12h; 0 for no longer.")] = "1d",
) -> None:
    """Print a new key with the scopes of another, which itself ends after the overlap."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import living_key, new_key_detail, rotate_key

    kept = timedelta(seconds=parse_life(overlap, at="--overlap", longest_s=LONGEST_OVERLAP_S))
    prefix = parse_key_prefix(prefix, at="PREFIX")
    with open_store(read_settings().store).writing() as uow:
        now = SystemClock().now()
        key = rotate_key(uow, prefix, overlap=kept, now=now, random_bytes=os.urandom)
        made = living_key(uow, key.prefix, now=now)
        detail = new_key_detail(made) | {"rotated": prefix, "overlapS": int(kept.total_seconds())}
        uow.audit_log.note(command_act("key.rotated", detail, issuer=made.issuer.did))
        uow.commit()
    typer.echo(key.text)
    ends = f"ends {format_time(made.expires_at)}" if made.expires_at else "has no end"
    say(f"{key.prefix} {ends}; {prefix} ends after the overlap")


@app.command()
def revoke(prefix: Prefix) -> None:
    """Take a key out of use; running services notice within a second. What was posted with it stays."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import living_key, revoke_key

    prefix = parse_key_prefix(prefix, at="PREFIX")
    with open_store(read_settings().store).writing() as uow:
        now = SystemClock().now()
        issuer = living_key(uow, prefix, now=now).issuer.did
        revoke_key(uow, prefix, now=now)
        uow.audit_log.note(command_act("key.revoked", {"key": prefix}, issuer=issuer))
        uow.commit()
    say(f"revoked {prefix}")


def _standing(key: StoredKey, *, lives: bool) -> str:
    used = f"used {format_time(key.last_used_at)}" if key.last_used_at else "never used"
    if key.revoked_at is not None:
        return f"revoked {format_time(key.revoked_at)}, {used}"
    if not lives and key.expires_at is not None:
        return f"expired {format_time(key.expires_at)}, {used}"
    return used + (f", expires {format_time(key.expires_at)}" if key.expires_at else "")


def _key_json(key: StoredKey) -> dict[str, object]:
    return {
        "prefix": key.prefix,
        "issuer": key.issuer.did,
        "scopes": scopes_text(key.scopes).split(),
        "createdAt": format_time(key.created_at),
        "expiresAt": key.expires_at and format_time(key.expires_at),
        "lastUsedAt": key.last_used_at and format_time(key.last_used_at),
        "revokedAt": key.revoked_at and format_time(key.revoked_at),
    }
