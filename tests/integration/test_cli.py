"""Every command of `credanchor` without a ledger: what it prints, its exit code, and one sentence when it fails."""

import hashlib
import json
import logging
import os
import signal
import subprocess
import zlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from anchoring.bootstrap import store as opening
from anchoring.bootstrap import system
from anchoring.client import AnchoringClient
from anchoring.core.bundle import bundle_to_json
from anchoring.core.canonical import canonicalize
from anchoring.core.issuer import CANARY
from anchoring.core.proof_json import proof_to_json
from anchoring.logs import configure_logs
from anchoring.ports.audit_log import Wanted
from anchoring.settings import read_settings
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import to_hex
from anchoring.usecases.prove_inclusion import prove_inclusion
from anchoring.usecases.seal_batches import seal_batches
from scripts.devnet import COMMAND, ROOT, free_port
from tests.api import Api, Place, anchor, check_problem, keep_bundle, post_and_anchor, running, seal
from tests.commands import COMMANDS
from tests.credanchor import Credanchor, run_process
from tests.factories import ACADEMY, UNIVERSITY, FrozenClock, make_digest, post, submit
from tests.issuers_registry import TYPES, attribute, in_token, run_registry
from tests.trees import read_vectors

HEAD = max(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("0*.py"))
DIGEST = to_hex(make_digest(1))
REGISTRY = "eip155:31337:0x" + "c3" * 20
SECRET = "c0ffee-secret"
CREDENTIAL = {"type": ["VerifiableCredential"], "issuer": UNIVERSITY, "name": "one"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """The commands' database."""
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=1, busy_timeout_s=5)
    yield SqlStore(engine)
    engine.dispose()


@pytest.fixture
def service(credanchor: Credanchor, migrated: Credanchor, store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The service that commands talk to, in this process; the university's key is set."""
    configure_logs(level=logging.ERROR)  # its lines are none of a command's output
    with running(store) as api:
        client = partial(AnchoringClient, transport=api.client._transport)
        monkeypatch.setattr(system, "AnchoringClient", client)
        credanchor.set(CLIENT__API_KEY=api.key, CLIENT__URL="http://testserver")
        yield api


def write(path: Path, content: Any) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


# --- usage


def test_version_is_printed(credanchor: Credanchor) -> None:
    assert credanchor("--version").out == "0.1.0\n"


@pytest.mark.parametrize("words", [(), *COMMANDS], ids=" ".join)
def test_every_command_explains_itself(credanchor: Credanchor, words: tuple[str, ...]) -> None:
    done = credanchor(*words, "--help")

    assert done.code == 0
    assert "Usage:" in done.out


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("issuer",),
        ("nonsense",),
        ("issuer", "nonsense"),
        ("issuer", "add"),
        ("issuer", "add", UNIVERSITY),
        ("issuer", "add", UNIVERSITY, "--name", "x", "--nonsense"),
        ("credential", "hash", "file", "--canonicalization", "nonsense"),
        ("credential", "submit"),
        ("proof", "verify", "file"),
        ("proof", "verify", "file", "--proof", "p", "--require", "nonsense"),
        ("proof", "get", DIGEST, "--timeout-s", "x"),
        ("service", "run", "--port", "70000"),
        ("ledger", "deploy", "--admin-delay-s", "-1"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(credanchor: Credanchor, words: tuple[str, ...]) -> None:
    assert credanchor(*words).code == 2


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("issuer", "add", "nonsense", "--name", "x"), "DID: not a DID; expected did:<method>:<identifier>"),
        (("issuer", "key", "create", UNIVERSITY + " "), "DID: not a DID"),
        (("entry", "erase", "abc", "--issuer", UNIVERSITY, "--yes"), "digest: a digest must be 64 hexadecimal digits"),
        (("entry", "erase", DIGEST, "--issuer", "x", "--yes"), "--issuer: not a DID"),
        (("proof", "get", DIGEST + "0"), "digest: a digest must be 64 hexadecimal digits"),
        (("proof", "get", DIGEST, "--issuer", "x"), "--issuer: not a DID"),
        (("anchor", "watch", "--every", "x"), "--every: must be a period such as 60s, 5m or 1h"),
        (("anchor", "watch", "--every", "0"), "--every: must be a period"),
        (("anchor", "watch", "--every", "25h"), "--every: must be a period"),
        (("anchor", "watch", "--every", "\u0665s"), "--every: must be a period"),
        (("store", "migrate", "--revision", ""), "--revision: must be head, base, a revision"),
        (("store", "migrate", "--revision", "a b"), "--revision: must be head, base, a revision"),
        (("store", "migrate", "--revision", "-1"), "--revision: going down may drop tables with digests and salts; add --yes"),
        (("store", "migrate", "--revision", "base"), "--revision: going down may drop tables"),
        (("ledger", "deploy", "--anchorer", "0xabc"), "--anchorer: an address must be 0x and 40 hexadecimal digits"),
        (("ledger", "grant-anchorer", "abc"), "ADDRESS: an address must be 0x and 40 hexadecimal digits"),
        (("ledger", "revoke-anchorer", "0x" + "g" * 40), "ADDRESS: an address must be"),
        (("credential", "hash", "missing.json"), "missing.json: cannot be read: No such file or directory"),
        (("credential", "hash", "."), ".: cannot be read: Is a directory"),
        (("credential", "submit", "missing.json"), "missing.json: cannot be read: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_values_are_exit_code_2_and_named(migrated: Credanchor, words: tuple[str, ...], error: str) -> None:
    migrated.set(LEDGER__REGISTRY=REGISTRY, LEDGER__PRIVATE_KEY="0x" + "11" * 32, LEDGER__RPC_URLS="http://127.0.0.1:1")

    done = migrated(*words)

    assert (done.code, done.out) == (2, "")
    assert done.error.startswith(error)


# --- store, issuers, entries


@pytest.mark.parametrize(
    "words",
    [
        ("issuer", "add", UNIVERSITY, "--name", "x"),
        ("issuer", "list"),
        ("issuer", "key", "create", UNIVERSITY),
        ("entry", "erase", DIGEST, "--issuer", UNIVERSITY, "--yes"),
        ("service", "run", "--port", "0"),
        ("anchor", "run"),
        ("anchor", "watch"),
    ],
    ids=" ".join,
)
def test_database_without_migrations_is_refused(credanchor: Credanchor, tmp_path: Path, words: tuple[str, ...]) -> None:
    done = credanchor(*words)

    assert (done.code, done.out) == (1, "")
    assert done.error.endswith("run: credanchor store migrate")
    assert not (tmp_path / "store.db").exists()


def test_store_migrates_up_and_down(credanchor: Credanchor) -> None:
    assert credanchor("store", "migrate").err == f"the database is at migration {HEAD}\n"
    assert credanchor("store", "migrate").code == 0
    assert credanchor("store", "migrate", "--revision", "base", "--yes").err == "the database is at migration base\n"
    assert credanchor("issuer", "list").code == 1
    assert credanchor("store", "migrate", "--revision", "head").code == 0
    assert credanchor("issuer", "list").code == 0


@pytest.mark.parametrize("revision", ["nonsense", "-99", "+99"])
def test_store_refuses_a_revision_that_is_none(migrated: Credanchor, revision: str) -> None:
    done = migrated("store", "migrate", "--revision", revision, "--yes")

    assert done.code == 1
    assert done.error.startswith("the database cannot be brought to migration")


def test_store_of_a_file_that_is_no_database_is_refused(credanchor: Credanchor, tmp_path: Path) -> None:
    write(tmp_path / "store.db", b"this is no database, and long enough to look like one" * 100)

    for words in (["issuer", "list"], ["store", "migrate"]):
        done = credanchor(*words)
        assert done.code == 1, done
        assert "not a database" in done.error


def test_store_in_a_folder_that_is_missing_is_a_wrong_setting(credanchor: Credanchor, tmp_path: Path) -> None:
    credanchor.set(STORE__URL=f"sqlite:///{tmp_path}/missing/store.db")

    for words in (("store", "migrate"), ("issuer", "list")):
        done = credanchor(*words)
        assert (done.code, done.error) == (1, f"CREDANCHOR_STORE__URL: the folder {tmp_path}/missing does not exist")


def test_store_that_does_not_answer_is_exit_code_4_and_keeps_its_password(credanchor: Credanchor) -> None:
    credanchor.set(STORE__URL=f"postgresql://anchor:{SECRET}@127.0.0.1:1/store")

    for words in (["issuer", "list"], ["store", "migrate"], ["service", "run", "--port", "0"]):
        done = credanchor(*words)
        assert done.code == 4
        assert done.error.startswith("the database did not answer: ")
        assert SECRET not in done.err


def test_issuers_are_added_once_and_listed(migrated: Credanchor) -> None:
    assert migrated("issuer", "add", ACADEMY, "--name", "Akademie für Æther").err == f"added {ACADEMY}\n"

    again = migrated("issuer", "add", ACADEMY, "--name", "Another")
    listed = migrated("issuer", "list")

    assert (again.code, again.error) == (1, f"issuer {ACADEMY} is known already")
    assert listed.out == f"{UNIVERSITY}  University\n{ACADEMY}  Akademie für Æther\n"
    found = json.loads(migrated("issuer", "list", "--json").out)
    assert [(one["did"], one["name"]) for one in found] == [(UNIVERSITY, "University"), (ACADEMY, "Akademie für Æther")]
    assert all(one["addedAt"].endswith("Z") for one in found)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "two\nlines", "bi\u202edi", "\x1b[31m"])
