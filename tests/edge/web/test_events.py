"""The page Events: filters in the URL, pages, tables of the view, labels, locks and deletions by plain forms."""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from starlette.testclient import TestClient

from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_pages import EventFilter, event_page
from birdedge.edge.database.labels import LABELS_FILE, labels_of, marked_clips
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.web.pages import events as events_page
from tests.support.heard_birds import START_UTC_S, HeardBirds
from tests.support.streams import rows_of
from tests.support.web import browser, csrf_token


@pytest.fixture
def oak(tmp_path: Path) -> HeardBirds:
    return HeardBirds(tmp_path / "oak")


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-event="oak:(\d+)"', text)]


def post(client: TestClient, accept: str = "text/html", **fields: Any) -> Any:
    return client.post(
        "/events", data={"csrf_token": csrf_token(client, "/events"), **fields}, headers={"Accept": accept}
    )


def test_pages_are_linked_to_the_next_and_the_previous_one(oak: HeardBirds) -> None:
    client, seen, url = browser(oak.folder), [], "/events"
    while True:
        page = client.get(url).text
        seen += numbers(page)
        older = re.search(r'rel="next" href="\./([^"]+)"', page)
        if older is None:
            break
        url = "/" + older[1].replace("&amp;", "&")
    assert sorted(seen) == list(range(1, oak.events + 1))
    assert len(seen) == oak.events > 50
    newer = re.search(r'rel="prev" href="\./([^"]+)"', page)
    assert newer is not None
    assert numbers(client.get("/" + newer[1].replace("&amp;", "&")).text) == seen[:50]


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("min_score=0.99", lambda e: e["score"] >= 0.99),
        ("low_hz=3000&high_hz=3500", lambda e: e["high_hz"] > 3000 and e["low_hz"] < 3500),
        ("max_duration_s=0,3", lambda e: e["duration_s"] <= 0.3),
        ("from=2026-05-01T02:00:20&to=2026-05-01T02:00:40", lambda e: 20 <= e["utc_s"] - START_UTC_S < 40),
        ("from=2026-05-01&to=2026-05-01", lambda _: True),
        ("to=2026-04-30", lambda _: False),
        ("from=20260501&to=20260501", lambda _: True),
        ("from=2026-05-01T04:00:40%2B02:00", lambda e: e["utc_s"] - START_UTC_S >= 40),
        ("class=bird", lambda _: True),
        ("class=frog", lambda _: False),
        ("source=oak&min_score=0.999", lambda e: e["score"] >= 0.999),
        ("source=elm", lambda _: False),
    ],
)
def test_the_url_filters_both_the_page_and_the_table(oak: HeardBirds, query: str, holds: Any) -> None:
    with reading(oak.folder) as db:
        rows = [row.event for row in event_page(db, EventFilter(), 1000)]
    expected = [row.id for row in rows if holds(row._asdict())]
    client = browser(oak.folder)
    assert numbers(client.get(f"/events?{query}").text) == expected[:50]
    table = client.get(f"/events/export/csv?{query}")
    assert table.text.count("\n") == 1 + len(expected)
    assert table.headers["content-disposition"].startswith('attachment; filename="birdedge-')


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("min_score=high", "must be a number from 0"),
        ("low_hz=nan", "must be a number from 0"),
        ("from=yesterday", "must be a day or a time in UTC"),
        ("to=9999-12-31", "must be a day or a time in UTC"),
        ("class=cat", "use one of bird, insect"),
        ("label=yes", "use one of any, none, bird"),
        ("after=oak", "must be a source and a number"),
        ("after=oak:99999999999999999999", "must be a source and a number"),
    ],
)
def test_an_invalid_value_is_a_one_sentence_error(oak: HeardBirds, query: str, sentence: str) -> None:
    page = browser(oak.folder).get(f"/events?{query}")
    assert page.status_code == 400
    assert sentence in page.text


@pytest.mark.parametrize("query", ["label=' OR 1=1 --", "source=%27%3B", "class=%22%3E<script>"])
def test_text_from_a_client_is_neither_sql_nor_html(oak: HeardBirds, query: str) -> None:
    page = browser(oak.folder).get(f"/events?{query}")
    assert page.status_code in (200, 400)
    assert "<script>" not in page.text


