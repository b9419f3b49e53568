"""`credanchor status`: how an issuer's changes, lists, indexes and record look on the command line, over the service."""

import json
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from anchoring.bootstrap import system
from anchoring.client import AnchoringClient
from anchoring.core.canonical import canonicalize
from anchoring.core.status_documents import ListForm
from anchoring.logs import configure_logs
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import to_hex
from anchoring.usecases.change_status import UNTOLD
from tests.api import PUBLIC_URL, Api, anchor, hex_digest, post_and_anchor, running, seal, stored
from tests.credanchor import Credanchor
from tests.factories import UNIVERSITY
from tests.own_list import OwnList

CREDENTIAL = {"type": ["VerifiableCredential"], "issuer": UNIVERSITY, "name": "one"}
NOT_THERE = "0x" + "00" * 32


@pytest.fixture
def service(credanchor: Credanchor, store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """The service over each kind of database, in this process; the university's key is set."""
    configure_logs(level=logging.ERROR)  # its lines are none of a command's output
    with running(store) as api:
        monkeypatch.setattr(system, "AnchoringClient", partial(AnchoringClient, transport=api.client._transport))
        credanchor.set(CLIENT__API_KEY=api.key, CLIENT__URL="http://testserver")
        yield api


def new_list(credanchor: Credanchor, purpose: str = "revocation") -> str:
    made: str = json.loads(credanchor("status", "list", "create", "--purpose", purpose, "--json").out)["list"]
    return made


def reserve(credanchor: Credanchor, of_list: str, *options: str) -> list[dict[str, Any]]:
    done = credanchor("status", "list", "reserve", of_list, *options)
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


def indexes(credanchor: Credanchor, of_list: str, count: int) -> list[str]:
    return [entry["statusListIndex"] for entry in reserve(credanchor, of_list, "--count", str(count))]


def word(api: Api, number: int) -> str:
    said: str = api.get(f"/v1/status/{hex_digest(number)}").json()["status"]
    return said


def record(credanchor: Credanchor) -> list[dict[str, Any]]:
    done = credanchor("status", "export")
    assert (done.code, done.err) == (0, "")
    return [json.loads(line) for line in done.out.splitlines()]


# --- by digest and by file


def test_changes_that_verifiers_will_not_see_are_said_to_be_such(credanchor: Credanchor, service: Api) -> None:
    service.post_numbers(1, 2)
    anchor(service, seal(service), stated=False)

    revoked = credanchor("status", "revoke", hex_digest(1))
    [made] = json.loads(credanchor("status", "revoke", hex_digest(1), "--json").out)
    by_index = credanchor("status", "revoke", "--list", made["list"], "--index", "0", "--index", "1")

    assert (revoked.code, revoked.err) == (0, f"{UNTOLD} (1 of 1)\n")
    assert made["notes"] == [UNTOLD]
    assert (by_index.code, by_index.err) == (0, f"{UNTOLD} (2 of 2)\n")


def test_credentials_are_revoked_suspended_and_reinstated_by_digest(credanchor: Credanchor, service: Api) -> None:
    post_and_anchor(service, 1, 2, 3)

    revoked = credanchor("status", "revoke", hex_digest(1), hex_digest(2), "--reason", "misconduct", "--text", "why\nso")
    suspended = credanchor("status", "suspend", hex_digest(3), "--effective-at", "2026-01-01T00:00:00+01:00")
    meanwhile = [word(service, i) for i in (1, 2, 3)]
    again = credanchor("status", "revoke", hex_digest(1))
    lifted = credanchor("status", "reinstate", hex_digest(3), "--expected", "1", "--json")

    assert (revoked.code, revoked.err, suspended.code, lifted.code) == (0, "", 0, 0)
    assert meanwhile == ["revoked", "revoked", "suspended"]
    assert [word(service, i) for i in (1, 2, 3)] == ["revoked", "revoked", "clear"]
    first, second, third = record(credanchor)[:3]
    assert revoked.out.splitlines() == [
        f"revoked     {hex_digest(i)}  index {one['index']} of {one['list']}  change 1" for i, one in ((1, first), (2, second))
    ]
    assert suspended.out == f"suspended   {hex_digest(3)}  index {third['index']} of {third['list']}  change 1\n"
    assert again.out == f"{revoked.out.splitlines()[0]}  recorded before\n"
    [made] = json.loads(lifted.out)
    assert (made["action"], made["digest"], made["change"], made["new"]) == ("reinstate", hex_digest(3), 2, True)
    assert (first["reason"], first["explanation"]) == ("misconduct", "why\nso")
    assert third["effectiveAt"] == "2025-12-31T23:00:00Z"


def test_digest_of_a_file_is_found_as_it_was_posted(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    one, other = tmp_path / "one.jsonld", tmp_path / "other.jsonld"
    one.write_text(json.dumps(CREDENTIAL, indent=4))
    other.write_text(json.dumps(CREDENTIAL | {"name": "other"}))
    assert credanchor("credential", "submit", one).code == 0
    assert credanchor("credential", "submit", other, "--canonicalization", "raw").code == 0

    done = credanchor("status", "revoke", one)
    refused = credanchor("status", "revoke", other)
    raw = credanchor("status", "revoke", other, "--canonicalization", "raw", "--json")

    digest = to_hex(canonicalize(one.read_bytes(), "application/json").digest)
    assert done.out == f"revoked     {digest}  when it is sealed  change 1  {one}\n"
    assert (refused.code, refused.out) == (1, "")
    assert refused.error.startswith(f"{other}: digest 0x")
    assert [(made["file"], made["list"]) for made in json.loads(raw.out)] == [(str(other), None)]


# --- by list and index, and bound


def test_indexes_are_reserved_as_entries_and_changed_by_list_and_index(credanchor: Credanchor, service: Api) -> None:
    done = credanchor("status", "list", "create", "--purpose", "suspension")
    of_list, url = done.out.split()

    first, second = indexes(credanchor, of_list, 2)
    suspended = credanchor("status", "suspend", "--list", of_list, "--index", first, "--index", second)

    assert url == f"{PUBLIC_URL}/v1/status-lists/{of_list.removeprefix('0x')}"
    assert suspended.out.splitlines() == [f"suspended   index {index} of {of_list}  change 1" for index in (first, second)]
    [entry] = reserve(credanchor, of_list)
    assert entry == {
        "id": f"{url}#{entry['statusListIndex']}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": "suspension",
        "statusListIndex": entry["statusListIndex"],
        "statusListCredential": url,
    }
    assert [one["type"] for one in reserve(credanchor, of_list, "--type", "StatusList2021Entry")] == ["StatusList2021Entry"]
    [claim] = reserve(credanchor, of_list, "--type", "status_list")
    index = claim["status_list"]["idx"]
    assert isinstance(index, int)
    assert claim == {"status_list": {"idx": index, "uri": url}}


def test_file_with_a_printed_entry_is_revoked_at_its_index(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    of_list = new_list(credanchor)
    [entry] = reserve(credanchor, of_list)
    file = tmp_path / "credential.json"
    file.write_text(json.dumps(CREDENTIAL | {"credentialStatus": entry}))
    digest = credanchor("credential", "hash", file).out.split()[0]
    bound = [{"list": of_list, "index": int(entry["statusListIndex"])}]
    assert service.post("/v1/digests", {"digests": [{"digest": digest, "status": bound}]}).status_code == 202

    done = credanchor("status", "revoke", file)

    assert f"  index {entry['statusListIndex']} of {of_list}  change 1" in done.out


def test_unbound_credential_is_changed_when_that_is_meant(credanchor: Credanchor, service: Api) -> None:
    post_and_anchor(service, 1)
    reserve(credanchor, new_list(credanchor))

    refused = credanchor("status", "revoke", hex_digest(1))
    meant = credanchor("status", "revoke", hex_digest(1), "--unbound")

    assert (refused.code, refused.out) == (1, "")
    assert refused.error.startswith(f"{hex_digest(1)}: this digest is bound to no index")
    assert (meant.code, word(service, 1)) == (0, "revoked")


def test_list_that_the_issuer_signs_is_not_changed_by_request(credanchor: Credanchor, service: Api) -> None:
    done = credanchor("status", "list", "create", "--purpose", "revocation", "--signed-by", "issuer", "--json")
    made = json.loads(done.out)

    refused = credanchor("status", "revoke", "--list", made["list"], "--index", "0")

    assert made["signedBy"] == "issuer"
    assert (refused.code, refused.error) == (
        1,
        f"index 0: list {made['list']} is signed by its issuer: upload a new signed list",
    )


# --- one a line


def test_lines_of_a_file_say_more_than_options_do(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    post_and_anchor(service, 1, 2)
    of_list = new_list(credanchor)
    [index] = indexes(credanchor, of_list, 1)
    lines = [
        {"digest": hex_digest(1), "unbound": True},
        {"action": "revoke", "digest": hex_digest(2), "reason": "data-correction", "unbound": True},
        {"list": of_list, "index": int(index)},
    ]
    file = tmp_path / "changes.ndjson"
    file.write_text("\n".join(map(json.dumps, lines)))

    done = credanchor("status", "revoke", "--from", file, "--reason", "misconduct")
    again = credanchor("status", "revoke", "--from", "-", stdin=file.read_bytes() + b"\n")

    assert (done.code, len(done.out.splitlines())) == (0, 3)
    assert all(line.endswith("recorded before") for line in again.out.splitlines())
    assert [one["reason"] for one in record(credanchor)] == ["misconduct", "data-correction", "misconduct"]


def test_thousands_of_changes_are_made_in_one_call_and_exported(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    of_list = new_list(credanchor)
    given = indexes(credanchor, of_list, 3_000)
    file = tmp_path / "changes.ndjson"
    file.write_text("".join(json.dumps({"list": of_list, "index": int(index)}) + "\n" for index in given))

    done = credanchor("status", "revoke", "--from", file)

    assert done.code == 0
    assert [line.split()[2] for line in done.out.splitlines()] == given
    assert [str(one["index"]) for one in record(credanchor)] == given


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{", "line 2: line 1, column 2: "),
        (b"", "line 2: "),
        (b"[]", 'line 2: expected {"digest": "0x…"}'),
        (b'{"action": "suspend"}', "line 2: another action than revoke"),
        (b'{"digest": "abc"}', "line 2, digest: a digest must be 64 hexadecimal digits"),
        (b'{"digest": "%s"}' % NOT_THERE.encode(), f"line 2: digest {NOT_THERE} was not posted here by {UNIVERSITY}"),
        (b'{"nonsense": 1}', "line 2: unknown member 'nonsense'"),
        (b'{"list": "%s", "index": 0}' % NOT_THERE.encode(), f"line 2: no list {NOT_THERE} of {UNIVERSITY} is here"),
    ],
    ids=["cut", "empty", "array", "action", "digest", "unknown", "member", "list"],
)
def test_wrong_line_is_named_and_nothing_changes(
    credanchor: Credanchor, service: Api, tmp_path: Path, line: bytes, error: str
) -> None:
    post_and_anchor(service, 1)
    file = tmp_path / "changes.ndjson"
    file.write_bytes(json.dumps({"digest": hex_digest(1)}).encode() + b"\n" + line + b"\n")
    before = stored(service.store)

    done = credanchor("status", "revoke", "--from", file)

    assert (done.code, done.out) in {(1, ""), (2, "")}
    assert done.error.startswith(f"{file}, {error.partition(': line 1')[0]}")
    assert stored(service.store) == before


# --- refusals


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ((), "name credentials, or --list and --index, or --from"),
        ((NOT_THERE, "--from", "x"), "name credentials, or --list and --index, or --from"),
        ((NOT_THERE, "--list", NOT_THERE, "--index", "1"), "name credentials, or --list and --index, or --from"),
        (("--list", NOT_THERE), "--list and --index go together"),
        ((NOT_THERE, "--index", "1"), "--list and --index go together"),
        (("--list", "abc", "--index", "1"), "--list: a list id must be 64 hexadecimal digits"),
        (("abc",), "abc: cannot be read: No such file or directory"),
        (("--from", "missing"), "missing: cannot be read: No such file or directory"),
        (("--from", "-"), "-: no changes are in it"),
        ((NOT_THERE, "--effective-at", "yesterday"), "--effective-at: must be a time with its offset"),
        ((NOT_THERE, "--effective-at", "2999-01-01T00:00:00Z"), f"{NOT_THERE}: `effectiveAt` lies in the future"),
        ((NOT_THERE, "--text", "x" * 2_001), f"{NOT_THERE}, explanation: may have at most 2000 characters"),
    ],
)
def test_wrong_words_are_exit_code_2_and_named(credanchor: Credanchor, service: Api, words: tuple[str, ...], error: str) -> None:
    done = credanchor("status", "revoke", *words)

    assert (done.code, done.out) == (2, "")
    assert done.error.startswith(error)


@pytest.mark.parametrize(
    "words",
    [
        ("revoke", NOT_THERE, "--reason", "nonsense"),
        ("revoke", NOT_THERE, "--expected", "-1"),
        ("revoke", "--list", NOT_THERE, "--index", "-1"),
        ("list", "create"),
        ("list", "create", "--purpose", "message"),
        ("list", "reserve", NOT_THERE, "--count", "0"),
        ("list", "reserve", "abc"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(credanchor: Credanchor, words: tuple[str, ...]) -> None:
    assert credanchor("status", *words).code == 2


def test_what_the_record_contradicts_is_exit_code_1_and_none_of_it_is_done(credanchor: Credanchor, service: Api) -> None:
    post_and_anchor(service, 1, 2)
    credanchor("status", "revoke", hex_digest(1))

    for_good = credanchor("status", "reinstate", hex_digest(1), "--expected", "1")
    late = credanchor("status", "suspend", hex_digest(2), hex_digest(1), "--expected", "7")
    unsaid = credanchor("status", "reinstate", hex_digest(2))

    assert (for_good.code, for_good.error) == (1, f"{hex_digest(1)}: it is revoked, and a revocation is for good")
    assert (late.code, late.error.partition(":")[0]) == (1, hex_digest(2))
    assert (unsaid.code, unsaid.error) == (2, f"{hex_digest(2)}: reinstating needs `expected`, the number of changes there were")
    assert len(record(credanchor)) == 1


def test_only_the_issuer_changes_and_reads_its_record(credanchor: Credanchor, service: Api) -> None:
    post_and_anchor(service, 1)
    of_list = new_list(credanchor)
    credanchor("status", "revoke", hex_digest(1))

    credanchor.set(CLIENT__API_KEY=service.other)
    others = credanchor("status", "suspend", hex_digest(1))
    indexes_of_others = credanchor("status", "list", "reserve", of_list)
    record_of_none = record(credanchor)
    credanchor.set(CLIENT__API_KEY="ca_wrong")
    unknown = [
        credanchor("status", *words)
        for words in (
            ("revoke", hex_digest(1)),
            ("export",),
            ("list", "create", "--purpose", "revocation"),
            ("list", "reserve", of_list),
        )
    ]

    assert (others.code, indexes_of_others.code, record_of_none) == (1, 1, [])
    assert others.error.startswith(f"{hex_digest(1)}: digest {hex_digest(1)} was not posted here by")
    assert {(done.code, done.out) for done in unknown} == {(1, "")}
    assert {done.error for done in unknown} == {
        "send a valid API key of an issuer, or access token where these are taken: Authorization: Bearer ca_…"
    }


# --- a service that is not there, or not ours


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    client = partial(AnchoringClient, transport=httpx2.MockTransport(answer))
    monkeypatch.setattr(system, "AnchoringClient", client)


@pytest.mark.parametrize("words", [("revoke", NOT_THERE), ("export",), ("list", "reserve", NOT_THERE)], ids=" ".join)
def test_service_that_is_away_or_another_program_is_exit_code_4(
    credanchor: Credanchor, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    def refuse(_request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    answering(monkeypatch, refuse)
    away = credanchor("status", *words)
    answering(monkeypatch, lambda _request: httpx2.Response(200, text="<html>", headers={"Content-Type": "text/html"}))
    foreign = credanchor("status", *words)

    assert (away.code, away.out, foreign.code, foreign.out) == (4, "", 4, "")
    assert away.error.endswith("does not answer: ConnectError")
    assert foreign.error.endswith("answered 200 with something that is not this API's")


def test_record_that_breaks_off_is_not_taken_for_whole(credanchor: Credanchor, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b'{"change": 1}\n'
            raise httpx2.RemoteProtocolError("incomplete chunked read")

    headers = {"Content-Type": "application/x-ndjson"}
    answering(monkeypatch, lambda _request: httpx2.Response(200, stream=Broken(), headers=headers))

    done = credanchor("status", "export")

    assert (done.code, done.out) == (4, '{"change": 1}\n')
    assert done.error.endswith("does not answer: RemoteProtocolError")


def test_fewer_answers_than_changes_are_not_taken(credanchor: Credanchor, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda _request: httpx2.Response(200, json={"changes": []}))

    assert credanchor("status", "revoke", NOT_THERE).code == 4


def test_more_indexes_than_are_given_out_at_once_are_refused_by_the_name_of_the_option(
    credanchor: Credanchor, service: Api
) -> None:
    done = credanchor("status", "list", "reserve", new_list(credanchor), "--count", "100001")

    assert (done.out, done.err) == ("", "error: --count: at most 100000 are given out at once\n")


# --- lists that the issuer signs


@pytest.mark.parametrize("form", ListForm)
def test_own_list_is_uploaded_in_any_form(credanchor: Credanchor, service: Api, tmp_path: Path, form: ListForm) -> None:
    own = OwnList(service, tmp_path)
    path = tmp_path / "list"
    path.write_bytes(own.signed(3, 100_000, form=form))

    first = credanchor("status", "list", "upload", own.made["list"], str(path))
    again = credanchor("status", "list", "upload", own.made["list"], str(path))

    assert (first.code, first.out, first.err) == (0, f"{own.made['list']}  2 changed\n", "")
    assert (again.code, again.out) == (0, f"{own.made['list']}  0 changed\n")
    assert service.get(own.path, accept=form.media_type).content == path.read_bytes()


def test_own_list_that_cannot_be_taken_is_refused_with_the_reason(credanchor: Credanchor, service: Api, tmp_path: Path) -> None:
    own, path = OwnList(service, tmp_path), tmp_path / "list"
    foreign = new_list(credanchor)
    for content, of_list, words in (
        (b"no list", own.made["list"], f"{path}: "),
        (b'{"type": "x"}', own.made["list"], f"{path}: @context does not begin with"),
        (own.signed(3).replace(b"revocation", b"suspension"), own.made["list"], "did not sign this"),
        (own.signed(3), foreign, "signed by this service"),
        (own.signed(3), NOT_THERE, "no list"),
    ):
        path.write_bytes(content)
        before = stored(service.store)
        done = credanchor("status", "list", "upload", of_list, str(path))
        assert done.code != 0, words
        assert words in done.err
        assert len(done.err.splitlines()) == 1
        assert stored(service.store) == before