def test_issuer_needs_a_name_that_can_be_shown(migrated: Credanchor, name: str) -> None:
    done = migrated("issuer", "add", ACADEMY, "--name", name)

    assert (done.code, done.error) == (2, "--name: must be 1 to 200 printable characters")


def test_issuer_is_given_a_quota_of_its_own_and_that_of_all_again(migrated: Credanchor, store: SqlStore) -> None:
    shown = {"50": "50 items a day", "0": "any number of items a day", "default": "as many items a day as the settings say"}
    for items, words in shown.items():
        assert migrated("issuer", "set-quota", UNIVERSITY, items).err == f"{UNIVERSITY} may write {words}\n"
        listed = migrated("issuer", "list").out
        assert listed == f"{UNIVERSITY}  University\n" if items == "default" else f"({words})\n" in listed
    for wrong in ("-1", "1e3", "", "1000000000001", "9" * 20):
        done = migrated("issuer", "set-quota", UNIVERSITY, "--", wrong)
        assert (done.code, done.error.partition(" ")[0]) == (2, "ITEMS:")
    assert migrated("issuer", "set-quota", ACADEMY, "1").error.startswith(f"issuer {ACADEMY} is not known here")
    with store.reading() as uow:
        noted = [one.record.detail for one in uow.audit_log.find(Wanted(action="quota.changed"), 0, 9)]
    assert noted == ['{"itemsPerDay":50}', '{"itemsPerDay":0}', '{"itemsPerDay":null}']


def test_key_is_printed_once_and_opens_the_service(migrated: Credanchor, store: SqlStore) -> None:
    first, second = (migrated("issuer", "key", "create", UNIVERSITY) for _ in range(2))

    assert first.out.startswith("ca_")
    assert first.out != second.out
    assert first.err == ""
    with store._engine.connect() as connection:
        kept = str(connection.exec_driver_sql("SELECT * FROM api_key").all())
    assert first.out.strip()[-43:] not in kept
    unknown = migrated("issuer", "key", "create", ACADEMY)
    assert (unknown.code, unknown.out) == (1, "")
    assert unknown.error.startswith(f"issuer {ACADEMY} is not known here")


