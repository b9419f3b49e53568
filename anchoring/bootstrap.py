"""Settings become a running store, ledger and clock. The only module that knows both sides of the ports.

The ledger's library takes a second to import, so it is imported by whoever needs a ledger.
"""

import os
import secrets
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from anchoring.client import AnchoringClient
from anchoring.core.fees import FeeRules
from anchoring.core.finality import parse_finality
from anchoring.core.findings import Finding
from anchoring.core.proof import Registry, parse_registry
from anchoring.core.rebuilding import RebuildReport, Sources
from anchoring.errors import LedgerUnavailable, Misconfigured
from anchoring.jobs import Round, RoundRules
from anchoring.ports.runtime import Progress
from anchoring.settings import GWEI, LedgerSettings, ManifestSettings, Settings, StoreSettings, read_settings
from anchoring.store.backup import restore_backup, save_backup
from anchoring.store.backup_file import BackupHeader
from anchoring.store.engine import make_engine, opened
from anchoring.store.integrity import check_database
from anchoring.store.presence import be_present, by_itself
from anchoring.store.schema import migrate, require_current_schema
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address
from anchoring.usecases.check_store import check_store
from anchoring.usecases.follow_ledger import FollowRules
from anchoring.usecases.open_submission import SubmissionRules
from anchoring.usecases.rebuild_store import RebuildRules, rebuild_store

if TYPE_CHECKING:
    from anchoring.ledger.deployment import RegistryAdmin
    from anchoring.ledger.evm import EvmLedger
    from anchoring.ledger.registry_reader import EvmRegistryReader
    from anchoring.ledger.rpc import JsonRpc
    from anchoring.ledger.signer import LocalSigner
    from anchoring.manifests.folder import ManifestFolder
    from anchoring.manifests.sealed_box import ManifestKey


log = structlog.get_logger()


class SystemClock:
    """Implements ports.Clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def open_store(settings: StoreSettings) -> SqlStore:
    """Raises: Misconfigured when migrations are missing or commits would not be durable; StoreUnavailable."""
    engine = make_engine(settings.url, pool_size=settings.pool_size, busy_timeout_s=settings.busy_timeout_s)
    require_current_schema(engine)
    return SqlStore(engine, be_present(engine))


def migrate_store(settings: StoreSettings, revision: str) -> str:
    """Bring the schema to a revision; returns the one reached. Raises: Misconfigured, StoreUnavailable."""
    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        return migrate(engine, revision, patience_s=settings.busy_timeout_s)


def back_up_store(settings: StoreSettings, path: Path, progress: Progress) -> BackupHeader:
    """Raises: Conflict, InvalidInput, Misconfigured, StateCorrupt, StoreUnavailable."""
    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        require_current_schema(engine)
        with be_present(engine):
            return save_backup(engine, path, now=SystemClock().now(), progress=progress)


def restore_store(settings: StoreSettings, path: Path, progress: Progress, *, replace: bool) -> BackupHeader:
    """Raises: Conflict, InvalidInput, Misconfigured, StoreUnavailable."""
    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        return restore_backup(engine, path, now=SystemClock().now(), replace=replace, progress=progress)


def examine_store(settings: StoreSettings, progress: Progress) -> list[Finding]:
    """Whether database and records are whole. Raises: Misconfigured, StateCorrupt, StoreUnavailable."""
    from anchoring.ledger.signed_transaction import transaction_hash

    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        require_current_schema(engine)
        with be_present(engine):
            findings = check_database(engine)
            return findings + check_store(SqlStore(engine), hash_of=transaction_hash, progress=progress)


def configured_registry(settings: LedgerSettings) -> Registry | None:
    """The contract that settings name, by itself or by a deployment file. Raises: Misconfigured."""
    if settings.registry is not None:
        return parse_registry(settings.registry)
    if settings.deployment is not None:
        return deployed_registry(settings.deployment)
    return None


def deployed_registry(path: Path) -> Registry:
    """The contract that a deployment file names. Raises: Misconfigured."""
    from anchoring.ledger.deployment import read_deployment

    return read_deployment(path).registry


def required_registry(settings: LedgerSettings) -> Registry:
    """Raises: Misconfigured when no contract is named."""
    registry = configured_registry(settings)
    if registry is None:
        raise Misconfigured("no contract is named: set CREDANCHOR_LEDGER__REGISTRY or CREDANCHOR_LEDGER__DEPLOYMENT")
    return registry


def first_block(settings: LedgerSettings) -> int:
    """The block at which the contract's events begin, or one before it. Raises: Misconfigured."""
    from anchoring.ledger.deployment import read_deployment

    if settings.first_block is not None:
        return settings.first_block
    if settings.registry is None and settings.deployment is not None:
        return read_deployment(settings.deployment).block_number
    return 0


