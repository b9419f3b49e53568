"""`credanchor audit-log`, and that commands leave records."""

import hashlib
import inspect
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from scripts.devnet import ROOT
from tests.commands import COMMANDS
from tests.credanchor import Credanchor
from tests.factories import UNIVERSITY

REGISTRY = "eip155:31337:0x" + "c3" * 20


@pytest.fixture
def command(migrated: Credanchor) -> Credanchor:
    """With a ledger whose node does not answer."""
    migrated.set(LEDGER__REGISTRY=REGISTRY, LEDGER__RPC_URLS="http://127.0.0.1:9")
    return migrated


def lines(command: Credanchor, *options: str) -> list[dict[str, Any]]:
    done = command("audit-log", "export", *options)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


RECORDED = {
    "entry erase": "digest.erasure_requested",
    "entry recall": "entries.recalled",
    "issuer add": "issuer.added",
    "issuer set-quota": "quota.changed",
    "issuer key create": "key.created",
    "issuer key rotate": "key.rotated",
    "issuer key revoke": "key.revoked",
    "issuer status-key add": "status_key.added",
    "issuer status-key retire": "status_key.retired",
    "operator key create": "key.created",
    "status key create": "service_key.created",
    "status key retire": "service_key.retired",
    "ledger deploy": "registry.deployed",
    "ledger grant-anchorer": "anchorer.granted",
    "ledger revoke-anchorer": "anchorer.revoked",
    "ledger reconcile": "ledger.reconciled",
    "ledger publish-over": "status_list.given_up",
    "store migrate": "store.migrated",
    "store backup": "store.backed_up",
    "store restore": "store.restored",
    "store rebuild": "store.rebuilt",
    "store create-manifest-key": "manifest_key.created",
    "partitions add": "partition.added",
    "partitions detach": "partition.detached",
    "tiles export": "tiles.published",
}
READS = {"list", "show", "check", "status", "audit", "export", "verify"}
BY_THE_SERVICE = {"credential", "blockcerts", "proof", "status"}
"""What these ask of the service, it records itself."""
BY_WHAT_THEY_DO = {"anchor run", "anchor watch", "service run", "ledger create-key"}


def test_every_command_leaves_a_record_or_documents_say_why_not():
    documented = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("### The audit log")[2]
    for words, command in COMMANDS.items():
        name = " ".join(words)
        action = RECORDED.get(name)
        if action is not None:
            assert f'"{action}"' in inspect.getsource(command.callback), f"{name} leaves no record {action}"
            assert f"`{action}`" in documented, action
        elif name in BY_WHAT_THEY_DO:
            assert f"`{name}`" in documented, name
        else:
            assert words[-1] in READS or words[0] in BY_THE_SERVICE, f"{name}: what record does it leave, or why none?"
    assert RECORDED.keys() | BY_WHAT_THEY_DO <= {" ".join(words) for words in COMMANDS}


def test_commands_leave_records(command, tmp_path):
    key = command("issuer", "key", "create", UNIVERSITY, "--expires", "90d").out.strip()
    rotated = command("issuer", "key", "rotate", key[3:11]).out.strip()
    command("issuer", "key", "revoke", rotated[3:11])
    operator = command("operator", "key", "create").out.strip()
    assert command("store", "backup", tmp_path / "backup").code == 0
    assert command("store", "restore", tmp_path / "backup", "--replace").code == 0
    assert command("issuer", "key", "revoke", "00000000").code == 1
    assert command("store", "migrate", "--revision", "-1", "--yes").code == 0
    assert command("store", "migrate").code == 0
    assert command("store", "create-manifest-key", tmp_path / "manifest.key").code == 0
    found = lines(command)
    actions = [one["action"] for one in found]
    assert actions == [
        "issuer.added",
        "key.created",
        "key.rotated",
        "key.revoked",
        "key.created",
        "store.restored",  # the backup was made before its own record
        "store.migrated",
        "store.migrated",
        "manifest_key.created",
    ]
    assert [one["number"] for one in found] == list(range(1, 10))
    assert [one["result"] for one in found] == ["done"] * 6 + ["begun"] + ["done"] * 2
    assert (found[5]["detail"]["replace"], found[6]["detail"]) == (True, {"revision": "-1"})
    assert {one["actor"] for one in found} == {"command line"}
    assert all("@" in one["from"] for one in found)
    assert [one["issuer"] for one in found[:4]] == [UNIVERSITY] * 4
    assert found[2]["detail"] | {"overlapS": 86_400, "rotated": key[3:11]} == found[2]["detail"]
    text = json.dumps(found)
    assert not any(secret in text for secret in (key, rotated, operator, key[12:], operator[12:]))