def test_events_that_close_while_paging_shift_no_event_to_another_page(oak: HeardBirds) -> None:
    client = browser(oak.folder)
    first = client.get("/events").text
    older = re.search(r'rel="next" href="\./([^"]+)"', first)
    assert older is not None
    before = client.get(f"/{older[1]}").text
    oak.hear()
    assert numbers(client.get(f"/{older[1]}").text) == numbers(before)


def test_a_table_of_an_unknown_format_is_not_found(oak: HeardBirds) -> None:
    assert browser(oak.folder).get("/events/export/exe").status_code == 404


def test_at_most_two_tables_are_made_at_once(oak: HeardBirds) -> None:
    client = browser(oak.folder)
    assert events_page._exports.acquire(blocking=False)
    assert events_page._exports.acquire(blocking=False)
    try:
        assert client.get("/events/export/csv").status_code == 503
    finally:
        events_page._exports.release(2)
    for _ in range(4):
        assert client.get("/events/export/csv").status_code == 200


def test_a_form_labels_the_selected_events_and_shows_the_view_again(oak: HeardBirds) -> None:
    client = browser(oak.folder)
    answer = post(
        client,
        action="not bird",
        event=["oak:3", "oak:5"],
        note="a <b>squeak</b>",
        view="min_score=0.5&after=oak:9&evil=1",
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "./events?min_score=0.5&after=oak%3A9")
    page = client.get("/events?label=not+bird").text
    assert numbers(page) == [5, 3]
    assert "a &lt;b&gt;squeak&lt;/b&gt;" in page
    post(client, action="no label", event="oak:5")
    assert numbers(client.get("/events?label=any").text) == [3]
    assert 3 not in numbers(client.get("/events?label=none").text)
    post(client, action="lock", event="oak:3")
    assert len(marked_clips(oak.folder, "locked")) == 1


def test_a_script_receives_the_new_state(oak: HeardBirds) -> None:
    client = browser(oak.folder)
    answer = post(client, "application/json", action="bird", event="oak:3", note="robin")
    assert answer.json() == {"oak:3": {"label": "bird", "note": "robin", "mark": ""}}
    answer = post(client, "application/json", action="lock", event="oak:3")
    assert answer.json()["oak:3"]["mark"] == "locked"


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_labels_begin_no_table(oak: HeardBirds, format: str) -> None:
    (oak.folder / LABELS_FILE).write_bytes(b"no database " * 500)
    table = browser(oak.folder).get(f"/events/export/{format}")
    assert (table.status_code, "labels.sqlite is damaged" in table.text) == (503, True)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.usefixtures("oak")
def test_a_damaged_database_does_not_hide_the_others_and_begins_no_table(tmp_path: Path, format: str) -> None:
    elm = tmp_path / "elm"
    elm.mkdir()
    (elm / FILE_NAME).write_bytes(bytes(5000))
    client = browser(tmp_path)
    page = client.get("/events")
    assert page.status_code == 200
    assert len(numbers(page.text)) == 50
    assert "elm/birdedge.sqlite" in page.text
    table = client.get(f"/events/export/{format}")
    assert table.status_code == 503
    assert "elm/birdedge.sqlite" in table.text
    assert client.get(f"/events/export/{format}?source=oak").status_code == 200


def test_notes_are_kept_where_a_form_has_none(oak: HeardBirds) -> None:
    client = browser(oak.folder)
    post(client, action="bird", event="oak:3", note="robin, ring 4711")
    post(client, action="bird", event="oak:5", note="wren")
    answer = post(client, "application/json", action="other", event="oak:3")  # as the keyboard does
    assert answer.json()["oak:3"] == {"label": "other", "note": "robin, ring 4711", "mark": ""}
    answer = post(client, "application/json", action="bird", event=["oak:3", "oak:5", "oak:6"], note="")
    assert [state["note"] for state in answer.json().values()] == ["robin, ring 4711", "wren", ""]
    answer = post(client, "application/json", action="bird", event="oak:3", note="", back="event")
    assert answer.json()["oak:3"]["note"] == ""
    answer = post(client, "application/json", action="no label", event="oak:5")
    assert answer.json()["oak:5"] == {"label": "", "note": "", "mark": ""}