def open_nodes(settings: LedgerSettings) -> "list[JsonRpc]":
    """The configured nodes, one or more; none is asked yet. Raises: Misconfigured."""
    try:
        nodes = [open_node(url.strip(), settings) for url in settings.rpc_urls.get_secret_value().split(",")]
    except Misconfigured as wrong:
        raise Misconfigured(f"ledger.rpc_urls: {wrong.message}") from wrong
    hosts = [node.host for node in nodes]
    for host in hosts:
        if hosts.count(host) > 1:
            raise Misconfigured(f"ledger.rpc_urls names {host} twice: a node cannot bear itself out")
    return nodes


def open_node(url: str, settings: LedgerSettings) -> "JsonRpc":
    """One node; it is not asked yet. Raises: Misconfigured."""
    from anchoring.ledger.rpc import JsonRpc

    return JsonRpc(url, timeout_s=settings.rpc_timeout_s, max_bytes=settings.rpc_max_bytes)


def nodes_to_agree(settings: LedgerSettings) -> int:
    """How many nodes must show an anchor before it is final."""
    return min(2, len(settings.rpc_urls.get_secret_value().split(",")))


def open_reader(node: "JsonRpc", registry: Registry, settings: LedgerSettings) -> "EvmRegistryReader":
    """Reads a contract at this node without a key; the node is not asked yet."""
    from anchoring.ledger.registry_reader import EvmRegistryReader

    return EvmRegistryReader(node, registry, logs_block_range=settings.logs_block_range)


def open_ledger(settings: LedgerSettings) -> "EvmLedger":
    """The ledger with its signing key; no node is asked yet. Raises: Misconfigured."""
    from anchoring.ledger.evm import EvmLedger, GasRules

    first, *further = open_nodes(settings)
    gas = GasRules(base=settings.gas_base, per_root=settings.gas_per_root)
    registry, signer = required_registry(settings), open_signer(settings)
    return EvmLedger(first, registry, signer, gas, further=further, logs_block_range=settings.logs_block_range)


def open_admin(settings: LedgerSettings) -> "RegistryAdmin":
    """Sends the administrator's transactions with the configured key, through the first node. Raises: Misconfigured."""
    from anchoring.ledger.deployment import RegistryAdmin

    node = open_nodes(settings)[0]
    return RegistryAdmin(node, open_signer(settings), fee_rules(settings), SystemClock(), confirm_s=settings.confirm_s)


def open_signer(settings: LedgerSettings) -> "LocalSigner":
    """Raises: Misconfigured when no key is named, or the key file is not safe or does not open."""
    signer = configured_signer(settings)
    if signer is None:
        raise Misconfigured("no key is named: set CREDANCHOR_LEDGER__KEYSTORE, or CREDANCHOR_LEDGER__PRIVATE_KEY for development")
    return signer


def configured_signer(settings: LedgerSettings) -> "LocalSigner | None":
    """None when no key is named. Raises: Misconfigured when the key file is not safe or does not open."""
    from anchoring.ledger.signer import signer_from_key, signer_from_keystore

    if settings.keystore is not None:
        if settings.keystore_password_file is None:
            raise Misconfigured("ledger.keystore needs ledger.keystore_password_file")
        return signer_from_keystore(settings.keystore, settings.keystore_password_file)
    if settings.private_key is not None:
        return signer_from_key(settings.private_key.get_secret_value())
    return None


def create_keystore(keystore: Path, password_file: Path) -> Address:
    """A new key in an encrypted file; returns its account. Raises: Misconfigured."""
    from anchoring.ledger import signer

    return signer.create_keystore(keystore, password_file)


