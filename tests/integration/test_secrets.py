"""Secrets are in no output, whatever fails: settings that are wrong, machines that are dead, bugs (H18, W9)."""

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import typer
from pydantic import SecretStr
from sqlalchemy.pool import NullPool

from anchoring.cli.main import app
from anchoring.logs import configure_logs
from anchoring.settings import Settings
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from scripts.devnet import ROOT
from tests.api import make_app, make_key, run_async
from tests.credanchor import Credanchor
from tests.factories import UNIVERSITY, add_issuer
from tests.operations import operations
from tests.test_docs import settings_fields
from tests.world import check_logs

DATABASE, NODE, SIGNER, KEY, PASSWORD, API_KEY, STATUS_KEY = (f"marker-{name}" for name in "abcdefg")
PRIVATE_KEY = "0x" + "c0ffee" * 10 + "c0ff"
MARKERS = [DATABASE, NODE, SIGNER, KEY, PASSWORD, API_KEY, STATUS_KEY, PRIVATE_KEY, base64.b64encode(b"user:marker").decode()]

DEAD_DATABASE = f"postgresql://anchor:{DATABASE}@127.0.0.1:1/store"
DEAD_NODE = f"http://user:{NODE}@127.0.0.1:1/{NODE}?key={NODE}"
DEAD_SIGNER = f"http://user:{SIGNER}@127.0.0.1:1/{SIGNER}"

WRONG = {
    "STORE__URL": [f"postgresql://a:{DATABASE}@[::/x", f"mysql://a:{DATABASE}@localhost/x", DATABASE],
    "LEDGER__RPC_URLS": [f"ftp://{NODE}@127.0.0.1", f"http://[{NODE}", NODE, f"{DEAD_NODE},{DEAD_NODE}"],
    "LEDGER__PRIVATE_KEY": [KEY, PRIVATE_KEY + "00"],
    "LEDGER__SIGNER_URL": [f"ftp://{SIGNER}@127.0.0.1", f"http://[{SIGNER}", SIGNER],
    "CLIENT__URL": [f"ftp://user:{API_KEY}@127.0.0.1", f"http://user:{API_KEY}@[", f"http://user:{API_KEY}@127.0.0.1:1"],
    "CLIENT__API_KEY": [API_KEY + "\u00e9", API_KEY + "\n", f"ca_{API_KEY}"],
}
PLACES = {"DID": UNIVERSITY, "ADDRESS": "0x" + "11" * 20, "DIGEST": "ab" * 32, "LIST": "ab" * 32, "count": "1"}
SECRET_FILES = {"LEDGER__KEYSTORE", "LEDGER__KEYSTORE_PASSWORD_FILE", "LEDGER__SIGNER_TOKEN_FILE", "LEDGER__SIGNER_CERTIFICATE"}
SECRET_FILES |= {"MANIFESTS__KEY_FILE", "STATUS__KEYS"}


