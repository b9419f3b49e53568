"""One JSON-RPC call to one node, with every failure typed.

Reads are idempotent and are tried again a few times here; `send` is not, because a broadcast that seems to have failed may have
succeeded, and only the next look at the ledger tells.
"""

import json
import logging
import re
from typing import Any, Final
from urllib.parse import urlsplit

import stamina
from requests import RequestException
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

import anchoring.ledger.recursion  # noqa: F401 - for its effect
from anchoring.errors import LedgerUnavailable, Misconfigured
from anchoring.ledger.answers import excerpt

READ_ATTEMPTS: Final = 3

_TOO_OFTEN: Final = re.compile(r"too many requests|rate.?limit|request rate|requests per|throughput|capacity")
_HTTP_TOO_OFTEN: Final = 429

for _library in ("web3", "urllib3"):
    logging.getLogger(_library).setLevel(logging.INFO)  # at DEBUG they log the URL with the access key in it


class RpcRefusal(Exception):
    """The node answered with an error object. `data`: revert data in hexadecimal, where the node gave any."""

    def __init__(self, code: int, message: str, data: str | None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    @property
    def is_about_rate(self) -> bool:
        """Whether the node minds how often it is asked, rather than what: it may answer later. Codes differ between providers."""
        return self.code == _HTTP_TOO_OFTEN or _TOO_OFTEN.search(self.message.lower()) is not None


def _host_of(url: str) -> str:
    """Host and port: the URL may carry an access key and is never shown whole."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts.netloc.rpartition("@")[2]
    except ValueError:
        pass  # brackets or a port that cannot be; refused below
    raise Misconfigured("the node's address is not a URL such as http://127.0.0.1:8545")


class JsonRpc:
    """A node at a URL. Constructing it asks the node nothing.

    `timeout_s`: longest wait for one answer. Raises: Misconfigured for something that is no URL.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        # The library would repeat failed calls by itself, broadcasts among them.
        self._provider = HTTPProvider(url, request_kwargs={"timeout": timeout_s}, exception_retry_configuration=None)
        self._url = url
        self.host = _host_of(url)

    def read(self, method: str, *params: Any) -> Any:
        """The result of an idempotent call. Raises: LedgerUnavailable, RpcRefusal."""
        for attempt in stamina.retry_context(on=LedgerUnavailable, attempts=READ_ATTEMPTS, wait_initial=0.1, wait_max=1.0):
            with attempt:
                return self._read_once(method, *params)
        raise AssertionError("a retry context either returns or raises")

    def _read_once(self, method: str, *params: Any) -> Any:
        try:
            return self.send(method, *params)
        except RpcRefusal as refused:
            if refused.is_about_rate:
                raise LedgerUnavailable(f"node {self.host} is asked too often: {excerpt(refused.message)}") from refused
            raise

    def send(self, method: str, *params: Any) -> Any:
        """The result of a call made exactly once. Raises: LedgerUnavailable, RpcRefusal."""
        request = self._provider.encode_rpc_request(RPCEndpoint(method), params)
        try:
            raw = self._provider._make_request(RPCEndpoint(method), request)  # noqa: SLF001 - make_request hides the id
            response = json.loads(raw)
        except (RequestException, Web3Exception, ValueError, RecursionError) as failed:
            # The library's message carries the URL and the key in it.
            raise LedgerUnavailable(f"node {self.host} did not answer {method}: {type(failed).__name__}") from None
        return self._result_of(response, method, json.loads(request)["id"])

    def _result_of(self, response: Any, method: str, request_id: Any) -> Any:
        if not isinstance(response, dict) or response.get("id") != request_id:
            raise LedgerUnavailable(f"node {self.host} answered {method} with another call's answer")
        error = response.get("error")
        if isinstance(error, dict):
            code, data = error.get("code"), error.get("data")
            code = code if isinstance(code, int) else 0
            raise RpcRefusal(code, str(error.get("message", "")), data if isinstance(data, str) else None)
        if error is not None or "result" not in response:
            raise LedgerUnavailable(f"node {self.host} answered {method} with neither result nor error")
        return response["result"]
