"""A Trusted Issuers Registry on this machine: answers as EBSI's does, and what an issuer's attribute says there."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

COLLECTION: Final = "/trusted-issuers-registry/v5/issuers"
TYPES: Final = ("VerifiableCredential", "VerifiableAttestation", "CourseCredential")


def in_token(claims: Mapping[str, Any]) -> str:
    """A token that nobody signed."""
    parts = [json.dumps({"alg": "ES256"}), json.dumps(claims), "signature"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


def attribute(did: str, kind: str, body: str) -> dict[str, Any]:
    """What `GET …/issuers/{did}/attributes/{id}` answers."""
    return {"did": did, "attribute": {"hash": "ab", "issuerType": kind, "tao": did, "rootTao": did, "body": body}}


@contextmanager
def run_registry(answers: Mapping[str, Any]) -> Iterator[str]:
    """Serves JSON by its path below the collection, to pages of other origins too; yields the collection's URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path.removeprefix(COLLECTION))
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(json.dumps(found or {"title": "Attribute Not Found", "status": 404, "type": "about:blank"}).encode())

        def log_message(self, *_: object) -> None:
            """Not into the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{COLLECTION}"
    finally:
        server.shutdown()
        server.server_close()
