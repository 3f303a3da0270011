"""The dashboard in a real browser: a recorder on the virtual microphone, the companion, and headless Chromium."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1100, "height": 900}


@dataclass
class Watched:
    """A page, and a record of what it must not do.

    Attributes:
        errors: messages of its scripts or its security policy.
        elsewhere: requests to hosts other than the dashboard's.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run headless Chromium for the duration of the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, url: str, *, wait: bool = True, **context: Any) -> Iterator[Watched]:
    """Open a page in a browser without history.

    Args:
        browser: the browser of `running_chromium`.
        url: the URL of the page.
        wait: whether the page must load without errors.
        context: options of Playwright's contexts, such as `viewport`, `color_scheme`, `locale`, `timezone_id`.
    """
    made = browser.new_context(**{"viewport": DESKTOP, "timezone_id": "Europe/Berlin"} | context)
    watched = Watched(made.new_page())

    def complain(message: ConsoleMessage) -> None:
        if message.type == "error":
            watched.errors.append(message.text)

    def look(request: Request) -> None:
        if not request.url.startswith((url.rpartition("/")[0], "data:")):
            watched.elsewhere.append(request.url)

    watched.page.on("console", complain)
    watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
    watched.page.on("request", look)
    try:
        answer = watched.page.goto(url)
        assert not wait or (answer is not None and answer.ok)
        yield watched
    finally:
        made.close()


def runtime_environment(folder: Path) -> dict[str, str]:
    """Return the environment variable by which a recorder and a companion find each other, with its own folder."""
    return {"RUNTIME_DIRECTORY": os.fspath(folder)}


def wait(page: Page, condition: str, timeout_s: float = 20.0) -> None:
    """Wait until an expression in a page is true. Playwright's own method needs `eval`, which the page forbids."""
    deadline_s = time.monotonic() + timeout_s
    while not page.evaluate(condition):
        assert time.monotonic() < deadline_s, f"{condition}: not within {timeout_s} s"
        page.wait_for_timeout(50)
