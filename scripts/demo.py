"""`make demo`: the main job from beginning to end, on realistic microcredentials, in a minute or two.

Three universities post European microcredentials as JSON-LD, JWT, sealed file and PDF, and a few thousand digests; a round
anchors all of them with one transaction; proofs are fetched and verified without the service; a forgery fails; one credential is
revoked, another suspended and reinstated.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from anchoring.client import AnchoringClient
from anchoring.errors import AnchoringError
from anchoring.types import Did, as_digest, parse_digest
from scripts.devnet import COMMAND, Devnet, DevnetError
from scripts.example_credentials import (
    as_pdf,
    as_pretty_json,
    as_sealed_edc,
    as_vc_jwt,
    demo_issuers,
    demo_seal,
    european_microcredential,
)

FURTHER_DIGESTS: Final = 3_000
WAIT_S: Final = 60.0

out = Console(highlight=False, soft_wrap=True)


def main() -> int:
    """Exit code 0 when every step did what it should."""
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="credanchor-demo-"))
    issuers = demo_issuers()
    devnet = Devnet(data=folder / "installation", issuer=issuers[0].did, issuer_name=issuers[0].name, round_every_s=0, say=tell)
    try:
        step("Start a ledger, the contract and the service")
        devnet.start()
        tell(f"contract {devnet.description()['registry']}")
        Demo(folder, devnet).play()
        out.print(f"\nDone in {time.monotonic() - started:.0f} s.")
        if sys.stdout.isatty():
            out.print(
                f"Drop a credential at {devnet.url}/verify; the API is documented at {devnet.url}/docs; press Enter to end."
            )
            sys.stdin.readline()
    except (DevnetError, AnchoringError, DemoFailed) as failed:
        out.print(f"error: {failed}")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        devnet.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


class DemoFailed(Exception):
    """A step did not do what it should."""


class Demo:
    """The steps, over a running installation."""

    def __init__(self, folder: Path, devnet: Devnet) -> None:
        self._folder = folder
        self._devnet = devnet
        self._issuers = demo_issuers()
        self._keys = {self._issuers[0].did: str(devnet.description()["apiKey"])}
        self._digests: dict[Path, str] = {}
        self._issuer_of: dict[Path, Did] = {}

    def play(self) -> None:
        """Everything after the start. Raises: DemoFailed."""
        self._add_issuers()
        files = self._make_credentials()
        self._post(files)
        self._post_many()
        self._anchor()
        self._fetch_proofs()
        self._verify(files)
        self._tamper(files[0])
        self._revoke_and_suspend(revoked=files[3], suspended=files[1])
        self._reinstate(files[1])
        self._show_ledger()

    def _add_issuers(self) -> None:
        step("Three universities get a key each")
        for issuer in self._issuers[1:]:
            self._devnet.run("issuer", "add", issuer.did, "--name", issuer.name)
            self._keys[issuer.did] = self._devnet.run("issuer", "key", "create", issuer.did)
        for issuer in self._issuers:
            tell(f"{issuer.did}  {issuer.name}")

    def _make_credentials(self) -> list[Path]:
        step("They issue microcredentials in the European form")
        first, second, third = self._issuers
        credential = european_microcredential(first.did, 1)
        contents = {
            "microcredential.jsonld": as_pretty_json(credential),
            "microcredential.jwt": as_vc_jwt(european_microcredential(second.did, 2), second.key).encode(),
            "microcredential.sealed.json": as_sealed_edc(european_microcredential(third.did, 3), *demo_seal(third)),
            "diploma.pdf": as_pdf(credential),
        }
        subject = credential["credentialSubject"]
        tell(f"“{subject['hasClaim']['title']['en']}”, for {subject['fullName']['en']}")
        files = []
        for name, content in contents.items():
            path = self._folder / name
            path.write_bytes(content)
            files.append(path)
            tell(f"{name:<28} {len(content):>7,} bytes")
        return files

    def _post(self, files: Sequence[Path]) -> None:
        step("Each is posted: the service hashes it and forgets it")
        for path, issuer in zip(files, [*self._issuers, self._issuers[0]], strict=True):
            self._issuer_of[path] = issuer.did
            line = self._run_as_issuer(path, "credential", "submit", str(path))
            digest, rule, _ = line.split(maxsplit=2)
            self._digests[path] = digest
            tell(f"{digest[:18]}…  {rule:<12} {path.name}")

    def _post_many(self) -> None:
        step(f"Other offices post {FURTHER_DIGESTS:,} digests in bulk")
        digests = [as_digest(hashlib.sha256(f"transcript {i}".encode()).digest()) for i in range(FURTHER_DIGESTS)]
        share = FURTHER_DIGESTS // len(self._issuers)
        started = time.monotonic()
        for i, issuer in enumerate(self._issuers):
            with AnchoringClient(self._devnet.url, api_key=self._keys[issuer.did]) as client:
                client.post_digests(digests[i * share : (i + 1) * share])
        tell(f"accepted, durably, in {time.monotonic() - started:.2f} s")

    def _anchor(self) -> None:
        step("A round, which cron would run: one tree, one transaction, followed until it is final")
        self._run_round()

    def _run_round(self) -> None:
        started = time.monotonic()
        done = subprocess.run(
            [str(COMMAND), "anchor", "run"], env=self._devnet.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise DemoFailed(f"the round failed: {done.stderr}")
        tell(f"{done.stderr.strip().splitlines()[-1]} ({time.monotonic() - started:.1f} s)")

    def _fetch_proofs(self) -> None:
        step("The holders fetch their proofs")
        for path, digest in self._digests.items():
            with AnchoringClient(self._devnet.url) as client:
                proof = client.wait_for_proof(
                    parse_digest(digest), at_most_s=WAIT_S, final=True, waiting=lambda state: tell(f"{state} …")
                )
            _proof_file(path).write_text(json.dumps(proof, indent=2))
            place = f"leaf {proof['leafIndex']} of {proof['treeSize']}, {len(proof['path'])} hashes"
            tell(f"{path.name:<28} {place}, {proof['anchor']['state']}")

    def _verify(self, files: Sequence[Path]) -> None:
        step("A verifier checks them with a node of its own choice; the service is not asked")
        for path in files:
            requirements = [] if path.suffix != ".pdf" else _all_but_issuer_match()
            report = self._check(path, path, *requirements, expect=0)
            tell(f"{path.name:<28} {report['outcome']}: {report['statement']}")
        step("And offline: everything but the ledger is still checked, and the rest is not guessed")
        report = self._check(files[0], files[0], expect=4, with_node=False)
        for check in report["checks"]:
            tell(f"{check['check']:<22} {check['outcome']}")

    def _tamper(self, original: Path) -> None:
        step("A better grade is written into a copy")
        content = json.loads(original.read_text())
        grade = content["credentialSubject"]["hasClaim"]["provenBy"]["grade"]["noteLiteral"]
        tell(f"{grade['en']} becomes Excellent")
        grade["en"] = "Excellent"
        forged = self._folder / "forged.jsonld"
        forged.write_text(json.dumps(content))
        report = self._check(forged, original, expect=3)
        tell(f"{report['outcome']}: {report['statement']}")

    def _revoke_and_suspend(self, *, revoked: Path, suspended: Path) -> None:
        step("One credential is revoked, another suspended; the reasons stay with the issuers")
        tell(self._change(revoked, "revoke", "--reason", "issued-in-error"))
        tell(self._change(suspended, "suspend", "--reason", "under-review", "--text", "an appeal is open"))
        step("The next round puts both lists on the ledger, in one transaction")
        self._run_round()
        step("A verifier gets the lists from the service, and compares them with the ledger")
        for path, verdict, found in (
            (revoked, "revoked", self._check_status(revoked, expect=3)),
            (suspended, "suspended", self._check_status(suspended, expect=3)),
        ):
            [shown] = [one for one in found["statusLists"] if one["verdict"] == verdict]
            tell(f"{path.name:<28} {found['outcome']}: {shown['reason']}")
            if shown["basis"] != "ledger" or shown["version"] != 1:
                raise DemoFailed(f"the ledger does not show that {path.name} is {verdict}: {shown}")

    def _reinstate(self, path: Path) -> None:
        step("The appeal succeeds: the suspension is lifted")
        tell(self._change(path, "reinstate", "--expected", "1", "--reason", "review-closed"))
        self._run_round()
        found = self._check_status(path, expect=0)
        for one in found["statusLists"]:
            tell(f"{path.name:<28} {one['outcome']}: {one['reason']}")

    def _change(self, path: Path, *words: str) -> str:
        """One line of what was done, without the folder and most of the digits."""
        line = self._run_as_issuer(path, "status", words[0], str(path), *words[1:])
        return re.sub(r"0x([0-9a-f]{16})[0-9a-f]{48}", r"0x\1…", line).replace(f"{self._folder}/", "")

    def _check_status(self, credential: Path, *, expect: int) -> dict[str, Any]:
        """`status check`; the service of the demo is of this machine's own network."""
        arguments = [str(credential), "--proof", str(_proof_file(credential)), "--json", "--allow-private"]
        arguments += ["--service", self._devnet.url, "--registry", self._devnet.description()["registry"]]
        return _report("status", "check", *arguments, "--rpc-url", self._devnet.rpc_url, expect=expect)

    def _run_as_issuer(self, path: Path, *words: str) -> str:
        key = self._keys[self._issuer_of[path]]
        return self._devnet.run(*words, environment=self._devnet.environment | {"CREDANCHOR_CLIENT__API_KEY": key})

    def _show_ledger(self) -> None:
        step("What the ledger shows: a root for each round, two digests of lists, and nothing about a person")
        for line in self._devnet.run("ledger", "status").splitlines():
            tell(line)
        proof = json.loads(_proof_file(next(iter(self._digests))).read_text())
        tell(f"{'root':<16} {proof['root']}, {proof['treeSize']:,} leaves, block {proof['anchor']['blockNumber']}")

    def _check(self, credential: Path, proof_of: Path, *options: str, expect: int, with_node: bool = True) -> dict[str, Any]:
        arguments = [str(credential), "--proof", str(_proof_file(proof_of)), "--json", *options]
        arguments += ["--registry", self._devnet.description()["registry"]]
        if with_node:
            arguments += ["--rpc-url", self._devnet.rpc_url]
        return _report("proof", "verify", *arguments, expect=expect)


def _report(*words: str, expect: int) -> dict[str, Any]:
    """What a verifier's command prints as JSON. Raises: DemoFailed when it ends with another exit code."""
    done = subprocess.run([str(COMMAND), *words], capture_output=True, text=True, check=False)
    if done.returncode != expect:
        raise DemoFailed(f"{' '.join(words)} ended with {done.returncode}, not {expect}: {done.stdout}{done.stderr}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def step(words: str) -> None:
    """A heading."""
    out.print(f"\n[bold]{words}[/bold]")


def tell(words: str) -> None:
    """A line under it."""
    out.print(f"  {words}", markup=False)


def _proof_file(credential: Path) -> Path:
    return credential.with_name(credential.name + ".proof.json")


def _all_but_issuer_match() -> list[str]:
    return [f"--require={name}" for name in ("digest", "path", "registry", "root", "finality", "status")]


if __name__ == "__main__":
    sys.exit(main())
