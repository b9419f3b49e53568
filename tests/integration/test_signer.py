"""The anchoring key: files that only its owner can read, and a key that nothing shows."""

import json
import logging
import os
import traceback
from pathlib import Path

import pytest
from eth_account import Account

from anchoring.errors import Misconfigured
from anchoring.ledger.signer import LocalSigner, create_keystore, signer_from_key, signer_from_keystore

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"  # of a documentation example, known to all
ADDRESS = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23"
PASSWORD = "marker-password"


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "keystore.json"
    path.write_text(json.dumps(Account.encrypt(bytes.fromhex(KEY), PASSWORD, kdf="pbkdf2", iterations=1000)))
    path.chmod(0o600)
    return path


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


def test_keystore_opens_with_its_password(keystore, password_file):
    assert signer_from_keystore(keystore, password_file).address == ADDRESS


def test_key_in_hexadecimal_opens():
    assert signer_from_key(KEY).address == signer_from_key("0x" + KEY).address == ADDRESS


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o777])
@pytest.mark.parametrize("which", ["keystore.json", "password"])
def test_file_that_others_can_read_is_refused(keystore, password_file, which, mode):
    path = keystore.with_name(which)
    path.chmod(mode)
    with pytest.raises(Misconfigured, match=f"chmod 600 {path}"):
        signer_from_keystore(keystore, password_file)


@pytest.mark.parametrize("which", ["keystore.json", "password"])
def test_pipe_is_refused_at_once(keystore, password_file, which):
    path = keystore.with_name(which)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(Misconfigured, match=f"{path} is no regular file"):
        signer_from_keystore(keystore, password_file)


@pytest.mark.parametrize(("mode", "is_safe"), [(0o770, False), (0o707, False), (0o777, False), (0o755, True), (0o1777, True)])
def test_folder_in_which_others_could_replace_the_file_is_refused(keystore, password_file, mode, is_safe):
    keystore.parent.chmod(mode)
    if is_safe:
        assert signer_from_keystore(keystore, password_file).address == ADDRESS
    else:
        with pytest.raises(Misconfigured, match=f"others could replace {keystore}: chmod go-w {keystore.parent}$"):
            signer_from_keystore(keystore, password_file)


@pytest.mark.parametrize("is_link", [False, True])
def test_folder_above_in_which_others_could_replace_what_leads_to_the_file_is_refused(keystore, password_file, is_link):
    above = keystore.parent / "above"
    inner = above / "inner"
    inner.mkdir(parents=True)
    moved = keystore.rename(inner / keystore.name)
    if is_link:
        keystore.symlink_to(moved)
        moved = keystore
    assert signer_from_keystore(moved, password_file).address == ADDRESS
    above.chmod(0o777)
    with pytest.raises(Misconfigured, match=f"others could replace {moved}: chmod go-w {above}$"):
        signer_from_keystore(moved, password_file)


def test_file_of_another_user_is_refused(keystore, password_file, monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    with pytest.raises(Misconfigured, match="must belong to this user"):
        signer_from_keystore(keystore, password_file)


def test_wrong_password_is_refused(keystore, password_file):
    password_file.write_text("something else")
    with pytest.raises(Misconfigured, match="does not open with the password in") as caught:
        signer_from_keystore(keystore, password_file)
    assert "something else" not in shown(caught.value)


@pytest.mark.parametrize("missing", ["keystore.json", "password"])
def test_missing_file_is_named(keystore, password_file, missing):
    path = keystore.with_name(missing)
    path.unlink()
    with pytest.raises(Misconfigured, match=f"{path} cannot be read: FileNotFoundError"):
        signer_from_keystore(keystore, password_file)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "null",
        "7",
        "[]",
        "{}",
        '"text"',
        '{"version": 3}',
        '{"version": 3, "crypto": {}}',
        '{"version": 4}',
        '{"version": 4, "crypto": {"kdf": "pbkdf2"}}',
    ],
    ids=lambda content: content[:12] or "empty",
)
def test_file_that_is_no_keystore_is_refused(keystore, password_file, content):
    keystore.write_text(content)
    with pytest.raises(Misconfigured, match=f"^{keystore} is no keystore of a kind that is known"):
        signer_from_keystore(keystore, password_file)


def test_keystore_that_is_not_text_is_refused(keystore, password_file):
    keystore.write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match="UnicodeDecodeError"):
        signer_from_keystore(keystore, password_file)


def test_damaged_keystore_is_refused(keystore, password_file):
    content = json.loads(keystore.read_text())
    content["crypto"]["ciphertext"] = "00" * 32
    keystore.write_text(json.dumps(content))
    with pytest.raises(Misconfigured):
        signer_from_keystore(keystore, password_file)


@pytest.mark.parametrize(
    "text", ["", "marker", KEY[:-2], KEY + "00", "0x" + "zz" * 32, "00" * 32, "ff" * 32, " " + KEY, KEY.upper() + "\n"]
)
def test_what_is_no_key_is_refused_and_not_repeated(text):
    with pytest.raises(Misconfigured, match="is not a private key") as caught:
        signer_from_key(text)
    assert not text or text not in shown(caught.value)


def test_key_is_shown_nowhere(keystore, password_file, caplog):
    caplog.set_level(logging.DEBUG)
    signer = signer_from_keystore(keystore, password_file)
    signed = signer.sign({"to": None, "data": "0x", "value": 0, "nonce": 0, "gas": 21_000, "gasPrice": 0, "chainId": 1})
    with pytest.raises(Exception, match=r".") as caught:
        signer.sign({"nonce": "not a number"})
    said = [repr(signer), str(signer), f"{signer}", repr(signed), signed.hex(), shown(caught.value), caplog.text]
    for text in said:
        assert KEY not in text.lower()
        assert PASSWORD not in text
    assert repr(signer) == f"LocalSigner({ADDRESS})"
    assert not hasattr(LocalSigner, "key")


def test_new_keystore_is_closed_to_others_and_opens_again(tmp_path, password_file):
    path = tmp_path / "new.json"
    address = create_keystore(path, password_file)
    assert path.stat().st_mode & 0o777 == 0o600
    assert signer_from_keystore(path, password_file).address == address
    with pytest.raises(Misconfigured, match="cannot be written: File exists"):
        create_keystore(path, password_file)


def test_empty_password_makes_no_keystore(tmp_path, password_file):
    password_file.write_text("\n")
    with pytest.raises(Misconfigured, match="is empty"):
        create_keystore(tmp_path / "new.json", password_file)
    assert not (tmp_path / "new.json").exists()
