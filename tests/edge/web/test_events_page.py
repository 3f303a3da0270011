"""The pages Events and Event in headless Chromium: keyboard, sound, labels, times, a phone, and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from birdedge.edge.database.labels import labelled, marked_clips
from tests.support.dashboard import PHONE, open_page, running_chromium, wait
from tests.support.heard_birds import HeardBirds
from tests.support.serving import serving


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def oak(tmp_path_factory: pytest.TempPathFactory) -> HeardBirds:
    return HeardBirds(tmp_path_factory.mktemp("recorders") / "oak")


@pytest.fixture(scope="module")
def url(oak: HeardBirds) -> Iterator[str]:
    with serving(oak.folder, cwd=oak.folder.parent) as dashboard:
        yield dashboard.url


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.closest('tr')?.dataset.event ?? ''"))


def test_the_keyboard_moves_between_plays_labels_and_locks_events(
    chromium: Browser, oak: HeardBirds, url: str
) -> None:
    with open_page(chromium, f"{url}events?min_score=0.5") as watched:
        page = watched.page
        order = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.dataset.event)")
        for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("ArrowDown", 2), ("ArrowUp", 1)):
            page.keyboard.press(key)
            assert focused(page) == order[place]
        row = f"tr[data-event='{order[1]}']"
        page.keyboard.press("n")
        wait(page, f'document.querySelector("{row} [data-label]").textContent === "not bird"')
        page.keyboard.press("l")
        wait(page, f'!document.querySelector("{row} .lock").hidden')
        assert [number for number, _ in labelled(oak.folder, "not bird")] == [int(order[1].split(":")[1])]
        assert len(marked_clips(oak.folder, "locked")) == 1
        page.keyboard.press("u")
        wait(page, f'document.querySelector("{row} [data-label]").textContent === ""')
        for key in ("p", "a", "f"):
            page.keyboard.press(key)
            wait(page, "document.querySelector('.player audio').currentTime > 0.05")
        page.keyboard.press("x")
        assert page.locator("[name=event]:checked").count() == 1
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile(r"/events/oak/\d+\?min_score=0.5"))
        assert watched.errors == []
        assert watched.elsewhere == []


def test_keys_typed_in_a_field_are_text(chromium: Browser, oak: HeardBirds, url: str) -> None:
    with open_page(chromium, f"{url}events") as watched:
        watched.page.locator("[name=note]").press_sequentially("bonjul")
        assert watched.page.locator("[name=note]").input_value() == "bonjul"
        assert labelled(oak.folder, "bird") == []


def test_an_event_shows_its_picture_with_the_mask_on_and_off(chromium: Browser, url: str) -> None:
    with open_page(chromium, f"{url}events/oak/4?min_score=0.5") as watched:
        page = watched.page
        wait(page, "document.querySelector('.plane img').naturalHeight === 256")
        masked = "document.querySelector('.plane .masked')"
        assert page.evaluate(f"getComputedStyle({masked}).display") == "none"
        page.keyboard.press("m")
        wait(page, f"getComputedStyle({masked}).display === 'block' && {masked}.naturalHeight === 256")
        box, plane = (page.locator(which).bounding_box() for which in (".plane rect.this", ".plane"))
        assert box is not None
        assert plane is not None
        assert 0.1 < (box["x"] - plane["x"]) / plane["width"] < 0.5
        page.keyboard.press("j")
        page.wait_for_url(re.compile(r"/events/oak/3\?"))
        page.keyboard.press("Escape")
        page.wait_for_url(re.compile(r"/events\?min_score=0.5#e-oak-3"))
        assert watched.errors == []


def test_times_are_in_the_browser_time_zone_with_utc_as_tooltip(chromium: Browser, url: str) -> None:
    with open_page(chromium, f"{url}events", timezone_id="Asia/Kathmandu", locale="de-DE") as watched:
        time = watched.page.locator("tbody time").first
        assert "07:45" in time.inner_text()
        assert time.get_attribute("title") == "2026-05-01 02:00:59 UTC"
        assert watched.page.locator("h1").inner_text() == "Ereignisse"


def test_a_phone_needs_no_horizontal_scrolling(chromium: Browser, url: str) -> None:
    with open_page(chromium, f"{url}events", viewport=PHONE, color_scheme="dark") as watched:
        page = watched.page
        for path in ("events", "events?min_score=0.5", "events?kind=rejected", "events/oak/4"):
            page.goto(url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            small = page.locator("main button:visible").evaluate_all(
                "buttons => buttons.filter(button => button.getBoundingClientRect().height < 40).length"
            )
            assert small == 0


def test_everything_but_the_keyboard_works_without_javascript(
    chromium: Browser, oak: HeardBirds, url: str
) -> None:
    with open_page(chromium, f"{url}events?min_score=0.5", java_script_enabled=False) as watched:
        page = watched.page
        assert page.locator("tbody time").first.inner_text() == "2026-05-01 02:00:59 UTC"
        for number in (1, 2):
            page.locator("tbody input[type=checkbox]").nth(number).check()
        page.locator("[name=note]").fill("seen")
        page.get_by_role("button", name="other", exact=True).click()
        page.wait_for_url(re.compile(r"/events\?min_score=0.5$"))
        assert page.locator("[data-label='other']").count() == 2
        assert len(labelled(oak.folder, "other")) == 2
        page.locator("tbody input[type=checkbox]").nth(8).check()
        page.get_by_role("button", name="Delete clip").click()
        assert page.locator("h1").inner_text() == "Delete clips"
        page.get_by_role("link", name="Cancel").click()
        assert marked_clips(oak.folder, "deleted") == []
        with page.expect_download() as download:
            page.get_by_role("link", name="CSV").click()
        rows = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
        assert len(rows) == 1 + oak.events
        page.get_by_role("link", name="Older").click()
        assert page.locator("tbody tr").count() == oak.events - 50
