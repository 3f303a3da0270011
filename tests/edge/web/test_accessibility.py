"""Every page in a real browser: axe-core finds no serious problem, keys reach everything, and nothing is too wide."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.support.dashboard import DESKTOP, PHONE, open_page, running_chromium, wait
from tests.support.serving import Serving, serving
from tests.support.streams import Clocks, MessageStream, kill, started

PAGES = ("", "events", "events/oak/1", "days", "health", "missing")
SERIOUS = ("serious", "critical")
FOCUSED = """() => {
  const element = document.activeElement;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    name: element.getAttribute("aria-label") || element.textContent.trim() || element.id || element.tagName,
    tag: element.tagName.toLowerCase(),
    seen: element === document.body || (box.width > 0 && box.height > 0 && box.left > -50),
    marked: style.outlineStyle !== "none" || Boolean(element.querySelector(".head")),
  };
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The dashboard of two recorders: one lost its microphone after an hour with events, the other has just started."""
    folder = tmp_path_factory.mktemp("recorders")
    for name, seconds, events in (("oak", 3600.0, 5), ("beech", 30.0, 0)):
        clocks = Clocks(utc_s=time.time() - seconds - 120.0)
        (folder / name).mkdir()
        run_log = started(folder / name, clocks)
        stream = MessageStream(run_log.apply, clocks, source="USB Audio")
        stream.hear(seconds, every_s=30.0)
        for number in range(events):
            stream.detect(60.0 * number + 10.0)
        stream.reject(30.0)
        stream.break_off()
        kill(run_log)
    with serving(folder, cwd=folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as running:
        yield running


def problems(page: Page) -> list[str]:
    """Return the serious problems that axe-core finds, and where."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]} {one['nodes'][0]['failureSummary']}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def open_details(page: Page) -> None:
    page.evaluate('document.querySelectorAll("details").forEach((one) => { one.open = true; })')


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_problem_on_any_page(
    dashboard: Serving, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    found = {}
    for path in PAGES:
        with open_page(browser, dashboard.url + path, wait=False, color_scheme=scheme) as watched:
            open_details(watched.page)
            found[path] = problems(watched.page)
    assert found == {path: [] for path in PAGES}


def test_axe_finds_deliberate_faults(dashboard: Serving, browser: Browser) -> None:
    with open_page(browser, dashboard.url + "health") as watched:
        watched.page.evaluate('document.querySelector(".button").style.color = "rgb(60, 130, 90)"')
        watched.page.evaluate('document.querySelector(".button").style.background = "rgb(20, 99, 58)"')
        watched.page.evaluate('document.documentElement.removeAttribute("lang")')
        assert {one.partition(":")[0] for one in problems(watched.page)} == {
            "color-contrast",
            "html-has-lang",
        }


@pytest.mark.parametrize("language", ["de", "fr"])  # they have the longest words
def test_no_page_is_wider_than_a_phone_screen(dashboard: Serving, browser: Browser, language: str) -> None:
    for path in PAGES:
        with open_page(browser, dashboard.url + path, wait=False, viewport=PHONE, locale=language) as watched:
            open_details(watched.page)
            assert watched.page.evaluate("document.documentElement.lang") == language
            assert watched.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path


@pytest.mark.parametrize("path", ["events", "days", "health"])
def test_tabbing_follows_the_page_order_with_a_visible_focus(
    dashboard: Serving, browser: Browser, path: str
) -> None:
    with open_page(browser, dashboard.url + path) as watched:
        page = watched.page
        seen = []
        for _ in range(12):
            page.keyboard.press("Tab")
            seen.append(page.evaluate(FOCUSED))
        assert [one["name"] for one in seen[:5]] == ["Skip to content", "Now", "Events", "Days", "Health"]
        assert all(one["seen"] and one["marked"] for one in seen), seen
        for _ in range(12):
            page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("path", ["", "days"])
def test_nothing_moves_if_reduced_motion_is_preferred(
    dashboard: Serving, browser: Browser, path: str
) -> None:
    with open_page(browser, dashboard.url + path, reduced_motion="reduce") as watched:
        assert watched.page.evaluate("document.getAnimations().length") == 0
        assert watched.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_days_are_shown_in_the_browser_time_zone(dashboard: Serving, browser: Browser) -> None:
    url = dashboard.url + "days"
    with open_page(browser, url, viewport=DESKTOP, timezone_id="Australia/Adelaide") as watched:
        wait(watched.page, 'document.getElementById("zone").dataset.zone === "Australia/Adelaide"')
        assert watched.errors == []
        assert watched.elsewhere == []


def test_a_language_is_chosen_with_a_button(dashboard: Serving, browser: Browser, tmp_path: Path) -> None:
    with open_page(browser, dashboard.url + "days?month=2026-05") as watched:
        page = watched.page
        page.click("footer button[lang=nl]")
        page.wait_for_load_state()
        assert page.url.endswith("/days?month=2026-05")
        assert page.evaluate("document.documentElement.lang") == "nl"
        assert page.inner_text("#month-heading") == "Mei 2026"
        with page.expect_download() as download:
            page.goto(dashboard.url + "health")
            page.click(".button")
        download.value.save_as(tmp_path / "bundle.zip")
        assert (tmp_path / "bundle.zip").read_bytes().startswith(b"PK")
        assert watched.errors == []