def test_key_that_is_revoked_opens_nothing(credanchor: Credanchor, service: Api) -> None:
    revoked = credanchor("issuer", "key", "revoke", service.key[3:11])
    again = credanchor("issuer", "key", "revoke", service.key[3:11])

    assert (revoked.code, revoked.err) == (0, f"revoked {service.key[3:11]}\n")
    assert (again.code, again.error) == (1, f"no key with prefix {service.key[3:11]} is in use")
    check_problem(service.post_numbers(1), 401, "not-allowed")
    assert service.post_numbers(1, key=service.other).status_code == 202


def test_keys_are_listed_with_what_they_may_do_and_until_when(migrated: Credanchor) -> None:
    plain = migrated("issuer", "key", "create", UNIVERSITY).out.strip()
    scopes = ("--scope", "issuer:admin", "--scope", "status:write")
    short = migrated("issuer", "key", "create", UNIVERSITY, *scopes, "--expires", "90d").out.strip()
    gone = migrated("issuer", "key", "create", UNIVERSITY).out.strip()
    operator = migrated("operator", "key", "create", "--expires", "1h").out.strip()
    migrated("issuer", "key", "revoke", gone[3:11])

    listed = migrated("issuer", "key", "list").out.splitlines()
    assert len(listed) == 4
    assert listed[0] == f"{plain[3:11]}  {UNIVERSITY}  digests:write status:write  never used"
    assert listed[1].startswith(f"{short[3:11]}  {UNIVERSITY}  status:write issuer:admin  never used, expires 20")
    assert listed[2].startswith(f"{gone[3:11]}  {UNIVERSITY}  digests:write status:write  revoked 20")
    assert listed[3].startswith(f"{operator[3:11]}  {CANARY}  operator  never used, expires 20")
    own = json.loads(migrated("issuer", "key", "list", UNIVERSITY, "--json").out)
    assert [one["prefix"] for one in own] == [key[3:11] for key in (plain, short, gone)]
    assert own[1] == {
        "prefix": short[3:11],
        "issuer": UNIVERSITY,
        "scopes": ["status:write", "issuer:admin"],
        "createdAt": own[1]["createdAt"],
        "expiresAt": own[1]["expiresAt"],
        "lastUsedAt": None,
        "revokedAt": None,
    }
    lasts = datetime.fromisoformat(own[1]["expiresAt"]) - datetime.fromisoformat(own[1]["createdAt"])
    assert lasts == timedelta(days=90)
    unknown = migrated("issuer", "key", "list", ACADEMY)
    assert (unknown.code, unknown.error.partition(";")[0]) == (1, f"issuer {ACADEMY} is not known here")


def test_key_is_rotated_with_an_overlap(migrated: Credanchor) -> None:
    key = migrated("issuer", "key", "create", UNIVERSITY, "--scope", "status:write").out.strip()

    rotated = migrated("issuer", "key", "rotate", key[3:11], "--overlap", "12h")
    successor = rotated.out.strip()
    assert rotated.err == f"{successor[3:11]} has no end; {key[3:11]} ends after the overlap\n"
    again = migrated("issuer", "key", "rotate", key[3:11])
    assert again.error == f"key {key[3:11]} was rotated already, into {successor[3:11]}: rotate that one, or make a new key"
    at_once = migrated("issuer", "key", "rotate", successor[3:11], "--overlap", "0").out.strip()

    old, new, newest = json.loads(migrated("issuer", "key", "list", "--json").out)
    assert [one["prefix"] for one in (old, new, newest)] == [one[3:11] for one in (key, successor, at_once)]
    assert old["expiresAt"] > new["expiresAt"]
    assert newest["expiresAt"] is None
    assert [one["scopes"] for one in (old, new, newest)] == [["status:write"]] * 3
    dead = migrated("issuer", "key", "rotate", successor[3:11])
    assert (dead.code, dead.error) == (1, f"no key with prefix {successor[3:11]} is in use")


WHOLE_KEY = "ca_00000000_" + "B" * 43


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", UNIVERSITY, "--scope", "operator"), "--scope: must be one or more of digests:write, status:write,"),
        (("create", UNIVERSITY, "--scope", "digests:read"), "--scope: must be one or more of"),
        (("create", UNIVERSITY, "--expires", "soon"), "--expires: must be a duration such as 12h or 90d"),
        (("create", UNIVERSITY, "--expires", "3651d"), "--expires: must be a duration"),
        (("create", UNIVERSITY, "--expires", "0"), "--expires: must be in the future"),
        (("rotate", "00000000", "--overlap", "-1"), "--overlap: must be a duration"),
        (("rotate", "00000000", "--overlap", "91d"), "--overlap: must be a duration such as 12h or 90d, at most 90 days"),
        (("rotate", WHOLE_KEY), "PREFIX: give the 8 characters between ca_ and the next _ of the key, and nothing more"),
        (("revoke", WHOLE_KEY), "PREFIX: give the 8 characters between ca_ and the next _ of the key, and nothing more"),
    ],
)
def test_what_no_key_can_have_is_refused(migrated: Credanchor, arguments: tuple[str, ...], message: str) -> None:
    done = migrated("issuer", "key", *arguments)

    assert (done.code, done.out) == (2, "")
    assert done.error.startswith(message)
    assert "B" * 43 not in done.err


