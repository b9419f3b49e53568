"""What transactions of several roots cost. Gas is the same each time, so these are bounds (docs/scaling.md)."""

from itertools import count

from anchoring.types import as_root, to_hex
from tests.networks import anvil_network, sign_anchors


def test_gas_of_several_roots_in_one_transaction():
    with anvil_network() as network:
        numbers = count(1)

        def gas_of(roots: int) -> int:
            some = [(as_root(bytes([255]) * 28 + next(numbers).to_bytes(4)), 1 << 20) for _ in range(roots)]
            signed = sign_anchors(network.ledger, some, network.ledger.transaction_count(network.ledger.head()))
            assert network.ledger.broadcast(signed).words == "accepted"
            network.mine()
            receipt = network.anvil.rpc.send("eth_getTransactionReceipt", to_hex(signed.tx_hash))
            assert receipt["status"] == "0x1"
            return int(receipt["gasUsed"], 16)

        gas_of(1)
        one, two, three, many = (gas_of(roots) for roots in (1, 2, 3, 100))
    assert one <= 54_700
    assert two <= 87_100
    assert three <= 116_100
    assert many <= two + 98 * 29_000
