"""The API client: what it sends, what it makes of every kind of answer. No service and no network."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from anchoring.client import AnchoringClient, StillWaiting
from anchoring.errors import (
    AnchoringError,
    Conflict,
    InvalidInput,
    Misconfigured,
    NotAllowed,
    NotFound,
    ServiceUnavailable,
    TooLarge,
    UnsupportedMediaType,
)
from tests.factories import ACADEMY, UNIVERSITY, make_digest

DIGEST = make_digest(1)
HEX = "0x" + DIGEST.hex()
FINAL, CONFIRMED = ({"type": "CredentialAnchorProof", "anchor": {"state": state}} for state in ("final", "confirmed"))


class Service:
    """Answers from a list, and keeps what it was asked."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, key: str | None = "ca_key") -> AnchoringClient:
        return AnchoringClient("http://service.example", api_key=key, transport=httpx2.MockTransport(self))


def ok(content: Any, status: int = 200, **headers: str) -> httpx2.Response:
    return httpx2.Response(status, json=content, headers={name.replace("_", "-"): value for name, value in headers.items()})


def problem(status: int, **members: Any) -> httpx2.Response:
    return ok({"type": "urn:x", "title": "x", "status": status, "detail": "line 7: wrong"} | members, status)


def test_post_credential_sends_the_file_in_its_media_type() -> None:
    service = Service(ok({"digest": HEX}, 202))

    with service.client() as client:
        assert client.post_credential(b"%PDF", "application/pdf", canonicalization="raw") == {"digest": HEX}

    [request] = service.asked
    assert (request.method, str(request.url)) == ("POST", "http://service.example/v1/credentials?canonicalization=raw")
    assert (request.content, request.headers["content-type"]) == (b"%PDF", "application/pdf")
    assert request.headers["authorization"] == "Bearer ca_key"


def test_post_digests_sends_and_receives_bytes() -> None:
    service = Service(httpx2.Response(202, content=bytes(32)))

    assert service.client().post_digests([make_digest(1), make_digest(2)]) == bytes(32)

    assert service.asked[0].content == make_digest(1) + make_digest(2)
    assert service.asked[0].headers["content-type"] == service.asked[0].headers["accept"] == "application/octet-stream"


@pytest.mark.parametrize("content", [b"", bytes(15), b"<html>"])
def test_post_digests_takes_nothing_but_salts(content: bytes) -> None:
    with pytest.raises(ServiceUnavailable, match=r"service\.example answered 202 with something that is not this API's"):
        Service(httpx2.Response(202, content=content)).client().post_digests([DIGEST])


def test_reading_needs_no_key_and_names_the_issuer() -> None:
    service = Service(ok(FINAL))

    assert service.client(key=None).get_proof(DIGEST, UNIVERSITY) == FINAL

    assert str(service.asked[0].url) == f"http://service.example/v1/proofs/{HEX}?issuer={UNIVERSITY.replace(':', '%3A')}"
    assert "authorization" not in service.asked[0].headers


def test_get_standing_gives_what_is_answered() -> None:
    assert Service(ok({"digest": HEX, "state": "sealed"})).client().get_standing(DIGEST) == {"digest": HEX, "state": "sealed"}


@pytest.mark.parametrize(("header", "seconds"), [({"retry_after": "40"}, 40.0), ({}, 1.0), ({"retry_after": "soon"}, 1.0)])
def test_get_proof_that_waits_says_how_long(header: dict[str, str], seconds: float) -> None:
    found = Service(ok({"state": "sealed"}, 202, **header)).client().get_proof(DIGEST)

    assert found == StillWaiting("sealed", seconds)


