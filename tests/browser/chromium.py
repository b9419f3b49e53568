"""One browser for all tests of a process, from npm or named in CHROMIUM; it ends with them."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PACKAGES = Path(__file__).parent / "node_modules"


@cache
def browser_path() -> str:
    """Where the browser is. A run without one fails: these tests are never left out."""
    if named := os.environ.get("CHROMIUM"):
        assert Path(named).is_file(), f"CHROMIUM={named} is no file"
        return named
    done = subprocess.run(["node", "browser.mjs"], cwd=PACKAGES.parent, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"there is no browser for these tests; run `make dev`, or name one in CHROMIUM:\n{done.stderr}"
    path: str = json.loads(done.stdout)["path"]
    return path


@contextmanager
def run_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


def script(package: str, path: str) -> str:
    """The text of a file of an npm package, to be run in a page."""
    return (PACKAGES / package / path).read_text(encoding="utf-8")
