"""The latest run, and the boots."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from birdedge import __version__
from birdedge.edge.database import run_queries
from birdedge.edge.health import Health
from birdedge.edge.messages import ClipFound
from birdedge.edge.pipeline.utc_line import ClockLine
from tests.support.streams import RATE_HZ, Clocks, connection_of, kill, started


def test_an_empty_database_has_no_run(empty: sqlite3.Connection) -> None:
    assert run_queries.latest_run(empty) is None
    assert run_queries.latest_health(empty) == {}


def test_the_latest_run_is_the_one_that_began_last(recorded: sqlite3.Connection) -> None:
    assert run_queries.latest_run(recorded) == run_queries.RunRow(
        run=2,
        boot=2,
        boot_id="next boot",
        began_s=5.0,
        ended_s=None,
        version=__version__,
        model="birdedge-int8",
        site="the wood",
        clock="unknown",
        utc=ClockLine(0.0, None, 1_000_065.0, 0.0, None, None, 0.0),
    )


def test_clips_of_a_lost_database_are_not_the_first_run(tmp_path: Path) -> None:
    run_log = started(tmp_path, Clocks(), "boot-of-oak")
    run_log.commit()
    with connection_of(tmp_path) as db:
        before = run_queries.first_run(db)
    began = datetime(2023, 1, 1, tzinfo=UTC)
    run_log.apply(ClipFound("clips/2023-01-01/a.flac", began, RATE_HZ, 0, RATE_HZ, 1000, 0.9))
    run_log.commit()
    with connection_of(tmp_path) as db:
        assert run_queries.first_run(db) == before is not None
    kill(run_log)


def test_the_utc_of_a_boot_is_found_by_its_name(recorded: sqlite3.Connection) -> None:
    known, unknown = run_queries.utc_of_boot(recorded, "boot"), run_queries.utc_of_boot(recorded, "next boot")
    assert known is not None
    assert unknown is not None
    assert (known.state, known.utc_s(150.0)) == ("synchronized", 999_900.0 + 150.0)
    assert (unknown.state, unknown.utc_s(150.0)) == ("unknown", 1_000_065.0 + 150.0)
    assert run_queries.utc_of_boot(recorded, "another boot") is None


def test_the_health_is_returned_as_it_was_stored(recorded: sqlite3.Connection) -> None:
    assert Health.from_json(run_queries.latest_health(recorded)) == Health(device="mic")
