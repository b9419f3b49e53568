"""The role of service and rounds on PostgreSQL, as `scripts/ops/service_role.sql` has it: all work goes on, and no record goes away."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError

from anchoring.core.outcome import Outcome
from anchoring.errors import Misconfigured
from anchoring.store.backup import save_backup
from anchoring.store.detaching import detach_partition, find_detachable, finish_detaching
from anchoring.store.engine import make_engine
from anchoring.store.partitions import add_partition
from anchoring.store.schema import migrate, require_current_schema
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.check_audit_log import check_audit_log
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.manage_issuers import set_quota
from anchoring.usecases.prove_inclusion import prove_inclusion
from anchoring.usecases.recall_entries import recall_entries
from scripts.devnet import ROOT
from tests.factories import UNIVERSITY
from tests.installation import RULES, Installation, no_progress

GRANTS = ROOT / "scripts" / "ops" / "service_role.sql"
ALL_ON = replace(RULES, posts_audit_head=True, canary_every_s=1, source_kept_s=1)


@pytest.fixture
def service_engine(postgres_url: str) -> Iterator[Engine]:
    """The database, as that role."""
    role = f"service_{uuid4().hex}"
    owner = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    as_owner = make_engine(postgres_url, pool_size=1, busy_timeout_s=10)
    migrate(as_owner)
    as_owner.dispose()
    granted = GRANTS.read_text(encoding="utf-8").replace(':"service"', role)
    with owner.connect() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.exec_driver_sql(granted)
    made = make_engine(postgres_url.replace("postgres:", f"{role}:"), pool_size=20, busy_timeout_s=10)
    yield made
    made.dispose()
    with owner.connect() as connection:
        connection.execute(text(f"DROP OWNED BY {role}"))
        connection.execute(text(f"DROP ROLE {role}"))
    owner.dispose()


def test_all_work_goes_on_and_no_record_goes_away(service_engine: Engine) -> None:
    require_current_schema(service_engine)
    here = Installation(SqlStore(service_engine), ALL_ON)
    for _ in range(2):
        here.post(2)
        here.revoke()
        here.rest()
    with here.store.writing() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
        assert issuer
        assert erase_entry(uow, issuer, here.acknowledged[0].digest, now=here.clock.now())
        set_quota(uow, UNIVERSITY, 10, now=here.clock.now(), at="quota")
        uow.commit()
    here.round()
    for refused in (
        "UPDATE audit_record SET actor = 'nobody'",
        "DELETE FROM audit_record",
        "TRUNCATE audit_record",
        "UPDATE audit_head SET number = 1",
        "DELETE FROM audit_head",
        "UPDATE entry SET issuer_id = 1",
        "DELETE FROM entry",
        "UPDATE canary SET entry_id = 1",
        "UPDATE issuer SET did = 'did:web:another.example' WHERE id = 1",
        "UPDATE issuer SET name = 'Another'",
        "DELETE FROM issuer",
        "UPDATE batch SET first_id = last_id",
        "UPDATE batch SET leaf_count = 1",
        "UPDATE batch SET detached_at = now()",
        "INSERT INTO issuer_detached VALUES (1, now(), now())",
        "DELETE FROM batch",
        "INSERT INTO rebuilt_mark VALUES (1, now())",
        "DROP TABLE audit_record",
    ):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), service_engine.begin() as connection:
            connection.exec_driver_sql(refused)
    report = check_audit_log(here.store, here.ledger, prove_inclusion, progress=no_progress)
    assert report.outcome is Outcome.PASSED


def test_partitions_are_written_through_the_whole_alone(service_engine: Engine, postgres_url: str) -> None:
    here = Installation(SqlStore(service_engine), ALL_ON)
    owner = make_engine(postgres_url, pool_size=2, busy_timeout_s=10)
    role = str(service_engine.url.username)
    [entry] = here.post(1)
    for _ in range(2):
        here.post(1)
        here.rest()
        add_partition(owner, patience_s=10)
        with owner.begin() as connection:
            connection.exec_driver_sql(GRANTS.read_text(encoding="utf-8").replace(':"service"', role))
    [new] = here.post(1)
    with here.store.writing() as uow:
        for one in (entry, new):
            assert uow.entries.of_digest(one.digest) == [one]
        issuer = uow.issuers.with_did(UNIVERSITY)
        assert issuer
        assert erase_entry(uow, issuer, entry.digest, now=here.clock.now())
        uow.commit()
    here.rest()
    for refused in (
        "DELETE FROM entry",
        "UPDATE entry SET issuer_id = 1",
        "DELETE FROM entry_1",
        "INSERT INTO entry_3 DEFAULT VALUES",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), service_engine.begin() as connection:
            connection.exec_driver_sql(refused)
    owner.dispose()


def test_service_goes_on_beside_what_was_detached_and_cannot_reach_it(
    service_engine: Engine, postgres_url: str, tmp_path: Path
) -> None:
    here = Installation(SqlStore(service_engine), ALL_ON, manifests=tmp_path)
    owner = make_engine(postgres_url, pool_size=2, busy_timeout_s=10)
    here.post(3)
    here.rest()
    add_partition(owner, patience_s=10)
    here.post(1)
    here.rest()
    found = find_detachable(owner, None)
    words = rf"only \S+, who owns the tables, may do this, and CREDANCHOR_STORE__URL names {service_engine.url.username}"
    for command in (
        partial(find_detachable, service_engine, None),
        partial(finish_detaching, service_engine, patience_s=1),
        partial(detach_partition, service_engine, found, now=here.clock.now(), patience_s=1),
    ):
        with pytest.raises(Misconfigured, match=words):
            command()
    assert detach_partition(owner, found, now=here.clock.now(), patience_s=10).entries == 3
    with owner.begin() as connection:
        connection.exec_driver_sql(GRANTS.read_text(encoding="utf-8").replace(':"service"', str(service_engine.url.username)))
    header = save_backup(service_engine, tmp_path / "backup", now=here.clock.now(), progress=no_progress)
    assert header.seal_mark >= here.acknowledged[3].id
    with here.store.reading() as uow:
        [(_, root), *_] = uow.batches.roots()
    assert here.manifests
    with pytest.raises(Misconfigured, match=words):
        recall_entries(here.store, here.manifests, root, [], here.clock, no_progress)
    here.acknowledged = here.acknowledged[3:]
    here.post(2)
    here.rest()
    here.check()
    for refused in ("SELECT FROM entry_1_detached", "DELETE FROM entry_1", "DELETE FROM issuer_detached"):
        with pytest.raises(ProgrammingError, match="permission denied"), service_engine.begin() as connection:
            connection.exec_driver_sql(refused)
    owner.dispose()