def open_manifests(settings: ManifestSettings) -> "ManifestFolder | None":
    """The second place for manifests; None when none is named. Raises: Misconfigured when the key is missing or not safe."""
    from anchoring.manifests.folder import ManifestFolder

    if settings.folder is None:
        return None
    return ManifestFolder(settings.folder, manifest_key(settings))


def manifest_key(settings: ManifestSettings) -> "ManifestKey":
    """Raises: Misconfigured when no key is named, or its file is not safe."""
    from anchoring.manifests.sealed_box import read_manifest_key

    if settings.key_file is None:
        raise Misconfigured("manifests are encrypted: set CREDANCHOR_MANIFESTS__KEY_FILE")
    return read_manifest_key(settings.key_file, "manifests.key_file")


def find_sources(settings: ManifestSettings, paths: Sequence[Path]) -> Sources:
    """Manifests and proofs in these files and folders, or in the configured folder; what is neither is refused by name.

    Raises: Misconfigured when nothing is named, a path is not there, or there is a manifest and no key.
    """
    from anchoring.manifests.sources import find_sources

    if not paths and settings.folder is None:
        raise Misconfigured("name files or folders with manifests and proofs, or set CREDANCHOR_MANIFESTS__FOLDER")
    return find_sources(paths or [settings.folder or Path()], lambda: manifest_key(settings))


def rebuild(settings: Settings, sources: Sources, progress: Progress, *, take_unanchored: bool) -> RebuildReport:
    """Rebuild the configured database from the configured ledger and these, while no other program uses the database.

    Raises: Conflict when one does, and what `rebuild_store` raises.
    """
    ledger = settings.ledger
    rules = RebuildRules(
        finality=parse_finality(ledger.finality) if nodes_to_agree(ledger) == 1 else None,
        first_block=first_block(ledger),
        take_unanchored=take_unanchored,
    )
    reader = open_reader(open_nodes(ledger)[0], required_registry(ledger), ledger)
    with opened(settings.store.url, busy_timeout_s=settings.store.busy_timeout_s) as engine:
        require_current_schema(engine)
        with by_itself(engine):
            return rebuild_store(SqlStore(engine), reader, SystemClock(), rules, sources=sources, progress=progress)


def create_manifest_key(path: Path) -> None:
    """A new key for manifests in a new file. Raises: Misconfigured."""
    from anchoring.manifests import sealed_box

    sealed_box.create_manifest_key(path)


def open_client(url: str | None) -> AnchoringClient:
    """A client of the service at `url`, or of the configured one. Raises: Misconfigured."""
    settings = read_settings().client
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return AnchoringClient(url or settings.url, api_key=key)


def fee_rules(settings: LedgerSettings) -> FeeRules:
    """Gwei of the settings as wei."""
    return FeeRules(
        policy=settings.fee_policy,
        tip_wei=round(settings.tip_gwei * GWEI),
        cap_wei=round(settings.max_fee_gwei * GWEI),
    )


def make_round(settings: Settings, store: SqlStore, ledger: "EvmLedger", progress: Progress) -> Round:
    """One round under a name of its own. Raises: Misconfigured."""
    fees, finality = fee_rules(settings.ledger), parse_finality(settings.ledger.finality)
    rules = RoundRules(
        submission=SubmissionRules(fees=fees, max_roots=settings.rounds.max_roots),
        follow=FollowRules(finality=finality, fees=fees, patience_s=settings.ledger.patience_s),
        max_leaves=settings.rounds.max_leaves,
        lease_s=settings.rounds.lease_s,
        follow_s=settings.rounds.follow_s,
        poll_s=settings.rounds.poll_s,
        first_block=first_block(settings.ledger),
        canary_every_s=settings.rounds.canary_every_s,
    )
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    manifests = open_manifests(settings.manifests)
    return Round(store, ledger, SystemClock(), rules, holder=holder, progress=progress, manifests=manifests)


def check_ledger(settings: LedgerSettings) -> None:
    """Refuse to start against a wrong chain or foreign code. A node that is down is no reason: requests do not need it.

    Raises: Misconfigured.
    """
    registry = configured_registry(settings)
    if registry is None:
        return
    for node in open_nodes(settings):
        try:
            open_reader(node, registry, settings).identity()
        except LedgerUnavailable as unavailable:
            log.warning("ledger.unavailable", detail=unavailable.message)