def test_a_line_can_be_checked_without_us(command):
    previous = "0x" + "00" * 32
    for line in lines(command):
        told = {name: value for name, value in line.items() if name not in {"hash", "from"}}
        assert told["previous"] == previous
        previous = line["hash"]
        assert previous == "0x" + hashlib.sha256(rfc8785.dumps(told)).hexdigest()


def test_records_are_shown_to_people(command):
    shown = command("audit-log", "show", "--action", "issuer", "--last", "1").out
    assert shown.count("\n") == 1
    for word in ("issuer.added", "command line from ", UNIVERSITY, '{"name":"University"}'):
        assert word in shown
    assert [json.loads(line)["action"] for line in command("audit-log", "show", "--json").out.splitlines()] == ["issuer.added"]
    assert command("audit-log", "show", "--until", "2020-01-01T00:00:00Z").out == ""
    assert command("audit-log", "show", "--since", "yesterday").code == 2


def test_export_writes_a_whole_file(command, tmp_path):
    assert command("audit-log", "export", tmp_path / "log.ndjson", "--last", "1").code == 0
    assert (tmp_path / "log.ndjson").stat().st_mode & 0o777 == 0o600, "it says who came from where"
    [line] = (tmp_path / "log.ndjson").read_text().splitlines()
    assert json.loads(line)["action"] == "issuer.added"


def test_verify_cannot_tell_before_anything_is_anchored_and_fails_when_a_record_was_changed(command, tmp_path):
    done = command("audit-log", "verify")
    assert done.code == 4
    assert "no head is final" in done.out
    head = done.err.strip().rpartition(" ")[2]
    assert json.loads(command("audit-log", "verify", "--head", head, "--json").out)["checks"][-1]["outcome"] == "passed"
    assert command("audit-log", "verify", "--head", "1").code == 2
    assert command("store", "check").code == 0
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE audit_record SET actor = 'nobody' WHERE number = 1")
    connection.close()
    done = command("audit-log", "verify", "--head", head)
    assert done.code == 3
    assert "record 1 does not follow record 0" in done.out
    assert "--head" not in done.err, "nobody should note the hash of a log that is wrong"
    checked = command("store", "check")
    assert checked.code == 1
    assert "record 1 does not follow record 0" in checked.out


def test_a_source_that_was_changed_is_named_wherever_it_is_shown(command, tmp_path):
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE audit_source SET source = 'nobody@nowhere'")
    connection.close()
    assert "command line from nobody@nowhere (changed after it was written)" in command("audit-log", "show").out
    assert {line["from"] for line in lines(command)} == {"nobody@nowhere (changed after it was written)"}
    assert "from where record 1 came was changed" in command("audit-log", "verify").out
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("DELETE FROM audit_source")
    connection.close()
    assert "command line from (forgotten)" in command("audit-log", "show").out
    assert "0 records say from where as it was recorded, of 1 it is forgotten" in command("audit-log", "verify").out
    assert command("audit-log", "verify", "--lost", "0x" + "00" * 32).code == 3
    assert command("audit-log", "verify", "--lost", "x").code == 2


def test_an_act_on_the_ledger_is_recorded_before_and_after(command, tmp_path):
    command.set(LEDGER__PRIVATE_KEY="0x" + "11" * 32)
    account = "0x" + "22" * 20
    assert command("ledger", "grant-anchorer", account).code == 4
    found = lines(command, "--action", "anchorer.granted")
    assert [(one["result"], one["detail"]["account"]) for one in found] == [("begun", account), ("failed", account)]


def test_where_the_database_is_out_of_reach_it_is_said(credanchor: Credanchor):
    credanchor.set(LEDGER__REGISTRY=REGISTRY, LEDGER__RPC_URLS="http://127.0.0.1:9", LEDGER__PRIVATE_KEY="0x" + "11" * 32)
    done = credanchor("ledger", "revoke-anchorer", "0x" + "22" * 20)
    assert done.code == 4
    assert done.err.count("not in the audit log: anchorer.revoked") == 2
    assert not Path("store.db").exists()
