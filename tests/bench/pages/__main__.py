"""`make bench-pages`: Lighthouse on the pages, on a phone and a desktop, without network. A table on stderr, JSON on stdout.

The browser is that of the tests. Fails where a category is below 90 of 100, so that it can be run before a release.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from scripts.devnet import Devnet
from tests.bench.service import machine, say
from tests.browser.chromium import browser_path

HERE: Final = Path(__file__).parent
PAGES: Final = ("/verify", "/status-page")
SCREENS: Final[dict[str, list[str]]] = {"phone": [], "desktop": ["--preset=desktop"]}
LEAST: Final = 90
AT_MOST_S: Final = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """`scores`: of each category, to 100. `shown_s`: until the largest content is drawn, over Lighthouse's slow network."""

    page: str
    screen: str
    scores: dict[str, int]
    shown_s: float
    layout_shift: float
    bytes: int
    requests: int
    wanting: tuple[str, ...]


def main() -> int:
    """Exit code 1 where a score is too low."""
    with tempfile.TemporaryDirectory() as folder:
        net = Devnet(data=Path(folder), issuer="did:web:university.example", issuer_name="University", round_every_s=1)
        try:
            net.start()
            found = list(look(net.url))
        finally:
            net.stop()
    print(json.dumps({"machine": machine(), "pages": [asdict(one) for one in found]}, indent=2))
    return int(any(score < LEAST for one in found for score in one.scores.values()))


def look(url: str) -> Iterator[Scores]:
    """Every page on every screen."""
    for page in PAGES:
        for screen, options in SCREENS.items():
            report = run_lighthouse(url + page, options)
            audits = report["audits"]
            one = Scores(
                page=page,
                screen=screen,
                scores={name: round(100 * category["score"]) for name, category in report["categories"].items()},
                shown_s=round(audits["largest-contentful-paint"]["numericValue"] / 1000, 2),
                layout_shift=round(audits["cumulative-layout-shift"]["numericValue"], 3),
                bytes=audits["total-byte-weight"]["numericValue"],
                requests=len(audits["network-requests"]["details"]["items"]),
                wanting=tuple(name for name, audit in audits.items() if audit["score"] is not None and audit["score"] < 1),
            )
            say(f"{page:<14} {screen:<8} {one.scores}  shown after {one.shown_s} s, shift {one.layout_shift}")
            yield one


def run_lighthouse(url: str, options: list[str]) -> dict[str, Any]:
    """The report of one page. Raises: CalledProcessError, with what Lighthouse said."""
    command = ["node", "node_modules/lighthouse/cli/index.js", url, *options, "--quiet", "--output=json"]
    flags = "--chrome-flags=--headless=new --no-sandbox --disable-gpu"
    environment = os.environ | {"CHROME_PATH": browser_path()}
    done = subprocess.run([*command, flags], cwd=HERE, env=environment, stdout=subprocess.PIPE, timeout=AT_MOST_S, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


if __name__ == "__main__":
    sys.exit(main())
