"""Keys of a did:web, fetched from a server on this machine; the HTTP client's own bounds are in test_bounded_http.py."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from anchoring.bounded_http import HttpGetter
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.signing.key_sources import ResolvedKeys
from tests.unit.signing.test_keys import ED25519, P256


class Site:
    """Serves one answer at every path. `asked`: paths, in order."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (404, b"")
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                status, body = site.answer
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.did = f"did:web:127.0.0.1%3A{self.server.server_address[1]}"

    def publish(self, **keys: str) -> None:
        methods = [{"id": f"{self.did}#{name}", "type": "Multikey", "publicKeyMultibase": key} for name, key in keys.items()]
        document = {"id": self.did, "verificationMethod": methods, "assertionMethod": [one["id"] for one in methods]}
        self.answer = (200, json.dumps(document).encode())


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


@pytest.fixture
def keys() -> ResolvedKeys:
    return ResolvedKeys(HttpGetter(timeout_s=10, max_bytes=100_000, allow_private=True), allow_private=True)


def code_of(keys: ResolvedKeys, method: str) -> StatusErrorCode:
    with pytest.raises(StatusListError) as refused:
        keys.public_key(method)
    return refused.value.code


def test_document_is_fetched_once_and_again_for_a_key_that_it_lacked(site, keys):
    site.publish(a=ED25519)
    assert [keys.public_key(f"{site.did}#a") for _ in range(3)] == [ED25519] * 3
    assert site.asked == ["/.well-known/did.json"]
    site.publish(a=ED25519, b=P256)
    assert keys.public_key(f"{site.did}#b") == P256
    assert len(site.asked) == 2
    assert code_of(keys, f"{site.did}#c") is StatusErrorCode.VERIFICATION


def test_document_out_of_reach_is_no_verdict(site, keys):
    assert code_of(keys, f"{site.did}#a") is StatusErrorCode.RETRIEVAL
    assert code_of(ResolvedKeys(HttpGetter(timeout_s=10, max_bytes=1000)), f"{site.did}#a") is StatusErrorCode.RETRIEVAL
    assert code_of(keys, "did:ebsi:zYcXJpGw4oxsrGXc5WdR3UA#a") is StatusErrorCode.RETRIEVAL
    site.publish(a=ED25519)
    assert keys.public_key(f"{site.did}#a") == ED25519, "a failure is not kept"


def test_what_is_no_document_is_no_verdict(site, keys):
    for rubbish in (b"", b"<html>", b"[]", b"{", b'{"id": "did:web:other.example"}'):
        site.answer = (200, rubbish)
        assert code_of(keys, f"{site.did}#a") is StatusErrorCode.RETRIEVAL


def test_did_key_needs_no_server_and_a_did_without_a_key_is_refused(site, keys):
    assert keys.public_key(f"did:key:{P256}#{P256}") == P256
    assert code_of(keys, f"did:key:{P256}") is StatusErrorCode.VERIFICATION
    assert site.asked == []
