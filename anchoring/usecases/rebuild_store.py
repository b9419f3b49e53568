"""The database is rebuilt from manifests and the ledger, and proofs show what else is known (D25).

A batch is taken over when its entries lead to a root that the ledger holds. What is in the database already is never changed, but
for erasures that it has forgotten. A batch is rebuilt as a whole, in one transaction, or not at all; all of it may be run again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from anchoring.core.batch import Anchor, Batch
from anchoring.core.finality import FinalityRule
from anchoring.core.manifest import LeafCollector, ManifestHead, ManifestReader, joined_leaves
from anchoring.core.portions import portions
from anchoring.core.proof import InclusionProof
from anchoring.core.rebuilding import ManifestSource, Missing, ProofSource, RebuildReport, Rebuilt, Refused, Sources
from anchoring.core.tiles import Tile, build_tree
from anchoring.errors import InvalidInput, VerificationError
from anchoring.ports.entries import EntryRange
from anchoring.ports.ledger import Head, RegistryReader
from anchoring.ports.runtime import Clock, Progress
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import Root, to_hex

ENTRIES_A_STATEMENT = 10_000
TILES_A_STATEMENT = 256

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildRules:
    """`finality`: None leaves it to rounds, which ask several nodes. `first_block`: where the contract's events begin.

    `take_unanchored`: what the ledger does not hold is rebuilt as sealed.
    """

    finality: FinalityRule | None
    first_block: int
    take_unanchored: bool = False


def rebuild_store(
    store: Store, reader: RegistryReader, clock: Clock, rules: RebuildRules, *, sources: Sources, progress: Progress
) -> RebuildReport:
    """Rebuild what is missing and say what is missing still. No other program may use the database meanwhile.

    Raises: LedgerUnavailable, Misconfigured, StoreUnavailable; batches rebuilt until then stay.
    """
    return _Rebuild(store, reader, clock, rules, progress).run(sources)


class _Rebuild:
    """One run."""

    def __init__(self, store: Store, reader: RegistryReader, clock: Clock, rules: RebuildRules, progress: Progress) -> None:
        self._store = store
        self._reader = reader
        self._clock = clock
        self._rules = rules
        self._progress = progress
        self._report = RebuildReport()
        self._anchors: dict[Root, Anchor] = {}
        self._final_height = -1

    def run(self, sources: Sources) -> RebuildReport:
        self._report.refused += sources.refused
        self._look_at_ledger()
        heads = self._heads(sources.manifests)
        for done, (head, source) in enumerate(heads):
            self._progress("rebuilding batches", done, len(heads))
            self._restore(head, source)
        if heads:
            self._number_above([head for head, _ in heads])
        self._report_missing(self._check_proofs(sources.proofs))
        return self._report

    def _look_at_ledger(self) -> None:
        identity, head = self._reader.identity(), self._reader.head()
        if self._rules.finality:
            self._final_height = self._reader.final_height(head, self._rules.finality)
        with self._store.writing() as uow:
            known = uow.rounds.record_identity(identity)
            uow.commit()
        known.require(identity)
        self._anchors = {anchor.root: anchor for anchor in self._events(head)}
        self._report.anchors = len(self._anchors)

    def _events(self, head: Head) -> Iterator[Anchor]:
        for done, anchor in enumerate(self._reader.anchors(self._rules.first_block, head.block.number)):
            if done % 1_000 == 0:
                self._progress("reading the ledger", anchor.block.number, head.block.number)
            yield anchor

    def _heads(self, manifests: Sequence[ManifestSource]) -> list[tuple[ManifestHead, ManifestSource]]:
        """Oldest entries first, so that what waits in the database finds its own batch before a later one."""
        found = []
        for source in manifests:
            try:
                found.append((ManifestReader(source.pieces()).head, source))
            except InvalidInput as refused:
                self._report.refused.append(Refused(name=source.name, reason=refused.message))
        return sorted(found, key=lambda pair: pair[0].first_id)

    def _restore(self, head: ManifestHead, source: ManifestSource) -> None:
        anchor = self._anchors.get(head.root)
        try:
            if anchor or not self._rules.take_unanchored:
                _require_anchor(anchor, head.root, head.leaf_count)
            manifest = ManifestReader(source.pieces())
            with self._store.writing() as uow:
                known = uow.batches.of_root(head.root)
                done = self._fill(uow, manifest, anchor) if known is None else self._erase_again(uow, manifest, known)
                uow.commit()
        except InvalidInput as refused:
            self._report.refused.append(Refused(name=source.name, reason=refused.message))
            return
        self._report.add(done)
        if known is None:
            log.info("batch.rebuilt", batch=head.batch_id, root=to_hex(head.root), leaf_count=head.leaf_count)

    def _fill(self, uow: UnitOfWork, manifest: ManifestReader, anchor: Anchor | None) -> Rebuilt:
        """Raises: InvalidInput when there is no room for it, or it does not lead to its root; nothing is to be committed then."""
        head, now = manifest.head, self._clock.now()
        _require_room(uow, head)
        issuers = [did for did in head.issuers if uow.issuers.add(did, did, now)]
        collector = LeafCollector()
        reposted, erased_again, after_id = 0, 0, head.first_id - 1
        for some in portions(collector.passing(manifest.entries()), ENTRIES_A_STATEMENT):
            reposted += uow.entries.restore(after_id, some)
            erased_again += uow.entries.erase_again(some, now)
            after_id = some[-1].id
        leaves = joined_leaves(collector.leaves, manifest.erased_leaves())
        uow.batches.begin(head.batch_id, EntryRange(first_id=head.first_id, last_id=head.last_id, count=head.leaf_count))
        tiles: list[Tile] = []
        tree = build_tree(leaves, tiles.append)
        head.require_root(tree.root)
        for kept in portions(tiles, TILES_A_STATEMENT):
            uow.batches.keep_tiles(head.batch_id, kept)
        uow.batches.seal(head.batch_id, tree, head.sealed_at)
        uow.rounds.mark_rebuilt(now)
        if anchor:
            uow.batches.confirm(head.batch_id, anchor, now)
            if anchor.block.number <= self._final_height:
                # When it became final is forgotten; to say now would look like a delay of years.
                uow.batches.finalize(head.batch_id, anchor.block, anchor.anchored_at)
        return Rebuilt(restored=1, entries=head.leaf_count, reposted=reposted, erased_again=erased_again, issuers=issuers)

    def _erase_again(self, uow: UnitOfWork, manifest: ManifestReader, known: Batch) -> Rebuilt:
        """The batch is there. What is erased in one of the two and stands in the other is erased in both."""
        if (known.first_id, known.last_id) != (manifest.head.first_id, manifest.head.last_id):
            raise InvalidInput(f"batch {known.id} of the database has the same root and other entry ids")
        erased_again = sum(
            uow.entries.erase_again(some, self._clock.now()) for some in portions(manifest.entries(), ENTRIES_A_STATEMENT)
        )
        manifest.erased_leaves()
        return Rebuilt(known=1, erased_again=erased_again)

    def _number_above(self, heads: Sequence[ManifestHead]) -> None:
        """No number that a lost database gave out is given out again: a manifest that turns up later finds its place free."""
        with self._store.writing() as uow:
            uow.entries.continue_above(max(max(head.last_id, head.seal_mark) for head in heads))
            uow.batches.continue_above(max(head.batch_id for head in heads))
            uow.commit()

    def _check_proofs(self, proofs: Sequence[ProofSource]) -> Mapping[Root, set[int]]:
        """Leaf indexes that proofs show, by root."""
        shown: dict[Root, set[int]] = {}
        for done, source in enumerate(proofs):
            self._progress("checking proofs", done, len(proofs))
            try:
                self._check_proof(source.proof)
            except (InvalidInput, VerificationError) as refused:
                self._report.refused.append(Refused(name=source.name, reason=refused.message))
                continue
            shown.setdefault(source.proof.root, set()).add(source.proof.leaf_index)
        self._report.proofs = sum(map(len, shown.values()))
        return shown

    def _check_proof(self, proof: InclusionProof) -> None:
        if proof.anchor.registry != self._reader.registry:
            raise InvalidInput(f"it names another contract, {proof.anchor.registry}")
        _require_anchor(self._anchors.get(proof.root), proof.root, proof.tree_size)
        proof.verify_path()

    def _report_missing(self, shown: Mapping[Root, set[int]]) -> None:
        """Rounds sign nothing while anchors are missing: a person looks for their manifests, or accepts the loss."""
        with self._store.writing() as uow:
            there = {root for _, root in uow.batches.roots()}
            missing = [anchor for root, anchor in self._anchors.items() if root not in there]
            for anchor in missing:
                uow.orphans.record(anchor, self._clock.now(), accepted=False)
            uow.commit()
        self._report.missing = [Missing(anchor=anchor, proven=len(shown.get(anchor.root, ()))) for anchor in missing]


def _require_anchor(anchor: Anchor | None, root: Root, leaf_count: int) -> None:
    if anchor is None:
        raise InvalidInput(f"the ledger holds no root {to_hex(root)}")
    if not anchor.is_of(leaf_count):
        raise InvalidInput(f"it is of a tree of {leaf_count} leaves, the ledger says {anchor.leaf_count}")


def _require_room(uow: UnitOfWork, head: ManifestHead) -> None:
    if taken := uow.batches.with_id(head.batch_id):
        raise InvalidInput(
            f"its number, {head.batch_id}, is that of another batch with entries {taken.first_id} to {taken.last_id}"
        )
    if over := uow.batches.overlapping(head.first_id, head.last_id):
        raise InvalidInput(f"batch {over.id} of the database covers entries {over.first_id} to {over.last_id}")
    waiting = uow.entries.next_range(uow.batches.last_entry_id_below(head.first_id), head.first_id - 1, 1)
    if waiting:  # behind a batch they would wait for ever
        raise InvalidInput(f"entry {waiting.first_id} waits below it; run a round, which seals it, and rebuild again")