def commands() -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every command: its words, and something in each place that must be filled."""
    todo: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    while todo:
        words, command = todo.pop()
        children = getattr(command, "commands", {})
        todo += [((*words, name), child) for name, child in children.items()]
        if not children:
            yield words, [word for place in command.params if place.required for word in filled(place)]


def filled(place: Any) -> list[str]:
    text = PLACES.get(place.metavar or place.name, "there.json")
    return [place.opts[0], text] if place.param_type_name == "option" else [text]


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, str]:
    """Settings with a secret in each that can hold one; what they name is dead, or not what it should be."""
    files = {"there.json": "{}", "password": PASSWORD, "token": SIGNER, "other": KEY}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "status").mkdir(mode=0o700)
    (tmp_path / "status" / "key.json").write_text(json.dumps({"d": STATUS_KEY, "kty": STATUS_KEY}))
    (tmp_path / "status" / "key.json").chmod(0o600)
    return {
        "STORE__URL": DEAD_DATABASE,
        "LEDGER__RPC_URLS": DEAD_NODE,
        "LEDGER__REGISTRY": "eip155:31337:0x" + "11" * 20,
        "LEDGER__SIGNER_URL": DEAD_SIGNER,
        "LEDGER__SIGNER_ACCOUNT": "0x" + "22" * 20,
        "LEDGER__SIGNER_TOKEN_FILE": str(tmp_path / "token"),
        "MANIFESTS__KEY_FILE": str(tmp_path / "other"),
        "STATUS__KEYS": str(tmp_path / "status"),
        "CLIENT__URL": f"http://user:{API_KEY}@127.0.0.1:1",
        "CLIENT__API_KEY": f"ca_{API_KEY}",
    }


def test_every_setting_that_may_hold_a_secret_is_tried_here() -> None:
    secret = {
        name.removeprefix("CREDANCHOR_")
        for name, field in settings_fields().items()
        if "SecretStr" in str(field.annotation) or not field.repr
    }
    assert secret == set(WRONG)
    assert {f"CREDANCHOR_{name}" for name in SECRET_FILES} <= set(settings_fields())


def test_settings_do_not_show_their_secrets(credanchor: Credanchor, secrets: dict[str, str]) -> None:
    credanchor.set(**secrets, LEDGER__PRIVATE_KEY=PRIVATE_KEY)
    settings = Settings()
    assert isinstance(settings.ledger.rpc_urls, SecretStr)
    check_logs(f"{settings!r} {settings} {settings.store} {vars(settings)}", MARKERS)


def test_every_command_fails_without_showing_a_secret(credanchor: Credanchor, secrets: dict[str, str]) -> None:
    """Database, node, signer and service are dead."""
    credanchor.set(**secrets, STORE__BUSY_TIMEOUT_S="0.1")
    tried = failed = 0
    for words, arguments in commands():
        for more in (["--help"], arguments):
            done = credanchor(*words, *more)
            check_logs(done.out + done.err, MARKERS)
            tried, failed = tried + 1, failed + bool(done.code)
    assert (tried >= 90, failed >= 30) == (True, True)


def test_commands_of_the_ledger_fail_without_showing_a_secret(migrated: Credanchor, secrets: dict[str, str]) -> None:
    """The database is there, node and signer are not."""
    del secrets["STORE__URL"]
    migrated.set(**secrets)
    told = [migrated(*words, *arguments) for words, arguments in commands() if words[0] in {"ledger", "anchor"}]
    assert {4} <= {done.code for done in told} <= {0, 1, 2, 4}
    check_logs("".join(done.out + done.err for done in told), MARKERS)


@pytest.mark.parametrize("name", WRONG)
def test_setting_that_is_wrong_is_named_and_not_shown(migrated: Credanchor, name: str) -> None:
    registry = "eip155:31337:0x" + "11" * 20
    migrated.set(LEDGER__REGISTRY=registry, LEDGER__SIGNER_ACCOUNT="0x" + "22" * 20)
    command = ("credential", "submit", "there.json") if name.startswith("CLIENT") else ("anchor", "run")
    Path("there.json").write_text("{}")
    for value in WRONG[name]:
        migrated.set(**{name: value})
        done = migrated(*command)
        assert done.code in {1, 2, 4}
        check_logs(done.out + done.err, MARKERS)


def test_every_operation_fails_without_showing_a_secret(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away under the running service, and the one it finds in its place is dead."""
    key = make_key(store, add_issuer(store))
    engine = make_engine(DEAD_DATABASE, pool_size=1, busy_timeout_s=0.1)
    monkeypatch.setattr(engine, "pool", NullPool(engine.pool._creator))
    application = make_app(SqlStore(engine))
    logged = io.StringIO()
    configure_logs(logged)

    async def ask(client):
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        body = json.dumps({"digests": ["ab" * 32], "salt": API_KEY}).encode()
        asked = [(one.method, one.path) for one in operations(application)]
        return [await client.request(method, path, headers=headers, content=body) for method, path in asked]

    try:
        answers = run_async(application, ask)
    finally:
        structlog.reset_defaults()
    assert {503} <= {answer.status_code for answer in answers} <= {200, 400, 401, 404, 415, 422, 503}
    shown = "".join(f"{answer.text} {answer.headers}" for answer in answers)
    assert "request.failed" in logged.getvalue()
    check_logs(shown + logged.getvalue(), [*MARKERS, key, key[12:]])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_traceback_in_the_log_shows_no_values(stream: type[io.StringIO]) -> None:
    """What prints tracebacks beautifully prints what the variables hold as well."""
    written = stream()
    configure_logs(written)
    password = f"{DATABASE} {'x' * 3}"
    try:
        try:
            len(password) / 0
        except ZeroDivisionError as error:
            structlog.get_logger().error("request.crashed", exc_info=error)
    finally:
        structlog.reset_defaults()
    assert "ZeroDivisionError: " in written.getvalue()
    check_logs(written.getvalue(), MARKERS)


def test_traceback_for_developers_shows_no_values() -> None:
    script = (
        "import sys, anchoring.bootstrap.store as store, anchoring.cli.main as main\n"
        "def broken(settings):\n"
        "    password = settings.url\n"
        "    raise ZeroDivisionError('a bug')\n"
        "store.open_store = broken\n"
        "sys.argv = ['credanchor', 'issuer', 'list']\n"
        "main.main()\n"
    )
    environment = {"CREDANCHOR_STORE__URL": DEAD_DATABASE, "PYTHONDEVMODE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert "ZeroDivisionError: a bug" in done.stderr
    check_logs(done.stdout + done.stderr, MARKERS)
