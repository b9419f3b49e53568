"""What proves an anchor without a node is taken as soon as the ledger shows the anchor: many nodes forget old state within hours.

A round does not need it, so nothing that a node does about it ends one. What could not be had is asked for again by the next.
"""

from typing import Final

import structlog

from anchoring.errors import LedgerUnavailable
from anchoring.ports.ledger import Ledger
from anchoring.ports.runtime import Progress
from anchoring.ports.store import Store

BUNDLES_A_LOOK: Final = 100
"""Bundles taken at each look at the ledger: after an update of the service all batches lack one."""

FAILURES_A_ROUND: Final = 3
"""After so many the round asks for no more. Newest go first, and what is older is no likelier to be there."""

log = structlog.get_logger()


def keep_bundles(store: Store, ledger: Ledger, progress: Progress, *, given_up: set[int]) -> None:
    """Take what is lacking, the newest first.

    `given_up`: batches for which this round asks no more; those that fail are added.
    """
    with store.reading() as uow:
        lacking = [batch for batch in uow.bundles.lacking(BUNDLES_A_LOOK) if batch.id not in given_up]
    for done, batch in enumerate(lacking):
        if len(given_up) >= FAILURES_A_ROUND or batch.anchor is None:
            return
        progress("keeping bundles", done, len(lacking))
        try:
            bundle = ledger.bundle(batch.anchor)
        except LedgerUnavailable as failed:
            given_up.add(batch.id)
            log.warning("bundle.missing", batch=batch.id, block=batch.anchor.block.number, detail=failed.message)
            continue
        with store.writing() as uow:
            if not uow.bundles.keep(batch.id, batch.anchor.block, bundle):
                continue  # a reorg took the anchor back meanwhile
            uow.commit()
        log.info("bundle.kept", batch=batch.id, block=batch.anchor.block.number, storage=bundle.state is not None)
