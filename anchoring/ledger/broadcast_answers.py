"""What a node's words about a broadcast mean. No I/O.

Codes collide between nodes (-32003 alone is eight things), so the words decide. Words that are not in this table mean *silence*:
the transaction may have been sent.
"""

import re
from typing import Final

from anchoring.ports.ledger import Reception

_TABLE: Final = (
    # Anvil: already imported · Besu: Known transaction (and not: unknown transaction …) · geth: already known
    (Reception.KNOWN, r"already imported|\bknown transaction|already ?known|already in (the )?(mem)?pool"),
    # Anvil, Besu, geth; also of the transaction's own bytes once they are mined · Nethermind
    (Reception.NONCE_USED, r"nonce (is )?too low|oldnonce"),
    # Anvil, geth · Besu
    (Reception.FUNDS, r"insufficient funds|upfront cost exceeds"),
    # all, of a replacement · Anvil · geth · Besu · Nethermind
    (Reception.PRICE, r"underpriced|less than block base fee|gas price (is )?(below|less than|too low)|feetoolow"),
    # Anvil, geth · Besu
    (Reception.HOPELESS, r"(invalid|wrong) ?chain ?id"),
    # all · Besu, geth · EIP-7825
    (Reception.HOPELESS, r"intrinsic gas|exceeds (the )?block gas limit|gas limit (is )?(too high|greater than the cap)"),
    # Besu's permissioning
    (Reception.HOPELESS, r"(sender|account).* not (authorized|allowed|permitted)"),
    # geth, Besu
    (Reception.HOPELESS, r"invalid (sender|signature)|transaction type not supported|replay.?protect"),
)


def classify(words: str) -> Reception:
    """Of a refusal; an answer with a hash is none."""
    return next((reception for reception, pattern in _TABLE if re.search(pattern, words.lower())), Reception.SILENCE)
