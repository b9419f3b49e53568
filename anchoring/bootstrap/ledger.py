"""Settings become a ledger with its nodes, contract and key.

The ledger's library takes a second to import, so it is imported by whoever needs a ledger.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from anchoring.bootstrap.system import SystemClock
from anchoring.core.fees import FeeRules
from anchoring.core.proof import Registry, parse_registry
from anchoring.errors import LedgerUnavailable, Misconfigured
from anchoring.settings import GWEI, LedgerSettings
from anchoring.types import Address, parse_address

if TYPE_CHECKING:
    from anchoring.ledger.deployment import RegistryAdmin
    from anchoring.ledger.evm import EvmLedger
    from anchoring.ledger.registry_reader import EvmRegistryReader
    from anchoring.ledger.rpc import JsonRpc
    from anchoring.ledger.signer import Signer


log = structlog.get_logger()


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
        raise Misconfigured(f"CREDANCHOR_LEDGER__RPC_URLS: {wrong.message}") from wrong
    hosts = [node.host for node in nodes]
    for host in hosts:
        if hosts.count(host) > 1:
            raise Misconfigured(f"CREDANCHOR_LEDGER__RPC_URLS names {host} twice: a node cannot bear itself out")
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
    gas = GasRules(base=settings.gas_base, per_root=settings.gas_per_root, per_head=settings.gas_per_head)
    registry, signer = required_registry(settings), open_signer(settings)
    return EvmLedger(first, registry, signer, gas, further=further, logs_block_range=settings.logs_block_range)


def open_admin(settings: LedgerSettings) -> "RegistryAdmin":
    """Sends the administrator's transactions with the configured key, through the first node. Raises: Misconfigured."""
    from anchoring.ledger.deployment import RegistryAdmin

    node = open_nodes(settings)[0]
    return RegistryAdmin(node, open_signer(settings), fee_rules(settings), SystemClock(), confirm_s=settings.confirm_s)


def open_signer(settings: LedgerSettings) -> "Signer":
    """Raises: Misconfigured as `configured_signer` does, and when no key is named."""
    signer = configured_signer(settings)
    if signer is None:
        raise Misconfigured(
            "no key is named: set CREDANCHOR_LEDGER__KEYSTORE, CREDANCHOR_LEDGER__SIGNER_URL for one that is elsewhere, "
            "or CREDANCHOR_LEDGER__PRIVATE_KEY for development"
        )
    return signer


def configured_signer(settings: LedgerSettings) -> "Signer | None":
    """None when no key is named; a remote signer is not asked yet.

    Raises: Misconfigured when the key file is not safe or does not open, or a remote signer and another key are named.
    """
    from anchoring.ledger.signer import signer_from_key, signer_from_keystore

    if settings.signer_url is not None:
        if settings.keystore is not None or settings.private_key is not None:
            raise Misconfigured("CREDANCHOR_LEDGER__SIGNER_URL and another key are named: which one signs?")
        return _remote_signer(settings.signer_url.get_secret_value(), settings)
    if settings.keystore is not None:
        if settings.keystore_password_file is None:
            raise Misconfigured("CREDANCHOR_LEDGER__KEYSTORE needs CREDANCHOR_LEDGER__KEYSTORE_PASSWORD_FILE")
        return signer_from_keystore(settings.keystore, settings.keystore_password_file)
    if settings.private_key is not None:
        return signer_from_key(settings.private_key.get_secret_value())
    return None


def _remote_signer(url: str, settings: LedgerSettings) -> "Signer":
    from anchoring.ledger.remote_signer import RemoteSigner

    if settings.signer_account is None:
        raise Misconfigured("CREDANCHOR_LEDGER__SIGNER_URL needs CREDANCHOR_LEDGER__SIGNER_ACCOUNT, whose key the signer has")
    return RemoteSigner(
        url,
        parse_address(settings.signer_account),
        timeout_s=settings.rpc_timeout_s,
        max_bytes=settings.rpc_max_bytes,
        token_file=settings.signer_token_file,
        certificate=settings.signer_certificate,
    )


def create_keystore(keystore: Path, password_file: Path) -> Address:
    """A new key in an encrypted file; returns its account. Raises: Misconfigured."""
    from anchoring.ledger import signer

    return signer.create_keystore(keystore, password_file)


def fee_rules(settings: LedgerSettings) -> FeeRules:
    """Gwei of the settings as wei."""
    return FeeRules(
        policy=settings.fee_policy, tip_wei=round(settings.tip_gwei * GWEI), cap_wei=round(settings.max_fee_gwei * GWEI)
    )


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
