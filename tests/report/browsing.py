"""A Chromium for tests of pages, and what is asked of every page in it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from subprocess import run
from typing import cast

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

_ROOT = Path(__file__).parents[2]
_AUDIT = Path(__file__).parent / "page_audit.js"
# Without these it looks for updates and for hosts that no test needs.
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@cache
def program() -> str:
    """The path of a Chromium; one that is missing and cannot be installed fails the test, for nothing was then shown."""
    return run([str(_ROOT / "scripts" / "browser")], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def chromium() -> Generator[Browser]:
    """A browser for as long as it is needed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Seen:
    """What a page did while it was open."""

    page: Page
    said: list[str] = field(default_factory=list[str])
    """On its console, and errors that nobody caught."""
    asked: list[str] = field(default_factory=list[str])
    """Addresses that it wanted."""

    def audit(self) -> list[str]:
        """What is wrong about it for people who see, hear or move otherwise."""
        return cast("list[str]", self.page.evaluate(_AUDIT.read_text(encoding="utf-8")))


@contextmanager
def shown(browser: Browser, address: str, width: int = 1280, scheme: str = "light") -> Generator[Seen]:
    """A page in a window of a width, in a colour scheme."""
    dark = scheme == "dark"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light")
    try:
        seen = Seen(context.new_page())

        def said(message: ConsoleMessage) -> None:
            seen.said.append(message.text)

        def asked(request: Request) -> None:
            seen.asked.append(request.url)

        def failed(error: object) -> None:
            seen.said.append(str(error))

        seen.page.on("console", said)
        seen.page.on("pageerror", failed)
        seen.page.on("request", asked)
        seen.page.goto(address)
        yield seen
    finally:
        context.close()
