"""`make run`: everything in the foreground, until Ctrl-C or SIGTERM.

`PORT`, `ROUND_EVERY` (seconds), `DATA` (folder) and `RPC_PORT` come from the environment. `dev.json` in the data folder, and in
`.credanchor` whatever the data folder, says where everything is; it is there while everything runs.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path

from scripts.devnet import ROOT, Devnet, DevnetError
from scripts.example_issuers import demo_issuers


def say(words: str) -> None:
    """A line for the developer."""
    print(words, flush=True)


def main() -> int:
    """Exit code 0 when stopped, 1 when something did not start or ended by itself."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    issuer = demo_issuers()[0]
    data = Path(os.environ.get("DATA") or ".credanchor").absolute()
    try:
        port, round_every_s = int(os.environ.get("PORT") or 8000), float((os.environ.get("ROUND_EVERY") or "3").rstrip("s"))
        rpc_port = int(os.environ.get("RPC_PORT") or 0)
    except ValueError as wrong:
        say(f"error: PORT, RPC_PORT and ROUND_EVERY are numbers: {wrong}")
        return 2
    devnet = Devnet(
        data=data,
        issuer=issuer.did,
        issuer_name=issuer.name,
        port=port,
        rpc_port=rpc_port,
        round_every_s=round_every_s,
        say=say,
    )
    descriptions = sorted({data / "dev.json", ROOT / ".credanchor" / "dev.json"})
    written = ""
    try:
        devnet.start()
        written = json.dumps(devnet.description(), indent=2) + "\n"
        _write(descriptions, written)
        say(f"ready; {data / 'dev.json'} says where everything is, logs are beside it; Ctrl-C stops")
        while not stopped.wait(0.5):
            if dead := devnet.dead():
                say(f"error: {dead} ended by itself; its log is {data / f'{dead}.log'}")
                return 1
    except DevnetError as failed:
        say(f"error: {failed}")
        return 1
    finally:
        _remove(descriptions, written)
        devnet.stop()
    say("stopped")
    return 0


def _write(paths: list[Path], content: str) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
        partial.replace(path)


def _remove(paths: list[Path], content: str) -> None:
    """Only what this process wrote: another installation may have written its own meanwhile."""
    for path in paths:
        if path.exists() and path.read_text(encoding="utf-8") == content:
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
