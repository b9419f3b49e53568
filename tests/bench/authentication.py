"""What it costs to let a request in: single posts over one connection, with keys and tokens, beside a service that is told who asks."""

import json
import os
import statistics
from pathlib import Path
from time import time

from joserfc import jws
from joserfc.jwk import RSAKey

from anchoring.types import to_hex
from tests.bench.load import request_bytes, run_load
from tests.bench.service import HTTP, UNHINDERED, Installed, begin, numbered, require, wait_until_up

REQUESTS = 20
REPEATS = 30
ISSUER = "https://login.example"


def time_authentication(url: str, folder: Path, here: Installed) -> tuple[dict[str, float], float]:
    """Milliseconds a post takes at the median, by what is sent with it; and without authentication."""
    signer = RSAKey.generate_key(2048, {"kid": "bench"})
    keys = folder / "jwks.json"
    keys.write_text(json.dumps({"keys": [signer.as_dict(private=False)]}))
    environment = (
        os.environ
        | UNHINDERED
        | {
            "CREDANCHOR_STORE__URL": url,
            "CREDANCHOR_API__KEY_CACHE_S": "60",
            "CREDANCHOR_OAUTH__ISSUER": ISSUER,
            "CREDANCHOR_OAUTH__AUDIENCE": "bench",
            "CREDANCHOR_OAUTH__JWKS_FILE": str(keys),
        }
    )
    tokens = [token(signer, str(here.issuer.did), i) for i in range(REQUESTS * REPEATS)]
    with (folder / "authentication.log").open("ab") as log:
        port, process = begin("tests.bench.server:told_who_asks", HTTP, environment, log)
    try:
        wait_until_up("127.0.0.1", port, process)
        return measured(port, here.key, tokens)
    finally:
        process.terminate()
        process.wait(30)


def measured(port: int, key: str, tokens: list[str]) -> tuple[dict[str, float], float]:
    """A few of each in turn, so that drift of the machine hits all."""
    ways = {
        "a key known": ([key], "-"),
        "nothing": ([key], "told"),
        "a key not known": ([key], "forgotten"),
        "a token known": (tokens[:1], "-"),
        "a token not known": (tokens, "-"),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for i in range(REPEATS):
        for way, (sent, bench) in ways.items():
            posts = [post(sent[n % len(sent)], bench, f"{way} {n}") for n in range(i * REQUESTS, (i + 1) * REQUESTS)]
            load = run_load(port, posts, connections=1)
            require(load, 202)
            taken[way] += load.latencies_ms
    medians = {way: statistics.median(all_of_it) for way, all_of_it in taken.items()}
    return medians, medians.pop("nothing")


def post(sent: str, bench: str, name: str) -> bytes:
    body = json.dumps({"digests": [to_hex(numbered(f"authentication {name}"))]}).encode()
    headers = [f"Authorization: Bearer {sent}", "Content-Type: application/json", f"Bench: {bench}"]
    return request_bytes("POST", "/v1/digests", body=body, headers=headers)


def token(signer: RSAKey, issuer: str, number: int) -> str:
    claims = {"iss": ISSUER, "aud": "bench", "exp": int(time()) + 3600, "client_id": "bench"}
    claims |= {"scope": "digests:write", "credanchor_issuer": issuer, "jti": str(number)}
    head = {"alg": "RS256", "typ": "at+jwt", "kid": "bench"}
    return jws.serialize_compact(head, json.dumps(claims).encode(), signer)
