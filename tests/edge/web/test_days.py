"""The page Days shows the events of each hour, links to them, and never shows unheard time as silence."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from birdedge.edge.companion.day_history import DayHistory
from birdedge.edge.companion.folders import find_folders
from birdedge.edge.monitoring.history import Day, Heard
from birdedge.edge.web.day_charts import Scale, Sun, hour_cells, month_cells, paths, scale_of, sun_of
from tests.support.streams import Clocks, MessageStream, kill, started
from tests.support.web import browser

BERLIN = ZoneInfo("Europe/Berlin")


def heard_hours(day: date, *hours: Heard) -> Day:
    return Day(day, (*hours, *[Heard()] * (24 - len(hours))))


@pytest.fixture
def may(tmp_path: Path) -> Path:
    """An hour from 02:30 UTC of 1 May 2026 with three events, of which 15 min were lost, then nothing."""
    clocks = Clocks(utc_s=datetime(2026, 5, 1, 2, 30, tzinfo=UTC).timestamp())
    folder = tmp_path / "oak"
    folder.mkdir()
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(1800, every_s=60.0)
    for onset_s in (10.0, 20.0):
        stream.detect(onset_s)
    stream.lose(900.0)
    stream.hear(900, every_s=60.0)
    stream.detect(2750.0)
    kill(run_log)
    return folder


def test_cells_link_to_their_events_in_the_chosen_time_zone(may: Path) -> None:
    page = browser(may).get("/days?month=2026-05&zone=Europe/Berlin").text
    cells = re.findall(r'<a href="events\?([^"]*)" tabindex="-1">(.*?)</a>', page)
    titles = {
        re.findall("<title>(.*?)</title>", cell)[0]: parse_qs(url.replace("&amp;", "&"))
        for url, cell in cells
    }
    first = titles["1 May 2026, 4–5 h: 2, 4.0 per hour, 50 % not heard"]
    assert first == {"source": ["oak"], "from": ["2026-05-01T02:00"], "to": ["2026-05-01T03:00"]}
    assert "1 May 2026, 5–6 h: 1, 4.0 per hour, 75 % not heard" in titles
    assert "1 May 2026, 6–7 h: not heard" in titles
    assert len(cells) >= 31 * 24 - 24


def test_days_link_to_their_events(may: Path) -> None:
    client = browser(may)
    page = client.get("/days?month=2026-05&zone=Europe/Berlin").text
    (url,) = set(re.findall(r'<a href="([^"]*)" aria-label="1 May 2026"', page))
    query = parse_qs(urlsplit(url.replace("&amp;", "&")).query)
    assert query == {"source": ["oak"], "from": ["2026-04-30T22:00"], "to": ["2026-05-01T22:00"]}
    assert client.get(url.replace("&amp;", "&")).status_code == 200


def test_the_tables_show_the_numbers_of_the_charts(may: Path) -> None:
    page = browser(may).get("/days?month=2026-05&zone=UTC").text
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall("<tr>.*?</tr>", page)]
    assert any(re.search(r"1 May 2026\W+3\W+0\.8\W+4\.0\W+2–3 h", row) for row in rows)
    assert any(re.search(r"2 May 2026\W+0\W+0\.0\W+not heard", row) for row in rows)
    assert any(re.search(r"May 2026\W+3\W+0\.8\W+4\.0", row) for row in rows)


@pytest.mark.parametrize("month", ["2026-13", "26-05", "2026-5", "x", "2026-05-01", "٢٠٢٦-05"])
def test_an_invalid_month_is_refused(may: Path, month: str) -> None:
    assert browser(may).get(f"/days?month={month}").status_code == 400


@pytest.mark.parametrize("query", ["source=elm", "source=../oak", "source="])
def test_a_missing_source_is_not_found(may: Path, query: str) -> None:
    assert browser(may).get(f"/days?{query}").status_code == 404


def test_an_unreadable_database_hides_no_other(may: Path) -> None:
    (may.parent / "elm").mkdir()
    (may.parent / "elm" / "birdedge.sqlite").write_bytes(b"no database")
    page = browser(may.parent).get("/days?source=elm")
    assert page.status_code == 200
    assert re.search('role="alert"[^>]*>[^<]*cannot be read', page.text)
    assert 'href="?source=oak' in page.text


@pytest.mark.parametrize("zone", ["../../etc/passwd", "Mars/Olympus", "x" * 500, "/etc/localtime"])
def test_an_unknown_time_zone_falls_back_to_that_of_this_machine(may: Path, zone: str) -> None:
    page = browser(may).get("/days", params={"zone": zone})
    assert page.status_code == 200
    assert zone not in page.text.replace("&#x2F;", "/").split("<footer>")[0]


@pytest.mark.parametrize("month", ["1970-01", "1999-12", "2999-12", "2024-02"])
def test_any_month_can_be_shown(may: Path, month: str) -> None:
    assert browser(may).get(f"/days?month={month}&zone=Europe/Berlin").status_code == 200


def test_colours_follow_the_rate_and_hours_not_heard_have_none() -> None:
    scale = Scale((1.0, 3.0, 10.0, 30.0))
    full = {"heard_s": 3600.0, "past_s": 3600.0}
    hours = (
        Heard(0, **full),
        Heard(1, **full),
        Heard(31, **full),
        Heard(5, heard_s=600.0, past_s=3600.0),  # 30 per hour of audio
        Heard(0, heard_s=30.0, past_s=3600.0),
        Heard(0, past_s=3600.0),
    )
    cells = hour_cells([heard_hours(date(2026, 5, 1), *hours)], BERLIN, scale)
    assert [cell.level for cell in cells] == [0, 1, 5, 4, None, None]
    assert [round(cell.missed, 2) for cell in cells] == [0.0, 0.0, 0.0, 0.83, 1.0, 1.0]
    drawn = paths(cells)
    assert set(drawn) == {1, 4, 5, "missed"}
    assert drawn["missed"].count("M") == 3


def test_days_of_a_month_are_under_their_weekday() -> None:
    day = heard_hours(date(2026, 5, 1), Heard(1, 3600.0, 3600.0, 3600.0))  # a Friday
    later = heard_hours(date(2026, 5, 4), Heard(1, 3600.0, 3600.0, 3600.0))
    cells = month_cells([day, later], BERLIN, Scale((1.0,)))
    assert [(cell.x, cell.y) for cell in cells] == [(4, 0), (0, 1)]


@pytest.mark.parametrize(
    ("rates", "limits"),
    [((), (0.01, 0.03, 0.1, 0.3)), ((1,) * 50, (0.01, 0.03, 0.1, 0.3)), ((500,) * 50, (10, 30, 100, 300))],
)
def test_the_scale_ends_below_the_largest_rates(rates: tuple[int, ...], limits: tuple[float, ...]) -> None:
    found = scale_of(Heard(rate, 3600.0, 3600.0, 3600.0) for rate in rates).limits
    assert found == pytest.approx(limits)


def test_sunrise_and_sunset_are_those_of_the_place_in_the_chosen_time_zone() -> None:
    days = [date(2026, 5, 1) + timedelta(days=n) for n in range(31)]
    first = sun_of(days, BERLIN, (52.52, 13.40))[0]
    assert first.rise_h == pytest.approx(5 + 34 / 60, abs=0.05)
    assert first.set_h == pytest.approx(20 + 32 / 60, abs=0.05)
    assert first.nights_h == ((0.0, first.rise_h), (first.set_h, 24))


@pytest.mark.parametrize("place", [(52.52, 13.40), (-41.3, 174.8), (69.6, 18.9), (0.0, -179.9)])
def test_the_sun_times_of_a_year_are_close_to_those_of_each_day(place: tuple[float, float]) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    year = sun_of(days, UTC, place)
    exact = [sun for first in range(0, 360, 30) for sun in sun_of(days[first : first + 30], UTC, place)]
    known = [
        (one.rise_h, other.rise_h)
        for one, other in zip(year[:360], exact, strict=True)
        if one.rise_h is not None and other.rise_h is not None
    ]
    assert len(known) > 200
    errors_h = sorted(min(abs(one - other), 24 - abs(one - other)) for one, other in known)
    assert errors_h[int(0.95 * len(errors_h))] < 0.1


def test_polar_days_are_light_and_polar_nights_dark() -> None:
    tromso = (69.6, 18.9)
    summer, winter = (sun_of([day], BERLIN, tromso)[0] for day in (date(2026, 6, 21), date(2026, 12, 21)))
    assert summer.nights_h == ()
    assert winter.nights_h == ((0.0, 24),)


@pytest.mark.parametrize(
    ("sun", "nights_h"),
    [
        (Sun(6.0, 18.0, True), ((0.0, 6.0), (18.0, 24))),
        (Sun(20.0, 8.0, True), ((8.0, 20.0),)),  # far from the zone's meridian
        (Sun(None, 23.5, True), ((23.5, 24),)),
    ],
)
def test_nights_run_from_sunset_to_sunrise(sun: Sun, nights_h: tuple[tuple[float, float], ...]) -> None:
    assert sun.nights_h == nights_h


def test_a_few_days_are_cached_for_a_while(may: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[date] = []

    def history(_db: object, first: date, *_: object) -> tuple[Day, ...]:
        read.append(first)
        return ()

    monkeypatch.setattr("birdedge.edge.companion.day_history.history", history)
    (folder,) = find_folders([may])
    kept = DayHistory()
    for month in (1, 1, 2, 1, 3, 3, 1, 2):
        kept.days(folder, date(2026, month, 1), date(2026, month, 28), UTC)
    assert [first.month for first in read] == [1, 2, 3, 2]
