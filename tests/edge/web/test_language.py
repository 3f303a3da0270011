"""The language of a page is the browser's until somebody chooses one; numbers and dates follow it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from birdedge.edge.web import locales
from birdedge.edge.web.translations import NAMES
from tests.support.web import browser, csrf_token


def language_of(page: str) -> str:
    (language,) = re.findall('<html lang="([a-z]+)">', page)
    return str(language)


@pytest.mark.parametrize("language", NAMES)
def test_choosing_a_language_is_remembered_and_returns_to_the_page(tmp_path: Path, language: str) -> None:
    client = browser(tmp_path, headers={"Accept-Language": "de" if language == "en" else "en"})
    page = client.get("/days?month=2026-05").text
    assert language_of(page) != language
    here = re.findall('name="page" value="([^"]*)"', page)[0]
    sent = {"csrf_token": csrf_token(client, "/health"), "page": here, "language": language}
    answer = client.post("/language", data=sent, follow_redirects=False)
    assert answer.headers["location"] == "./days?month=2026-05"
    assert language_of(client.get("/days?month=2026-05").text) == language
    assert language_of(client.get("/health").text) == language


@pytest.mark.parametrize("page", ["//example.org/", "../x", "https://example.org"])
def test_the_language_switch_redirects_to_no_other_site(tmp_path: Path, page: str) -> None:
    client = browser(tmp_path)
    sent = {"csrf_token": csrf_token(client, "/health"), "page": page, "language": "xx"}
    answer = client.post("/language", data=sent, follow_redirects=False)
    assert answer.headers["location"].startswith("./")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("language", "number", "day", "month", "size", "duration"),
    [
        ("en", "12,345.6", "1 May 2026", "May 2026", "1.5 GB", "3.0 days"),
        ("de", "12.345,6", "1. Mai 2026", "Mai 2026", "1,5 GB", "3,0 Tage"),
        ("es", "12 345,6", "1 de mayo de 2026", "Mayo de 2026", "1,5 GB", "3,0 días"),
        ("fr", "12 345,6", "1er mai 2026", "Mai 2026", "1,5 Go", "3,0 jours"),
        ("nl", "12.345,6", "1 mei 2026", "Mei 2026", "1,5 GB", "3,0 dagen"),
    ],
)
def test_numbers_and_dates_are_formatted_for_the_language(
    language: str, number: str, day: str, month: str, size: str, duration: str
) -> None:
    def plain(text: str) -> str:
        return re.sub(r"\s", " ", text)

    first = date(2026, 5, 1)
    assert plain(locales.number(12_345.6, language, 1)) == number
    assert locales.full_date(first, language) == day
    assert locales.month_name(first, language) == month
    assert plain(locales.size(1.5e9, language)) == size
    assert plain(locales.duration(3 * 86_400.0, language)) == duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0 s"), (9.96, "10 s"), (59.4, "59 s"), (61.0, "1 min"), (3600.0, "1.0 h"), (90_000.0, "25 h")],
)
def test_durations_have_a_readable_unit(seconds: float, text: str) -> None:
    assert locales.duration(seconds, "en").replace("\N{NO-BREAK SPACE}", " ") == text


def test_every_language_has_all_months() -> None:
    for names in (locales.MONTHS, locales.SHORT_MONTHS):
        assert {language: len(months.split()) for language, months in names.items()} == dict.fromkeys(
            NAMES, 12
        )