def test_entry_is_erased_when_its_batch_is_sealed(migrated: Credanchor, store: SqlStore) -> None:
    with store.reading() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
    assert issuer
    post(store, issuer, 1, 2)
    erase = ("entry", "erase", DIGEST, "--issuer", UNIVERSITY)

    asked = migrated(*erase)
    assert (asked.code, asked.err) == (2, "nothing was done: erasure cannot be undone; add --yes\n")
    assert migrated(*erase, "--yes").out == "will be erased when its batch is sealed, in the next round\n"
    seal_batches(store, FrozenClock(), max_leaves=10, progress=lambda *_: None)
    gone = migrated(*erase, "--yes")
    assert (gone.code, gone.error) == (1, f"digest {DIGEST} was not posted here by {UNIVERSITY}")
    assert migrated("entry", "erase", to_hex(make_digest(2)), "--issuer", UNIVERSITY, "--yes").out == "erased\n"
    with store.writing() as uow:
        service = uow.issuers.of_service(FrozenClock().now())
        uow.commit()
    post(store, service, 3)
    own = migrated("entry", "erase", to_hex(make_digest(3)), "--issuer", CANARY, "--yes")
    assert (own.code, "the service itself" in own.error) == (1, True)
    stranger = migrated("entry", "erase", DIGEST, "--issuer", ACADEMY, "--yes")
    assert stranger.code == 1
    assert stranger.error.startswith(f"issuer {ACADEMY} is not known here")


# --- settings


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("STORE__POOL_SIZE", f"{SECRET}", "CREDANCHOR_STORE__POOL_SIZE: Input should be a valid integer"),
        ("STORE__POOL_SIZE", "0", "CREDANCHOR_STORE__POOL_SIZE: Input should be greater than or equal to 1"),
        ("STORE__URLL", SECRET, "unknown setting: CREDANCHOR_STORE__URLL"),
        ("STORE_URL", SECRET, "unknown setting: CREDANCHOR_STORE_URL"),
        ("STOR__URL", SECRET, "unknown setting: CREDANCHOR_STOR__URL"),
        ("STORE", SECRET, "unknown setting: CREDANCHOR_STORE"),
        ("STORE__URL", SECRET, "CREDANCHOR_STORE__URL is not a database URL"),
        ("STORE__URL", f"postgresql://a:{SECRET}@[::/x", "CREDANCHOR_STORE__URL is not a database URL"),
        (
            "STORE__URL",
            f"mysql://a:{SECRET}@localhost/x",
            "CREDANCHOR_STORE__URL names mysql; supported are sqlite and postgresql",
        ),
        ("STORE__URL", "sqlite://", "CREDANCHOR_STORE__URL must name a file"),
        (
            "STORE__URL",
            f"postgresql://a:{SECRET}@127.0.0.1:1/x?foo={SECRET}",
            "the database cannot be read: invalid connection option",
        ),
        ("LEDGER__FINALITY", SECRET, "CREDANCHOR_LEDGER__FINALITY: Value error, this is no finality rule"),
        ("LEDGER__REGISTRY", SECRET, "CREDANCHOR_LEDGER__REGISTRY: Value error, expected eip155:"),
        ("LEDGER__FEE_POLICY", SECRET, "CREDANCHOR_LEDGER__FEE_POLICY: Input should be 'zero', 'market' or 'legacy'"),
        ("ROUNDS__EVERY_S", "nan", "CREDANCHOR_ROUNDS__EVERY_S: Input should be"),
        ("API__MAX_DIGESTS", "1e9", "CREDANCHOR_API__MAX_DIGESTS: Input should be a valid integer"),
    ],
)
def test_setting_that_is_wrong_is_named_and_its_value_is_not(credanchor: Credanchor, name: str, value: str, error: str) -> None:
    credanchor.set(**{name: value})

    done = credanchor("issuer", "list")

    assert (done.code, done.out) == (1, "")
    assert done.error.startswith(error)
    assert SECRET not in done.err
    assert "\\n" not in done.err


def test_setting_that_is_empty_is_as_good_as_none(credanchor: Credanchor) -> None:
    credanchor.set(LEDGER__KEYSTORE="", STORE__POOL_SIZE="")

    settings = read_settings()

    assert (settings.ledger.keystore, settings.store.pool_size) == (None, 20)


def test_all_wrong_settings_are_named_at_once(credanchor: Credanchor) -> None:
    credanchor.set(STORE__POOL_SIZE="0", ROUNDS__EVERY_S="x")

    done = credanchor("issuer", "list")

    assert "CREDANCHOR_STORE__POOL_SIZE: " in done.error
    assert "CREDANCHOR_ROUNDS__EVERY_S: " in done.error


