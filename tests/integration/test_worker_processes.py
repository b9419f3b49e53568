"""Other processes that compute: in order, alike, and gone when they are not needed any more."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import anchoring.usecases.seal_batches
from anchoring.core.leaf import SaltedDigests, issuer_id_of, leaf_hash, packed_leaves
from anchoring.core.tiles import hash_stretch
from anchoring.usecases.seal_batches import seal_batches
from anchoring.worker_processes import WorkerProcesses
from tests.factories import UNIVERSITY, FrozenClock, add_issuer, post
from tests.trees import build, sha256


def entries(count: int) -> Iterator[SaltedDigests]:
    """Of one issuer, some at a time; the larger ones take longer."""
    for i in range(count):
        yield SaltedDigests(
            issuer_id_of(UNIVERSITY), b"".join(sha256(b"%d %d" % (i, k)) + bytes(16) for k in range(1 + 500 * (i % 3)))
        )


def children() -> set[int]:
    return {int(child) for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def test_answers_are_those_of_this_process_in_the_order_asked():
    with WorkerProcesses(2) as workers:
        assert list(workers.map(packed_leaves, entries(20))) == list(map(packed_leaves, entries(20)))
        assert list(workers.map(hash_stretch, [])) == []


def test_processes_run_at_the_priority_of_their_round():
    with WorkerProcesses(2) as workers:
        assert list(workers.map(packed_leaves, entries(4)))
        told = {os.getpriority(os.PRIO_PROCESS, child) for child in children()}
    assert told == {os.getpriority(os.PRIO_PROCESS, 0)}, "the units of scripts/ops/systemd kill a process that sets its own"


def test_processes_start_when_needed_and_end_with_the_context():
    before = children()
    workers = WorkerProcesses(2)
    for _ in range(2):
        with workers:
            assert children() == before
            next(workers.map(packed_leaves, entries(2)))
            assert len(children() - before) == 2
        assert children() == before


@pytest.mark.parametrize("count", [1, 3])
def test_work_that_fails_is_told_and_nobody_waits(count, capfd):
    before, wrong = children(), SaltedDigests(issuer_id_of(UNIVERSITY), None)  # type: ignore[arg-type]
    with WorkerProcesses(count) as workers, pytest.raises(RuntimeError, match="ended with 1 before its work did"):
        list(workers.map(packed_leaves, [wrong] * 20))
    assert children() == before
    assert "TypeError" in capfd.readouterr().err


def test_process_that_is_killed_is_told():
    before = children()
    with WorkerProcesses(1) as workers:
        answers = workers.map(packed_leaves, entries(20))
        next(answers)
        [process] = children() - before
        os.kill(process, signal.SIGKILL)
        with pytest.raises(RuntimeError, match=f"{process} ended with -9"):
            list(answers)
    assert children() == before


def test_batch_that_others_hash_is_sealed_alike(store, monkeypatch):
    monkeypatch.setattr(anchoring.usecases.seal_batches, "MANY_LEAVES", 600)
    posted = post(store, add_issuer(store), *range(600))
    expected = build(sorted(leaf_hash(issuer_id_of(one.issuer), one.salt, one.digest) for one in posted))
    workers = WorkerProcesses(2)
    [batch_id] = seal_batches(store, FrozenClock(), max_leaves=600, progress=lambda *_: None, workers=workers)
    with store.reading() as uow:
        batch = uow.batches.with_id(batch_id)
        assert batch is not None
        assert batch.tree == expected.sealed
        assert {tile.at: tile for tile in uow.batches.tiles(batch_id)} == expected.tiles
