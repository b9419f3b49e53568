"""A signer on another machine, as web3signer is one: what it takes, what it ignores, what it answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from anchoring.ledger.signer import LocalSigner
from anchoring.types import to_hex
from tests.rpc_proxy import Answer, Call, RpcProxy, rpc_proxy

QUANTITIES = ("gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "nonce", "value")
CHAIN_ID = 31337


def signs_with(
    key: LocalSigner, change: Callable[[dict[str, Any]], dict[str, Any]] = lambda transaction: transaction
) -> Callable[[Call], Answer]:
    """Signs with this key whatever it is asked to, as web3signer reads it, or what `change` makes of that."""

    def answer(call: Call) -> Answer:
        if call.method != "eth_signTransaction" or len(call.params) != 1:
            return 400
        asked = call.params[0]
        if asked["from"] != key.address:
            return call.error(-32000, "No unlocked account matches the Sender")
        return call.result(to_hex(key.sign(change(_as_read(asked)))))

    return answer


def _as_read(asked: dict[str, Any]) -> dict[str, Any]:
    read = {name: int(asked[name], 16) for name in QUANTITIES if name in asked}
    texts = {name: asked[name] for name in ("to", "data") if name in asked}
    kind = {"type": 2} if "maxFeePerGas" in read and "maxPriorityFeePerGas" in read else {}
    return read | texts | kind | {"chainId": CHAIN_ID}


@contextmanager
def signing_server(key: LocalSigner) -> Iterator[RpcProxy]:
    """`rule` may be set to something else; `url` carries secrets."""
    with rpc_proxy() as server:
        server.rule = signs_with(key)
        yield server