@pytest.mark.parametrize("ask", [AnchoringClient.get_proof, AnchoringClient.get_standing])
def test_several_issuers_are_a_conflict_that_names_them(ask: Callable[[AnchoringClient, bytes], Any]) -> None:
    client = Service(ok({"issuers": [UNIVERSITY, ACADEMY], "links": ["a", "b"]}, 300)).client()

    with pytest.raises(Conflict, match=f"{UNIVERSITY}, {ACADEMY}"):
        ask(client, DIGEST)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(400), InvalidInput),
        (problem(401), NotAllowed),
        (problem(403), NotAllowed),
        (problem(404), NotFound),
        (problem(409), Conflict),
        (problem(413, limit=100_000), TooLarge),
        (problem(415), UnsupportedMediaType),
        (problem(422), InvalidInput),
        (problem(429), ServiceUnavailable),
        (problem(500), ServiceUnavailable),
        (problem(503), ServiceUnavailable),
    ],
)
def test_problem_becomes_the_error_it_stands_for(answer: httpx2.Response, error: type[AnchoringError]) -> None:
    with pytest.raises(error) as raised:
        Service(answer).client().post_credential(b"{}", "application/vc")

    assert type(raised.value) is error
    assert raised.value.message == "line 7: wrong"
    if isinstance(raised.value, TooLarge):
        assert raised.value.limit == 100_000


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200, text="<html>a hotel's page</html>"),
        httpx2.Response(200, json=[]),
        httpx2.Response(200, json={"another": "API"}),
        httpx2.Response(200, content=b"\xff\xfe"),
        httpx2.Response(202, json={"no": "state"}),
        httpx2.Response(300, json={"no": "issuers"}),
        httpx2.Response(301, headers={"Location": "https://service.example/"}),
        httpx2.Response(304),
        httpx2.Response(401, text="a proxy wants a password"),
        httpx2.Response(404, json={"error": "not ours"}),
        httpx2.Response(502, text="<html>bad gateway</html>"),
    ],
)
def test_answer_of_somebody_else_is_no_answer(answer: httpx2.Response) -> None:
    with pytest.raises(ServiceUnavailable, match=r"service\.example answered \d+ with something that is not this API's"):
        Service(answer).client().get_proof(DIGEST)


@pytest.mark.parametrize(
    "failure", [httpx2.ConnectError("refused"), httpx2.ReadTimeout("slow"), httpx2.RemoteProtocolError("cut")]
)
def test_service_that_does_not_answer_may_be_tried_again(failure: Exception) -> None:
    with pytest.raises(ServiceUnavailable, match=f"http://service.example does not answer: {type(failure).__name__}"):
        Service(failure).client().get_proof(DIGEST)


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://[::1", "http://", "ftp://service.example", "http://host:port", "service.example:80"]
)
def test_address_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(Misconfigured, match="is not a URL"):
        AnchoringClient(url)


@pytest.mark.parametrize("key", ["ca_\u00e9", "ca_\n", "ca_\x00"])
def test_key_that_is_none_is_a_wrong_setting_and_not_repeated(key: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        AnchoringClient("http://service.example", api_key=key)

    assert key not in str(raised.value)


def wait(client: AnchoringClient, *, final: bool = True, at_most_s: float = 60.0) -> tuple[Any, list[str], list[float]]:
    states: list[str] = []
    pauses: list[float] = []
    found = client.wait_for_proof(DIGEST, at_most_s=at_most_s, final=final, waiting=states.append, sleep=pauses.append)
    return found, states, pauses


def test_wait_for_proof_asks_until_it_is_final() -> None:
    service = Service(ok({"state": "waiting"}, 202, retry_after="40"), ok({"state": "sealed"}, 202), ok(CONFIRMED), ok(FINAL))

    assert wait(service.client()) == (FINAL, ["waiting", "sealed", "confirmed"], [5.0, 1.0, 1.0])


def test_wait_for_proof_is_content_with_confirmed_when_told_so() -> None:
    assert wait(Service(ok(CONFIRMED)).client(), final=False) == (CONFIRMED, [], [])


def test_wait_for_proof_gives_up() -> None:
    with pytest.raises(ServiceUnavailable, match="the digest is still waiting after 0 s"):
        wait(Service(ok({"state": "waiting"}, 202)).client(), at_most_s=0.0)


def test_wait_for_proof_ends_at_an_error() -> None:
    with pytest.raises(NotFound):
        wait(Service(ok({"state": "waiting"}, 202), problem(404)).client())


@pytest.mark.parametrize(("answer", "erased"), [(httpx2.Response(204), True), (ok({"erased": False}, 202), False)])
def test_erase_says_whether_it_is_done(answer: httpx2.Response, *, erased: bool) -> None:
    service = Service(answer)

    assert service.client().erase(DIGEST) is erased
    with pytest.raises(ServiceUnavailable):
        Service(httpx2.Response(301)).client().erase(DIGEST)
    assert (service.asked[0].method, service.asked[0].url.path) == ("DELETE", f"/v1/digests/{HEX}")
