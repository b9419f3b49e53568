"""Somebody before the pages: gives files, reads what is shown, and sees to it that nothing goes where it should not."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

from tests.browser.chromium import script

WAIT_MS: Final = 60_000
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Reader:
    """`asked`: every request of the page. `errors`: of the page's script or policy. `pictures`: a folder for screenshots, or None."""

    context: BrowserContext
    url: str
    page: Page = field(init=False)
    asked: list[Request] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    pictures: Path | None = None

    def __post_init__(self) -> None:
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("request", self._note_request)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._note)
        if folder := os.environ.get("PICTURES"):
            self.pictures = Path(folder)

    def _note_request(self, request: Request) -> None:
        self.asked.append(request)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:  # a 404 for what nobody posted, for one
            self.errors.append(message.text)

    def open(self, path: str = "/verify") -> None:
        self.page.goto(self.url + path)
        self.page.wait_for_selector("html[data-ready]")

    def give(self, *files: tuple[str, bytes]) -> str:
        """Choose files; the verdict that follows."""
        self.forget()
        self.choose(*files)
        return self.verdict()

    def choose(self, *files: tuple[str, bytes]) -> None:
        given: list[Any] = [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
        self.page.set_input_files("#file", given)

    def forget(self) -> None:
        """What is shown does not count as an answer to what comes."""
        self.page.evaluate("document.querySelector('#result').replaceChildren()")

    def verdict(self) -> str:
        found = self.page.wait_for_selector("#result:not([hidden]) [data-verdict]")
        assert found
        return str(found.get_attribute("data-verdict"))

    def text(self) -> str:
        return self.page.inner_text("#result")

    def outcomes(self) -> dict[str, str]:
        return dict(
            self.page.eval_on_selector_all("[data-check]", "all => all.map(one => [one.dataset.check, one.dataset.outcome])")
        )

    def violations(self, rules: Sequence[str] = RULES) -> list[str]:
        """What axe-core finds by these rules or tags of rules, in words."""
        if self.page.evaluate("!globalThis.axe"):
            self.page.evaluate(script("axe-core", "axe.min.js"))
        found = self.page.evaluate("rules => axe.run({runOnly: rules})", list(rules))
        return [
            f"{one['id']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary']}" for one in found["violations"]
        ]

    def fits(self) -> bool:
        """Whether nothing stands beside the screen."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    def unfold(self) -> None:
        self.page.evaluate("document.querySelectorAll('#result details:has(.checks)').forEach(one => { one.open = true; })")

    def hosts(self) -> set[str]:
        return {urlsplit(request.url).netloc for request in self.asked}

    def picture(self, name: str) -> None:
        """Keep a screenshot, where somebody asks for them."""
        if self.pictures:
            self.page.evaluate("scrollTo(0, 0); Promise.all([...document.images].map(one => one.decode()))")
            self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)
