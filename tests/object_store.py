"""An S3-compatible server: moto's, as a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from scripts.devnet import free_port

START_S: Final = 60
ANYBODY: Final = {"AWS_ACCESS_KEY_ID": "anybody", "AWS_SECRET_ACCESS_KEY": "anything", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True)
class ObjectStore:
    """`url`: of the server; its buckets are read there without credentials."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What whoever writes there has in the environment."""
        return ANYBODY | {"AWS_ENDPOINT_URL": self.url, "AWS_ALLOW_HTTP": "true"}

    def make_bucket(self, name: str) -> None:
        """Everybody may read what is in it, and not what is there."""
        everybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]}).encode()
        credential = "AWS4-HMAC-SHA256 Credential=anybody/20260101/us-east-1/s3/aws4_request"
        headers = {"Authorization": credential, "Content-Type": "application/json"}
        for path, body in ((name, b""), (f"{name}?policy", policy)):
            with urlopen(Request(f"{self.url}/{path}", body, headers, method="PUT"), timeout=START_S) as answer:
                assert answer.status in {200, 204}


@contextmanager
def run_object_store() -> Iterator[ObjectStore]:
    port = free_port()
    words = [sys.executable, "-W", "ignore", "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        store = ObjectStore(f"http://127.0.0.1:{port}")
        wait_for(store, process)
        yield store
    finally:
        process.kill()
        process.wait()


def wait_for(store: ObjectStore, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None, "the server ended"
        try:
            with urlopen(f"{store.url}/moto-api/", timeout=5):
                return
        except (URLError, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.1)
