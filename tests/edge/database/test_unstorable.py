"""A message that SQLite cannot store is lost, but no other."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.database import run_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.health import Health
from birdedge.edge.messages import ClipDeleted, ClipFound, HealthReported, LoadLevelChanged, Message
from birdedge.edge.times import Stamp
from tests.support.streams import RATE_HZ, Clocks, MessageStream, coverage_of, rows_of

NOW = Stamp(0, 0.0, 100.0, None, 0.2, False)
NOT_A_TEXT: Any = object()


@pytest.mark.parametrize(
    "unstorable",
    [
        LoadLevelChanged(NOW, NOT_A_TEXT),
        HealthReported(NOW, NOT_A_TEXT),
        ClipDeleted("clips/\udcff.flac"),  # a file name that is not UTF-8
        ClipFound("a.flac", datetime(2026, 11, 23, tzinfo=UTC), RATE_HZ, 2**64, 1, 1, 0.5),
    ],
)
def test_only_the_message_that_sqlite_cannot_store_is_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, unstorable: Message
) -> None:
    clocks = Clocks()
    database = DatabaseWriter(tmp_path, "boot", "model", commit_s=0.01, read=clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(5)
    database.submit(unstorable)
    stream.hear(5)
    stream.detect(4.0)
    database.close()
    assert database.dropped_messages == 1
    assert [record.message for record in caplog.records if "cannot be stored" in record.message] == [
        record.message for record in caplog.records if record.levelname == "ERROR"
    ]
    assert len(caplog.records) == 1
    assert coverage_of(tmp_path).heard_s == pytest.approx(10)
    assert rows_of(tmp_path, "SELECT count(*) FROM events") == [(1,)]


@pytest.mark.parametrize("low_hz", [float("nan"), None, 2**70, object()])
@pytest.mark.parametrize("is_event", [True, False])
def test_only_the_event_that_sqlite_cannot_store_is_dropped(
    tmp_path: Path, low_hz: Any, is_event: bool
) -> None:
    clocks = Clocks()
    database = DatabaseWriter(tmp_path, "boot", "model", commit_s=0.01, read=clocks)
    stream = MessageStream(database.submit, clocks)
    write = stream.detect if is_event else stream.reject
    for onset_s in range(3):
        stream.hear(2)
        write(float(onset_s), **({"low_hz": low_hz} if onset_s == 1 else {}))
    stream.hear(2)
    database.close()
    assert database.dropped_messages == 1
    table = "events" if is_event else "rejected"
    assert rows_of(tmp_path, f"SELECT onset_sample FROM {table} ORDER BY 1") == [(0,), (2 * RATE_HZ,)]
    assert coverage_of(tmp_path).heard_s == pytest.approx(8)


def test_names_that_are_not_utf_8_are_stored_escaped(tmp_path: Path) -> None:
    clocks = Clocks()
    database = DatabaseWriter(tmp_path, "boot", "m\udcff", "s\udcff", commit_s=0.01, read=clocks)
    stream = MessageStream(database.submit, clocks, source="d\udcff")
    stream.hear(5)
    database.submit(HealthReported(NOW, Health(device="d\udcff")))
    database.close()
    assert database.dropped_messages == 0
    assert rows_of(tmp_path, "SELECT model, site, device FROM runs JOIN streams ON run = runs.id") == [
        ("m\\udcff", "s\\udcff", "d\\udcff")
    ]
    with reading(tmp_path) as db:
        assert run_queries.latest_health(db)["device"] == "d\udcff"
