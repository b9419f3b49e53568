"""An anchoring key that is elsewhere: JSON-RPC to web3signer, or to another signer with its `eth_signTransaction`.

One object goes in, one hexadecimal string comes out. web3signer knows the ledger's chain id by an option of its own, and says *no
unlocked account* of every failure to sign, so from an error nothing is concluded but that nothing was signed.
"""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from anchoring.errors import LedgerUnavailable, Misconfigured
from anchoring.ledger.answers import excerpt, unhex
from anchoring.ledger.rpc import JsonRpc, RpcRefusal
from anchoring.secret_files import read_secret
from anchoring.types import Address

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750 section 2.1."""


class RemoteSigner:
    """Signs as `address`. Constructing it asks nothing. What comes back is not believed: `sign_as_asked` reads it again.

    `timeout_s`, `max_bytes`: of one answer. `token_file`: with a bearer token. `certificate`: with its key, by which the signer
    knows us.

    Raises: Misconfigured naming the setting, also when a token would go over the network in the clear.
    """

    def __init__(
        self,
        url: str,
        address: Address,
        *,
        timeout_s: float,
        max_bytes: int,
        token_file: Path | None = None,
        certificate: Path | None = None,
    ) -> None:
        headers = {}
        if token_file is not None:
            headers["Authorization"] = f"Bearer {_read_token(token_file)}"
        if certificate is not None:
            read_secret(certificate, "CREDANCHOR_LEDGER__SIGNER_CERTIFICATE")
        try:
            self._rpc = JsonRpc(
                url, timeout_s=timeout_s, max_bytes=max_bytes, what="signer", headers=headers, certificate=certificate
            )
        except Misconfigured as wrong:
            raise Misconfigured(f"CREDANCHOR_LEDGER__SIGNER_URL: {wrong.message}") from None
        if urlsplit(url).scheme != "https":
            if certificate is not None:
                raise Misconfigured("CREDANCHOR_LEDGER__SIGNER_CERTIFICATE needs a CREDANCHOR_LEDGER__SIGNER_URL of https")
            if token_file is not None and not _is_this_machine(urlsplit(url).hostname or ""):
                raise Misconfigured(
                    "CREDANCHOR_LEDGER__SIGNER_TOKEN_FILE needs a CREDANCHOR_LEDGER__SIGNER_URL of https, or of this machine"
                )
        self.address = address

    def __repr__(self) -> str:
        return f"RemoteSigner({self.address})"

    def sign(self, transaction: dict[str, Any]) -> bytes:
        asked = {name: hex(value) if isinstance(value, int) else value for name, value in transaction.items()}
        asked.pop("type", None)  # it follows from the fees
        try:
            return unhex(self._rpc.send("eth_signTransaction", {"from": self.address} | asked))
        except RpcRefusal as refused:
            raise LedgerUnavailable(f"signer {self._rpc.host} did not sign: {excerpt(refused.message)}") from refused
        except ValueError:
            raise LedgerUnavailable(f"signer {self._rpc.host} answered with something that is no signed transaction") from None


def _read_token(path: Path) -> str:
    token = read_secret(path, "CREDANCHOR_LEDGER__SIGNER_TOKEN_FILE").strip()
    if _TOKEN.fullmatch(token) is None:
        raise Misconfigured(f"CREDANCHOR_LEDGER__SIGNER_TOKEN_FILE: {path} holds no bearer token")
    return token


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