@pytest.mark.parametrize("name", ["Oak #3", "oak?", "100% oak", os.fsdecode(b"f\xf6hre")])
def test_every_name_of_a_folder_works_in_pages_and_forms(oak: HeardBirds, tmp_path: Path, name: str) -> None:
    client = browser(oak.folder.rename(tmp_path / name))
    page = client.get("/events").text
    first = html.unescape(re.findall(r'data-event="([^"]+)"', page)[0])
    link = re.findall(rf'href="\./(events/[^"]+/{first.rpartition(":")[2]})[?"]', page)[0]
    assert client.get(f"/{link}").status_code == 200
    answer = post(client, action="bird", event=first, back="event")
    assert client.get(urljoin("/events", answer.headers["location"])).status_code == 200
    here = re.findall(r'name="page" value="([^"]+)"', client.get(f"/{link}").text)[0]
    chosen = client.post(
        "/language", data={"csrf_token": csrf_token(client, "/events"), "language": "de", "page": here}
    )
    assert client.get(urljoin("/language", chosen.headers["location"])).status_code == 200
    assert [client.get(other).status_code for other in ("/", "/days", "/health")] == [200] * 3


def test_a_deletion_asks_for_confirmation_and_skips_locked_clips(oak: HeardBirds) -> None:
    client = browser(oak.folder)
    post(client, action="lock", event="oak:1")
    question = post(client, action="delete", event=["oak:1", f"oak:{oak.events}", "oak:30"])
    assert question.status_code == 200
    assert re.findall(r'name="event" value="(oak:\d+)"', question.text) == [f"oak:{oak.events}"]
    assert "2 events are left out" in question.text
    assert marked_clips(oak.folder, "deleted") == []
    post(client, action="delete", confirmed="yes", event=["oak:1", f"oak:{oak.events}"])
    assert len(marked_clips(oak.folder, "deleted")) == 1
    assert client.get(f"/events/oak/{oak.events}/clip").status_code == 404
    assert client.get("/events/oak/1/clip").status_code == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"action": "bird"}, 400),
        ({"action": "drop", "event": "oak:1"}, 400),
        ({"action": "bird", "event": "oak:99999"}, 404),
        ({"action": "bird", "event": "elm:1"}, 404),
        ({"action": "bird", "event": "oak:../1"}, 404),
        ({"action": "bird", "event": "oak:1", "note": "x" * 501}, 400),
        ({"action": "bird", "event": [f"oak:{n}" for n in range(501)]}, 400),
    ],
)
def test_an_invalid_form_changes_nothing(oak: HeardBirds, fields: dict[str, Any], status: int) -> None:
    assert post(browser(oak.folder), **fields).status_code == status
    assert not (oak.folder / LABELS_FILE).exists()


def test_damaged_labels_are_reported_and_the_events_are_shown(oak: HeardBirds) -> None:
    (oak.folder / LABELS_FILE).write_bytes(b"no database " * 500)
    client = browser(oak.folder)
    page = client.get("/events")
    assert page.status_code == 200
    assert len(numbers(page.text)) == 50
    assert "labels.sqlite is damaged" in page.text
    assert "labels.sqlite is damaged" in client.get("/events/oak/1").text
    answer = post(client, action="bird", event="oak:1")
    assert answer.status_code == 503
    assert "is damaged" in answer.text


def test_a_label_changes_no_event(oak: HeardBirds) -> None:
    before = rows_of(oak.folder, "SELECT * FROM event_rows")
    post(browser(oak.folder), action="not bird", event=[f"oak:{n}" for n in range(1, 40)])
    assert rows_of(oak.folder, "SELECT * FROM event_rows") == before
    sample = before[0][2]
    assert labels_of(oak.folder, [(1, sample)])[1].label == "not bird"


def test_rejected_sounds_are_listed_with_their_reason(oak: HeardBirds) -> None:
    page = browser(oak.folder).get("/events?kind=rejected").text
    assert page.count("another sound") == 3
    assert 'href="./rejected/oak/1?kind=rejected"' in page


def test_a_client_that_disconnects_ends_its_table() -> None:
    for _ in range(4):
        assert events_page._exports.acquire(blocking=False)
        pieces = events_page._sent("first", iter(["second"]))
        next(pieces)
        del pieces
