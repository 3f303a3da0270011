"""The page Now as sent: the chosen recorder, its state, its last events, and its day."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from birdedge.edge.web.pages import now
from tests.support.streams import Clocks, MessageStream, started
from tests.support.web import browser

NOW_S = datetime(2026, 5, 6, 9, 30, tzinfo=UTC).timestamp()


@pytest.fixture
def woods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two recorders, oak with twelve events in the last minute and elm with one, in a folder."""
    monkeypatch.setattr(now, "time", SimpleNamespace(time=lambda: NOW_S))
    for name, events in (("oak", 12), ("elm", 1)):
        folder = tmp_path / name
        folder.mkdir()
        clocks = Clocks(utc_s=NOW_S - 60)
        run_log = started(folder, clocks)
        stream = MessageStream(run_log.apply, clocks)
        stream.hear(60)
        for n in range(events):
            stream.detect(float(n), score=0.5 + n / 100)
        run_log.commit()
        run_log.close()
    return tmp_path


def test_one_of_several_recorders_can_be_chosen(woods: Path) -> None:
    client = browser(woods)
    first, oak = client.get("/").text, client.get("/?source=oak").text
    links = re.findall(r'<a href="./\?source=(\w+)"( aria-current="true")?>', oak)
    assert links == [("elm", ""), ("oak", ' aria-current="true"')]
    assert 'data-source="elm"' in first
    assert 'data-source="oak"' in oak
    assert first.count("./events/elm/") == 1


def test_the_last_ten_events_are_listed_newest_first(woods: Path) -> None:
    page = browser(woods).get("/api/now?source=oak").text
    assert re.findall(r'href="./events/oak/(\d+)"', page) == [str(n) for n in range(12, 2, -1)]
    assert re.findall(r'<td class="number">(0\.\d\d)</td></tr>', page)[0] == "0.61"
    times = re.findall(r'<time datetime="([^"]+)" data-format="time">([\d:]+) UTC</time>', page)
    assert len(times) == 10
    assert all(datetime.fromisoformat(at).strftime("%H:%M:%S") == shown for at, shown in times)


def test_a_single_recorder_offers_no_choice(woods: Path) -> None:
    assert "?source=" not in browser(woods / "oak").get("/").text


def test_without_a_recorder_the_page_says_how_to_start_one(tmp_path: Path) -> None:
    page = browser(tmp_path).get("/").text
    assert "birdedge listen --out DIR" in page
    assert "<canvas" not in page


def test_the_day_follows_the_browser_time_zone(woods: Path) -> None:
    client = browser(woods)
    for zone, hour in (("UTC", "09"), ("Asia/Kathmandu", "15")):
        page = client.get(f"/api/now?source=oak&zone={zone}").text
        assert f"<title>{hour}:00: 12</title>" in page
