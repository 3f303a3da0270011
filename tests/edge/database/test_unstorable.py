"""A message that SQLite cannot store costs only itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.messages import ClipDeleted, ClipFound, Message
from tests.support.streams import RATE_HZ, Clocks, MessageStream, coverage_of, rows_of


@pytest.mark.parametrize(
    "unstorable",
    [
        ClipDeleted("clips/\udcff.flac"),  # a file name that is not UTF-8
        ClipFound("a.flac", datetime(2026, 11, 23, tzinfo=UTC), RATE_HZ, 2**64, 1, 1, 0.5),
    ],
)
def test_a_message_that_sqlite_cannot_store_costs_only_itself(
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
