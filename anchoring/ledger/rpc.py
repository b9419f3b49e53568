"""One JSON-RPC call to one node, with every failure typed.

Reads are idempotent and are tried again a few times here; `send` is not, because a broadcast that seems to have failed may have
succeeded, and only the next look at the ledger tells.
"""

import itertools
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import stamina

import anchoring.ledger.recursion  # noqa: F401 - for its effect
from anchoring.bounded_http import AnswerTooLong, HttpPoster, NoAnswer
from anchoring.core.json_numbers import no_number
from anchoring.errors import LedgerUnavailable, Misconfigured

READ_ATTEMPTS: Final = 3
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""Longest answer of a node that is read. A page of 5,000 blocks with an anchor each takes 4 MB."""

REVERTED: Final = 3
"""JSON-RPC code for a call that ran and reverted."""

_TOO_OFTEN: Final = re.compile(r"too many requests|rate.?limit|request rate|requests per|throughput|capacity")
_TOO_OFTEN_CODE: Final = 429
_NO_BLOCK: Final = re.compile(r"not found|unknown block|not currently canonical|out ?of ?range|missing trie node")
_NO_BLOCK_CODE: Final = -32001

logging.getLogger("httpcore2").setLevel(logging.INFO)  # at DEBUG it logs the URL with the access key in it
logging.getLogger("stamina").addHandler(logging.NullHandler())  # else its retries reach stderr where a program set up no logs


class RpcRefusal(Exception):
    """The node answered with an error object. `data`: revert data in hexadecimal, where the node gave any.

    Codes differ between nodes and providers, and collide; words tell more.
    """

    def __init__(self, code: int, message: str, data: str | None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    @property
    def is_about_rate(self) -> bool:
        """The node minds how often it is asked, rather than what."""
        return self.code == _TOO_OFTEN_CODE or _TOO_OFTEN.search(self.message.lower()) is not None

    @property
    def is_about_block(self) -> bool:
        """The node lacks the block asked for: it lags, or the block is no longer canonical (EIP-1898)."""
        if self.code == REVERTED:
            return False
        return self.code == _NO_BLOCK_CODE or _NO_BLOCK.search(self.message.lower()) is not None


class TooLong(LedgerUnavailable):
    """The answer is longer than what is read; asking again would give the same."""


class JsonRpc:
    """A node, or a signer, at a URL. Constructing it asks nothing. `host`: host and port, by which it is known.

    `timeout_s`: longest wait for one whole answer. `max_bytes`: longest answer. `what`: what errors call it. `headers`,
    `certificate`: as HttpPoster takes them.

    Raises: Misconfigured for something that is no URL, or a certificate that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        max_bytes: int = MAX_ANSWER_BYTES,
        what: str = "node",
        headers: Mapping[str, str] = MappingProxyType({}),
        certificate: Path | None = None,
    ) -> None:
        try:
            self._http = HttpPoster(url, timeout_s=timeout_s, max_bytes=max_bytes, headers=headers, certificate=certificate)
        except OSError as failed:
            raise Misconfigured(f"{certificate} holds no certificate with its key, unencrypted: {failed.strerror}") from None
        except ValueError:  # brackets or a port that cannot be, too; the URL may carry an access key and is not shown
            raise Misconfigured(f"the {what}'s address is not a URL such as http://127.0.0.1:8545") from None
        self.host = self._http.host
        self._name = f"{what} {self.host}"
        self._ids = itertools.count(1)

    def read(self, method: str, *params: Any) -> Any:
        """The result of an idempotent call, tried again where another moment, or another node behind a balancer, may answer.

        Raises: LedgerUnavailable, RpcRefusal.
        """
        for attempt in stamina.retry_context(
            on=_may_answer_later, attempts=READ_ATTEMPTS, wait_initial=0.1, wait_max=1.0, wait_jitter=0.1
        ):
            with attempt:
                return self.send(method, *params)
        raise AssertionError("a retry context either returns or raises")

    def send(self, method: str, *params: Any) -> Any:
        """The result of a call made exactly once. Raises: LedgerUnavailable, RpcRefusal."""
        request_id = next(self._ids)
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
        try:
            response = json.loads(self._http.post(json.dumps(request).encode()), parse_constant=no_number)
        except AnswerTooLong as failed:
            raise TooLong(f"{self._name} answered {method} with {failed}") from failed
        except NoAnswer as failed:
            raise LedgerUnavailable(f"{self._name} did not answer {method}: {failed}") from failed
        except (ValueError, RecursionError):
            raise LedgerUnavailable(f"{self._name} answered {method} with something that is no JSON") from None
        return self._result_of(response, method, request_id)

    def _result_of(self, response: Any, method: str, request_id: int) -> Any:
        if not isinstance(response, dict) or response.get("id") != request_id:
            raise LedgerUnavailable(f"{self._name} answered {method} with another call's answer")
        error = response.get("error")
        if isinstance(error, dict):
            code, data = error.get("code"), error.get("data")
            code = code if isinstance(code, int) else 0
            raise RpcRefusal(code, str(error.get("message", "")), data if isinstance(data, str) else None)
        if error is not None or "result" not in response:
            raise LedgerUnavailable(f"{self._name} answered {method} with neither result nor error")
        return response["result"]


def _may_answer_later(failed: Exception) -> bool:
    match failed:
        case TooLong():
            return False
        case RpcRefusal():
            return failed.is_about_rate or failed.is_about_block
        case _:
            return isinstance(failed, LedgerUnavailable)
