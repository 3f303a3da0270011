"""The supervisor feeds the watchdog, sheds load, and reports the health of every part."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from birdedge.edge.database import coverage_queries, run_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.health import Health
from birdedge.edge.models.names import ARCHIVE_MODEL, SMALL_MODEL
from birdedge.edge.recorder.load_shedding import FIRST_TRIAL_S
from birdedge.edge.recorder.supervisor import HEALTH_EVERY_S
from birdedge.edge.sinks.retrying import RetryingSink
from tests.support.frames import frames, stream_ended, stream_started
from tests.support.supervised import RATE_HZ, Supervised
from tests.support.waiting import wait_until


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    parts = Supervised(tmp_path)
    yield parts
    parts.close()


def stored_health(folder: Path) -> Health:
    with reading(folder) as db:
        return Health.from_json(run_queries.latest_health(db))


def test_a_fault_in_the_samples_is_a_problem(supervised: Supervised) -> None:
    assert supervised.supervisor.health().problems == {}
    supervised.input_problems.append("the channels cancel")
    assert supervised.supervisor.health().problems == {"input_problem": "the channels cancel"}


def test_only_analysed_audio_feeds_the_watchdog(supervised: Supervised) -> None:
    for message in (stream_started(), frames(10), stream_ended(1.0)):
        supervised.supervisor.write(message)
    assert supervised.alive == 0
    supervised.hear(3.0)
    assert supervised.alive == 6
    supervised.supervisor.close()


def test_a_stuck_database_starves_the_watchdog(supervised: Supervised) -> None:
    supervised.database.is_stuck = True
    supervised.hear(3.0)
    supervised.supervisor.feed_watchdog()
    assert supervised.alive == 0
    supervised.database.is_stuck = False
    supervised.hear(3.0)
    supervised.supervisor.feed_watchdog()
    assert supervised.alive == 7


def test_health_is_reported_with_the_first_audio_and_every_five_seconds(
    supervised: Supervised, tmp_path: Path
) -> None:
    supervised.hear(0.5)
    wait_until(lambda: stored_health(tmp_path).device == "USB Audio")
    supervised.microphone.overflows = 1
    supervised.hear(HEALTH_EVERY_S - 0.5)
    supervised.database.submit(stream_started())  # its row shows that everything before it is written
    with reading(tmp_path) as db:
        wait_until(lambda: coverage_queries.last_heard_s(db, 1) == pytest.approx(105.0))
    assert stored_health(tmp_path).overflows == 0
    supervised.hear(0.5)
    wait_until(lambda: stored_health(tmp_path).overflows == 1)


def test_health_covers_each_part(supervised: Supervised) -> None:
    supervised.microphone.waiting_samples = RATE_HZ // 4
    supervised.microphone.overflows, supervised.losses = 3, 2
    health = supervised.supervisor.health()
    assert health.silent_s == 12.3
    assert (health.device, health.backlog_s, health.load_level) == ("USB Audio", 0.25, "all audio")
    assert (health.overflows, health.device_losses) == (3, 2)
    assert (health.clips_written, health.clips_dropped, health.clips_failed, health.clips_capped) == (
        0,
        0,
        0,
        0,
    )
    assert health.dropped_messages == 0
    assert health.free_mb is not None
    assert health.free_mb > 0
    assert {name for name in health.problems if name != "throttled"} == set()


def test_health_states_where_the_recorder_is(supervised: Supervised) -> None:
    assert supervised.supervisor.health().latitude_deg is None
    supervised.supervisor.place = (47.1, -8.5)
    health = supervised.supervisor.health()
    assert (health.latitude_deg, health.longitude_deg) == (47.1, -8.5)


def test_a_backlog_lightens_the_load_and_its_end_restores_it(
    supervised: Supervised, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervised.microphone.waiting_samples = 2 * RATE_HZ
    supervised.hear(8.0)
    assert supervised.models == [ARCHIVE_MODEL, SMALL_MODEL]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "overloaded: analysing all audio in longer calls",
        "overloaded: analysing all audio with the smaller model",
    ]
    supervised.hear(3.5)  # the next level has the same model
    assert supervised.models == [ARCHIVE_MODEL, SMALL_MODEL]
    health = supervised.supervisor.health()
    assert (health.load_level, health.left_out_s) == ("50 % of the audio", 10.0)
    supervised.microphone.waiting_samples = 0
    supervised.hear(3 * (FIRST_TRIAL_S + 1))
    assert supervised.models == [ARCHIVE_MODEL, SMALL_MODEL, ARCHIVE_MODEL, None]
    assert caplog.messages[-3:] == [
        "analysing all audio with the smaller model again",
        "analysing all audio in longer calls again",
        "analysing all audio again",
    ]
    supervised.database.close()
    with reading(tmp_path) as db:
        levels = coverage_queries.load_levels(db)
    assert [name for _, name in levels] == [
        "all audio in longer calls",
        "all audio with the smaller model",
        "50 % of the audio",
        "all audio with the smaller model",
        "all audio in longer calls",
        "all audio",
    ]
    assert levels[0][0] == pytest.approx(100.0 + 3.5)


def test_a_model_chosen_by_the_user_is_not_changed(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path, may_change_model=False)
    supervised.microphone.waiting_samples = 2 * RATE_HZ
    supervised.hear(12.0)
    assert supervised.models == []
    assert supervised.supervisor.health().load_level == "50 % of the audio"
    supervised.close()


def test_a_problem_is_logged_once_and_its_end_once(
    supervised: Supervised, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        supervised.hear(30.0)
        assert caplog.messages == []
        tables = SimpleNamespace(problem="tables/live.csv cannot be written")
        supervised.supervisor.outputs = [cast(RetryingSink, tables)]
        supervised.hear(30.0)
        assert caplog.messages == ["tables/live.csv cannot be written"]
        assert caplog.records[0].levelname == "WARNING"
        tables.problem = None
        supervised.hear(30.0)
        assert len(caplog.messages) == 2
        assert caplog.records[1].levelname == "INFO"
        tables.problem = "tables/live.csv cannot be written"
        supervised.hear(30.0)
        assert caplog.messages[2:] == ["tables/live.csv cannot be written"]


def test_two_problems_are_logged_separately(supervised: Supervised, caplog: pytest.LogCaptureFixture) -> None:
    tables = SimpleNamespace(problem="tables/live.csv cannot be written")
    supervised.supervisor.outputs = [cast(RetryingSink, tables)]
    supervised.hear(6.0)
    supervised.database.dropped_messages = 5
    supervised.hear(6.0)
    assert caplog.messages == [
        "tables/live.csv cannot be written",
        "5 message(s) never reached the database: check its disk",
    ]


def test_capped_clips_are_logged_once(supervised: Supervised, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        for capped in (1, 2, 3):
            supervised.cutter.capped = capped
            supervised.hear(6.0)
    assert caplog.messages == ["clips are left out from now on once their hour has max_per_hour of them"]