def test_bug_is_one_sentence_without_its_words(credanchor: Credanchor, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(_settings: object) -> None:
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(opening, "open_store", break_down)

    done = credanchor("issuer", "list")

    assert (done.code, done.error) == (1, "this is a bug (ZeroDivisionError); PYTHONDEVMODE=1 shows where")


# --- credentials


@pytest.mark.parametrize(
    ("name", "content", "rule", "hashed"),
    [
        ("a.json", b'{"b": 2.0, "a": 1}', "jcs", b'{"a":1,"b":2}'),
        ("a", b'{"b": 2.0, "a": 1}', "jcs", b'{"a":1,"b":2}'),
        ("a.pdf", b"%PDF-1.7", "raw", b"%PDF-1.7"),
        ("a.jwt", b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln\n", "jws-compact", b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln"),
        ("a.txt", b"text", "raw", b"text"),
    ],
)
def test_credential_hash_prints_digest_and_rule(
    credanchor: Credanchor, tmp_path: Path, name: str, content: bytes, rule: str, hashed: bytes
) -> None:
    digest = "0x" + hashlib.sha256(hashed).hexdigest()

    by_name = credanchor("credential", "hash", write(tmp_path / name, content))
    as_json = credanchor("credential", "hash", tmp_path / name, "--json")
    by_stdin = credanchor("credential", "hash", "-", stdin=content)

    assert (by_name.code, by_name.out) == (0, f"{digest}  {rule}\n")
    assert json.loads(as_json.out) == {"digest": digest, "canonicalization": rule, "notes": []}
    assert by_stdin.out == by_name.out


@pytest.mark.parametrize(
    ("content", "options", "code", "error"),
    [
        (b'{"a": 1', (), 2, "$ (line 1, column 8): expected , or }"),
        (b'{"a": NaN}', (), 2, "$.a (line 1, column 7): NaN and infinities are not JSON"),
        (b'{"a": 1, "a": 2}', (), 2, "$.a (line 1, column 10): this name stands twice"),
        (b"{}", ("--canonicalization", "jws-compact"), 2, "canonicalization: what was sent is hashed as jcs"),
        (b"{}", ("--media-type", "multipart/mixed"), 2, "Content-Type: multipart/mixed wraps what is sent"),
        (b"{}", ("--media-type", "application/pdf"), 2, "Content-Type: the body looks like application/json"),
    ],
)
def test_credential_hash_refuses(
    credanchor: Credanchor, tmp_path: Path, content: bytes, options: tuple[str, ...], code: int, error: str
) -> None:
    done = credanchor("credential", "hash", write(tmp_path / "a.json", content), *options)

    assert (done.code, done.out) == (code, "")
    assert done.error.startswith(f"{tmp_path / 'a.json'}: {error}")


def test_credential_file_that_others_may_read_only_is_named(credanchor: Credanchor, tmp_path: Path) -> None:
    done = credanchor("credential", "hash", tmp_path / "new\nline")

    assert done.error == f"{tmp_path}/new\\nline: cannot be read: No such file or directory"


def test_credential_submit_posts_every_file(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    files = [write(tmp_path / "a.json", CREDENTIAL), write(tmp_path / "b.pdf", b"%PDF-1.7")]

    done = credanchor("credential", "submit", *files)
    again = json.loads(credanchor("credential", "submit", *files, "--json").out)

    digests = [credanchor("credential", "hash", file).out.split()[0] for file in files]
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{digests[0]}  jcs  {files[0]}\n{digests[1]}  raw  {files[1]}\n"
    assert [(one["file"], one["digest"]) for one in again] == list(zip(map(str, files), digests, strict=True))
    assert service.get("/v1/ledger").json()["waiting"] == 2


def test_credential_submit_passes_on_what_the_service_says(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    bad = credanchor("credential", "submit", write(tmp_path / "a.json", b'{"a": 1e400}'))
    credanchor.set(CLIENT__API_KEY="ca_wrong")
    wrong = credanchor("credential", "submit", write(tmp_path / "b.json", CREDENTIAL))
    credanchor.set(CLIENT__API_KEY=f"{SECRET}\u00e9")
    none = credanchor("credential", "submit", tmp_path / "b.json")

    assert (bad.code, bad.error) == (2, f"{tmp_path / 'a.json'}: $.a (line 1, column 7): too large for a double")
    assert (wrong.code, wrong.error) == (
        1,
        f"{tmp_path / 'b.json'}: send a valid API key of an issuer, or access token where these are taken: Authorization: Bearer ca_…",
    )
    assert (none.code, none.error) == (1, "the API key has characters that no key has")
    assert service.get("/v1/ledger").json()["waiting"] == 0


# --- proofs from a service


def test_proof_get_prints_or_writes_the_proof(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    post_and_anchor(service, 1)

    printed = credanchor("proof", "get", DIGEST)
    written = credanchor("proof", "get", DIGEST, "--issuer", UNIVERSITY, "--wait", "--output", tmp_path / "proof.json")

    assert (printed.code, printed.err) == (0, "")
    assert json.loads(printed.out)["digest"] == DIGEST
    assert (written.code, written.out, written.err) == (0, "", f"written to {tmp_path / 'proof.json'}\n")
    assert json.loads((tmp_path / "proof.json").read_text()) == json.loads(printed.out)


def test_proof_get_with_its_bundle_says_when_there_is_none(credanchor: Credanchor, service: Api) -> None:
    _, batch = post_and_anchor(service, 1)

    without = credanchor("proof", "get", DIGEST, "--bundle")
    bundle = keep_bundle(service, batch)
    whole = credanchor("proof", "get", DIGEST, "--bundle")

    assert (without.code, json.loads(without.out)["bundle"]) == (0, None)
    assert "the service has no bundle of it yet" in without.err
    assert (whole.code, whole.err) == (0, "")
    assert json.loads(whole.out)["bundle"] == bundle_to_json(bundle)


def test_proof_get_fails_in_words(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    service.post_numbers(1, 2)
    service.post_numbers(2, key=service.other)

    waiting = credanchor("proof", "get", DIGEST)
    timed_out = credanchor("proof", "get", DIGEST, "--wait", "--timeout-s", "0")
    unknown = credanchor("proof", "get", to_hex(make_digest(9)))
    several = credanchor("proof", "get", to_hex(make_digest(2)))

    assert (waiting.code, waiting.error) == (4, "the digest is still waiting after 0 s")
    assert timed_out.code == 4
    assert (unknown.code, unknown.error) == (1, f"digest {to_hex(make_digest(9))} was not posted here")
    assert several.code == 1
    assert several.error.endswith(f"say which is meant: {UNIVERSITY}, {ACADEMY}")


def test_proof_get_into_a_folder_that_is_missing_is_refused(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    post_and_anchor(service, 1)

    done = credanchor("proof", "get", DIGEST, "--output", tmp_path / "missing" / "proof.json")

    assert done.code == 2
    assert done.error.endswith("missing/proof.json: cannot be written: No such file or directory")


@pytest.mark.parametrize(
    ("url", "code", "error"),
    [
        ("http://127.0.0.1:1", 4, "http://127.0.0.1:1 does not answer: ConnectError"),
        ("nonsense", 1, "the service's address is not a URL such as http://127.0.0.1:8000"),
        ("http://[::1", 1, "the service's address is not a URL"),
    ],
)
def test_service_that_does_not_answer_may_be_tried_again(credanchor: Credanchor, url: str, code: int, error: str) -> None:
    done = credanchor("proof", "get", DIGEST, "--url", url)

    assert done.code == code
    assert done.error.startswith(error)


def test_proof_qr_is_drawn_for_a_named_service_only(credanchor: Credanchor, tmp_path: Path) -> None:
    vector = next(one for one in read_vectors("formats.json")["formats"] if one["name"] == "size 7, leaf 3")
    proof = write(tmp_path / "proof.json", vector["credanchor"])

    unnamed = credanchor("proof", "qr", proof)
    by_option = credanchor("proof", "qr", proof, "--url", "http://127.0.0.1:8000")
    scripts = [
        credanchor("proof", "qr", proof, "--url", url)
        for url in ("javascript:alert(1)", "https://a.example/?b", "ftp://a.example")
    ]
    credanchor.set(CLIENT__URL="http://127.0.0.1:8000")
    by_setting = credanchor("proof", "qr", proof)

    assert (unnamed.code, unnamed.out) == (2, "")
    assert "--url: say whose page it opens, here or in CREDANCHOR_CLIENT__URL" in unnamed.err
    assert [(one.code, one.out) for one in scripts] == [(2, "")] * 3
    assert by_option.out.startswith("<?xml")
    assert by_setting.out == by_option.out


@pytest.mark.parametrize("wanted", ["merkletools", "chainpoint-v3", "chainpoint-v3-binary", "merkleproof2019"])
def test_proof_convert_writes_the_same_proof_in_another_format(credanchor: Credanchor, tmp_path: Path, wanted: str) -> None:
    vector = next(one for one in read_vectors("formats.json")["formats"] if one["name"] == "size 7, leaf 3")
    ours, converted = write(tmp_path / "proof.json", vector["credanchor"]), tmp_path / "converted"

    done = credanchor("proof", "convert", ours, "--to", wanted, "--output", converted)
    back = credanchor("proof", "convert", converted, "--to", "merkletools")

    assert (done.code, done.err) == (0, f"written to {converted}\n")
    if wanted in vector:
        assert json.loads(converted.read_bytes()) == vector[wanted]
    assert json.loads(back.out) == vector["merkletools"]


def test_proof_download_writes_every_proof_of_a_batch(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    _, batch = post_and_anchor(service, 1, 2)
    assert batch.tree is not None
    root = to_hex(batch.tree.root)

    printed = credanchor("proof", "download", root)
    written = credanchor("proof", "download", root, "--format", "chainpoint-v3", "--output", tmp_path / "proofs.ndjson")

    bundled = credanchor("proof", "download", root, "--bundle")

    assert bundled.out == printed.out.replace("}}\n", '},"bundle":null}\n')
    assert {json.loads(line)["digest"] for line in printed.out.splitlines()} == {to_hex(make_digest(i)) for i in (1, 2)}
    assert (written.code, written.out) == (0, "")
    hashes = {json.loads(line)["hash"] for line in (tmp_path / "proofs.ndjson").read_text().splitlines()}
    assert hashes == {make_digest(i).hex() for i in (1, 2)}
    assert [path.name for path in tmp_path.glob("proofs*")] == ["proofs.ndjson"]


def test_proof_download_without_proofs_says_why_and_leaves_no_file(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    service.post_numbers(1)
    batch = seal(service)
    assert batch.tree is not None

    waiting = credanchor("proof", "download", to_hex(batch.tree.root), "--output", tmp_path / "proofs.ndjson")
    unknown = credanchor("proof", "download", DIGEST)

    assert (waiting.code, waiting.err) == (4, "error: the batch is still sealed\n")
    assert list(tmp_path.glob("proofs*")) == []
    assert (unknown.code, unknown.out) == (1, "")
    assert "no batch here has root" in unknown.err


def test_proof_convert_prints_bytes_as_they_are(migrated: Credanchor, tmp_path: Path) -> None:
    vector = read_vectors("formats.json")["formats"][0]
    ours = write(tmp_path / "proof.json", vector["credanchor"])

    printed = subprocess.run(
        [COMMAND, "proof", "convert", ours, "--to", "chainpoint-v3-binary"], capture_output=True, check=True, timeout=60
    ).stdout

    assert zlib.decompress(printed).hex() == vector["messagePack"]


def test_proof_convert_refuses_what_is_no_proof_of_ours(credanchor: Credanchor, tmp_path: Path) -> None:
    vectors = read_vectors("formats.json")
    stripped = write(tmp_path / "stripped.json", vectors["refused"][0]["proof"])
    elsewhere = write(tmp_path / "elsewhere.json", next(one for one in vectors["refused"] if one["result"] == "failed")["proof"])
    unnamed = write(tmp_path / "unnamed.json", read_vectors("proof.json")["proofs"][0]["proof"])

    no_leaf_step = credanchor("proof", "convert", stripped, "--to", "chainpoint-v3")
    other_root = credanchor("proof", "convert", elsewhere, "--to", "chainpoint-v3")
    no_name = credanchor("proof", "convert", unnamed, "--to", "merkleproof2019")
    not_written = credanchor("proof", "convert", unnamed, "--to", "chainpoint-v3-binary", "--output", tmp_path)

    assert (no_leaf_step.code, no_leaf_step.out) == (3, "")
    assert no_leaf_step.err.startswith(f"error: {stripped}: $.proof: must begin with the leaf step")
    assert (other_root.code, other_root.out) == (3, "")
    assert "the path leads to root" in other_root.err
    assert (no_name.code, no_name.out) == (2, "")
    assert no_name.err.startswith("error: --to: MerkleProof2019 has no name for the ledger eip155:31337")
    assert (not_written.code, not_written.err) == (2, f"error: {tmp_path}: cannot be written: Is a directory\n")


# --- proofs without a service


@pytest.fixture
def holder(tmp_path: Path, migrated: Credanchor, store: SqlStore) -> tuple[Path, Path]:
    """A credential and its proof as its holder has them; service and database are gone."""
    place, body = Place(store=store, clock=FrozenClock()), json.dumps(CREDENTIAL).encode()
    form = canonicalize(body, "application/vc")
    posted = [form.digest, make_digest(1), make_digest(2)]
    with store.writing() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
        assert issuer
        [entry, *_] = submit(uow, issuer, posted)
        uow.commit()
    anchor(place, seal(place))
    with store.reading() as uow:
        batch = uow.batches.of_entry(entry.id)
        found = prove_inclusion(uow, entry, batch) if batch else None
    assert found
    proof = proof_to_json(found)
    (tmp_path / "store.db").unlink()
    migrated.set(STORE__URL="nonsense", LEDGER__RPC_URLS="nonsense", CLIENT__URL="nonsense", API__MAX_DIGESTS="nonsense")
    return write(tmp_path / "credential.json", CREDENTIAL), write(tmp_path / "proof.json", proof)


def verify(credanchor: Credanchor, holder: tuple[Path, Path], *options: str | Path) -> Any:
    return credanchor("proof", "verify", holder[0], "--proof", holder[1], *options)


@pytest.mark.disable_socket
def test_proof_verify_needs_neither_service_nor_database_nor_network(credanchor: Credanchor, holder: tuple[Path, Path]) -> None:
    required = [option for name in ("digest", "path", "issuer-match") for option in ("--require", name)]

    done = verify(credanchor, holder, *required)

    assert done.code == 0, done
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["passed", "passed"]
    assert lines[-1] == f"said to be anchored by {UNIVERSITY}; not compared with a ledger"


@pytest.mark.disable_socket
def test_proof_verify_cannot_tell_without_a_contract_and_a_node(credanchor: Credanchor, holder: tuple[Path, Path]) -> None:
    nothing_pinned = verify(credanchor, holder, "--json")
    no_node = verify(credanchor, holder, "--registry", REGISTRY, "--json")

    assert (nothing_pinned.code, no_node.code) == (4, 4)
    outcomes = [
        {check["check"]: check["outcome"] for check in json.loads(done.out)["checks"]} for done in (nothing_pinned, no_node)
    ]
    assert outcomes[0] == {
        "digest": "passed",
        "path": "passed",
        "registry": "cannot tell",
        "root": "cannot tell",
        "finality": "cannot tell",
        "issuer-match": "passed",
        "credential-signature": "cannot tell",
        "accreditation": "cannot tell",
        "status": "cannot tell",
    }
    assert outcomes[1] == outcomes[0] | {"registry": "passed"}


def test_proof_verify_looks_accreditations_up(credanchor: Credanchor, holder: tuple[Path, Path]) -> None:
    path = f"/{UNIVERSITY}/attributes/1"
    to = {"id": UNIVERSITY, "accreditedFor": [{"types": list(TYPES)}]}
    with run_registry(
        {path: attribute(UNIVERSITY, "TI", in_token({"issuer": "did:x:tao", "credentialSubject": to}))}
    ) as registry:
        terms = {"type": "IssuanceCertificate", "id": registry + path}
        write(holder[0], CREDENTIAL | {"type": list(TYPES), "termsOfUse": terms})
        done = verify(credanchor, holder, "--issuers-registry", registry, "--require", "accreditation")
    offline = verify(credanchor, holder, "--offline", "--block-hash", "0x" + "00" * 32, "--issuers-registry", registry)
    no_url = verify(credanchor, holder, "--issuers-registry", "registry")

    assert done.code == 0, done
    assert f"{UNIVERSITY} is accredited for {', '.join(TYPES)}: by did:x:tao" in done.out
    assert "--issuers-registry: is of no use with --offline" in offline.err
    assert "--issuers-registry: not a plain URL" in no_url.err


@pytest.mark.disable_socket
def test_proof_verify_of_a_tampered_credential_fails(credanchor: Credanchor, holder: tuple[Path, Path]) -> None:
    write(holder[0], CREDENTIAL | {"name": "two"})

    done = verify(credanchor, holder)

    assert done.code == 3
    assert done.out.startswith("failed")
    assert done.out.splitlines()[-1] == "does not hold: digest failed"


@pytest.mark.disable_socket
def test_proof_verify_of_another_contract_fails(credanchor: Credanchor, holder: tuple[Path, Path]) -> None:
    done = verify(credanchor, holder, "--registry", "eip155:31337:0x" + "d4" * 20)

    assert done.code == 3
    assert done.out.splitlines()[-1] == "does not hold: registry failed"


@pytest.mark.disable_socket
def test_proof_verify_of_another_issuers_credential_fails(credanchor: Credanchor, holder: tuple[Path, Path]) -> None:
    write(holder[0], CREDENTIAL | {"issuer": "did:x:\u202e\x1b[2J\nroot  passed"})

    done = verify(credanchor, holder)

    assert done.code == 3
    assert "did:x:\\u202e\\x1b[2J\\nroot  passed" in done.out  # words of others cannot forge a line


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "$ (line 1, column 1): expected a value"),
        (b"nonsense", "$ (line 1, column 1): expected a value"),
        (b"\xff", "byte 0: not UTF-8"),
        (b"[]", "$: must be an object"),
        (b"{}", "$.type: must be CredentialAnchorProof"),
        (b'{"type": "CredentialAnchorProof", "version": 2}', "$.version: must be 1"),
    ],
)
def test_proof_that_is_none_is_exit_code_3(credanchor: Credanchor, holder: tuple[Path, Path], content: bytes, error: str) -> None:
    write(holder[1], content)

    done = verify(credanchor, holder)

    assert (done.code, done.out) == (3, "")
    assert done.error.startswith(f"{holder[1]}: {error}")


@pytest.mark.parametrize("missing", ["credential", "proof"])
def test_file_that_cannot_be_read_is_exit_code_2(credanchor: Credanchor, holder: tuple[Path, Path], missing: str) -> None:
    holder[missing == "proof"].unlink()

    done = verify(credanchor, holder)

    assert (done.code, done.out) == (2, "")
    assert done.error.endswith(f"{missing}.json: cannot be read: No such file or directory")


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (("--registry", "nonsense"), 2, "--registry: expected eip155:<chain id>:<contract address>"),
        (("--registry", "eip155:1:0xabc"), 2, "--registry: an address must be"),
        (("--finality", "soon"), 2, "--finality: this is no finality rule"),
        (("--registry", REGISTRY, "--deployment", "x"), 2, "--deployment: give either --registry or --deployment"),
        (
            ("--deployment", "missing.json"),
            2,
            "--deployment: deployment file missing.json cannot be read: No such file or directory",
        ),
        (("--deployment", "credential.json"), 2, "--deployment: credential.json is no deployment file"),
        (("--registry", REGISTRY, "--rpc-url", f"http://[{SECRET}"), 2, "--rpc-url: the node's address is not a URL"),
        (("--registry", REGISTRY, "--rpc-url", "nonsense"), 2, "--rpc-url: the node's address is not a URL"),
        (
            ("--require", "root", "--require", "zzz"),
            2,
            "--require: must be one of digest, path, registry, root, finality, issuer-match",
        ),
        (("--registry", REGISTRY, "--rpc-url", f"ftp://{SECRET}@127.0.0.1"), 2, "--rpc-url: the node's address is not a URL"),
    ],
)
def test_proof_verify_refuses_options(
    credanchor: Credanchor, holder: tuple[Path, Path], options: tuple[str, ...], code: int, error: str
) -> None:
    done = verify(credanchor, holder, *options)

    assert (done.code, done.out) == (code, "")
    assert done.error.startswith(error)
    assert SECRET not in done.err


def test_node_that_does_not_answer_is_never_a_failure(credanchor: Credanchor, holder: tuple[Path, Path]) -> None:
    done = verify(credanchor, holder, "--registry", REGISTRY, "--rpc-url", f"http://127.0.0.1:1/{SECRET}")

    assert done.code == 4
    assert "failed" not in done.out
    assert "did not answer" in done.out
    assert SECRET not in done.out + done.err


def test_proof_of_the_library_is_the_proof_of_the_service(store: SqlStore, migrated: Credanchor) -> None:
    with running(store) as api:
        [entry], batch = post_and_anchor(api, 1)
        served = api.get(f"/v1/proofs/{DIGEST}").json()
        with store.reading() as uow:
            found = uow.batches.with_id(batch.id)
            proof = prove_inclusion(uow, entry, found) if found else None

    assert proof
    assert proof_to_json(proof) == served


# --- processes


def test_commands_as_processes_end_like_those_in_this_one(tmp_path: Path) -> None:
    environment = {"CREDANCHOR_STORE__URL": f"sqlite:///{tmp_path / 'store.db'}", "PATH": os.environ["PATH"]}

    refused = run_process("issuer", "list", environment=environment)
    migrated = run_process("store", "migrate", environment=environment)
    proof = write(tmp_path / "proof.json", {})
    malformed = run_process("proof", "verify", proof, "--proof", proof, environment=environment)

    assert (refused.code, refused.error) == (
        1,
        f"the database is empty, this program needs migration {HEAD}; run: credanchor store migrate",
    )
    assert (migrated.code, malformed.code) == (0, 3)


def test_service_as_a_process_answers_and_ends_when_told_to(tmp_path: Path) -> None:
    environment = {"CREDANCHOR_STORE__URL": f"sqlite:///{tmp_path / 'store.db'}", "PATH": os.environ["PATH"]}
    run_process("store", "migrate", environment=environment)
    port = free_port()
    command = [str(COMMAND), "service", "run", "--port", str(port)]
    transport = httpx2.HTTPTransport(retries=12)  # it waits longer and longer between tries to connect
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            with httpx2.Client(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
                answers = [client.get(path).status_code for path in ("/healthz", "/readyz", "/v1/nothing")]
            taken = run_process("service", "run", "--port", str(port), environment=environment)
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=20)
        finally:
            process.kill()

    assert answers == [200, 200, 404]
    assert (taken.code, taken.error) == (1, f"cannot listen at 127.0.0.1, port {port}: Address already in use")
    assert process.returncode in {0, -signal.SIGTERM}
    lines = [json.loads(line) for line in log.splitlines()]
    assert [line["path"] for line in lines if line["event"] == "request.finished"] == ["/healthz", "/readyz", "/v1/nothing"]


def test_file_that_is_too_large_is_refused_by_name(
    credanchor: Credanchor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anchoring.cli.output.FILE_MOST_BYTES", 1_000_000)
    file = write(tmp_path / "large.pdf", b"%PDF-1.7\n" + bytes(1_000_000))

    done = credanchor("credential", "hash", file)

    assert (done.code, done.error) == (2, f"{file}: has more than 1 MB, and no more are read")
