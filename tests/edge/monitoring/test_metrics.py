"""Metrics are valid for Prometheus, and their counters never decrease."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from birdedge.edge.database import rows
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.gap import CAUSES
from birdedge.edge.health import Health
from birdedge.edge.messages import HealthReported
from birdedge.edge.monitoring.metrics import FAMILIES, PROBLEMS, metrics_text
from tests.edge.test_health import PROBLEMS as HEALTH_PROBLEMS
from tests.support.streams import Clocks, MessageStream, end, kill, started

MIDNIGHT = 86_400.0 * 20_000


def recorded(folder: Path, clocks: Clocks, **health: Any) -> MessageStream:
    """Write the database of a recorder that has listened for 100 s until now, with two events and a gap of 2 s."""
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(60)
    stream.lose(2.0)
    stream.hear(40)
    stream.detect(10.0)
    stream.detect(90.0)
    stamp = stream.timekeeper.stamp(stream.sample)
    run_log.apply(
        HealthReported(stamp, replace(Health(device="USB Audio", load_level="all audio"), **health))
    )
    kill(run_log)
    return stream


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the value of each sample, as read by Prometheus' parser, by name and labels without the recorder."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(pair for pair in sample.labels.items() if pair[0] != "recorder")
            assert (sample.name, labels) not in found
            found[sample.name, labels] = sample.value
    return found


def value(text: str, name: str, **labels: str) -> float:
    return samples(text)[name, tuple(labels.items())]


@pytest.fixture
def clocks() -> Clocks:
    return Clocks(utc_s=MIDNIGHT)


def test_a_listening_recorder_exports_its_metrics(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path, clocks, backlog_s=0.25, temperature_c=51.4, throttled=False)
    text = metrics_text({"oak": tmp_path}, clocks.utc_s + 3.0)
    assert value(text, "birdedge_up") == 1
    assert value(text, "birdedge_healthy") == 1
    assert value(text, "birdedge_state", state="listening") == 1
    assert value(text, "birdedge_state", state="stalled") == 0
    assert value(text, "birdedge_heard_seconds_total") == pytest.approx(100)
    assert value(text, "birdedge_events_total") == 2
    assert value(text, "birdedge_runs_total") == 1
    assert value(text, "birdedge_gap_seconds_total", cause="overrun") == pytest.approx(2)
    assert value(text, "birdedge_gaps_total", cause="overrun") == 1
    assert value(text, "birdedge_coverage_today_ratio") == pytest.approx(100 / 102)
    assert value(text, "birdedge_last_audio_timestamp_seconds") == pytest.approx(clocks.utc_s, abs=0.1)
    assert value(text, "birdedge_last_event_timestamp_seconds") == pytest.approx(MIDNIGHT + 90.0)
    assert value(text, "birdedge_backlog_seconds") == 0.25
    assert value(text, "birdedge_temperature_celsius") == 51.4
    assert value(text, "birdedge_throttled") == 0
    assert value(text, "birdedge_clock_synchronized") == 1
    assert value(text, "birdedge_disk_free_bytes") == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)
    assert value(text, "birdedge_load_level_info", load_level="all audio") == 1
    assert 'site="the wood"' in text


def test_every_cause_of_a_gap_has_a_series_from_the_start(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path, clocks)
    found = samples(metrics_text({"oak": tmp_path}, clocks.utc_s))
    for name in ("birdedge_gap_seconds_total", "birdedge_gaps_total"):
        assert {labels[0][1] for family, labels in found if family == name} == set(CAUSES)


def test_promtool_reports_no_problem(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path, clocks, temperature_c=50.0, throttled=True)
    text = metrics_text({"oak": tmp_path, "gone": tmp_path / "missing"}, clocks.utc_s)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_odd_names_are_preserved(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path, clocks)
    name = 'a "quoted" \\ back\nline é'
    (family,) = [
        family
        for family in text_string_to_metric_families(metrics_text({name: tmp_path}, clocks.utc_s))
        if family.name == "birdedge_up"
    ]
    assert family.samples[0].labels == {"recorder": name}


def test_a_folder_whose_name_is_not_utf_8_is_shown(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path, clocks)
    text = metrics_text({os.fsdecode(b"oak\xff"): tmp_path}, clocks.utc_s)
    assert b'birdedge_up{recorder="oak?"} 1\n' in text.encode()


def test_a_restart_resets_no_counter(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path, clocks)
    before = samples(metrics_text({"oak": tmp_path}, clocks.utc_s))
    clocks.advance(30)
    recorded(tmp_path, clocks)
    after = samples(metrics_text({"oak": tmp_path}, clocks.utc_s))
    for key in before:
        if key[0].endswith("_total"):
            assert after[key] >= before[key]
    assert after["birdedge_events_total", ()] == 4
    assert after["birdedge_runs_total", ()] == 2
    assert after["birdedge_gap_seconds_total", (("cause", "restart"),)] == pytest.approx(30)


def test_an_open_gap_grows(tmp_path: Path, clocks: Clocks) -> None:
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.break_off("device lost")
    kill(run_log)
    for later_s in (30.0, 90.0):
        text = metrics_text({"oak": tmp_path}, clocks.utc_s + later_s)
        assert value(text, "birdedge_gap_seconds_total", cause="device lost") == pytest.approx(later_s)
        assert value(text, "birdedge_gaps_total", cause="device lost") == 0
        assert value(text, "birdedge_state", state="no_device") == 1


def test_correcting_a_gap_does_not_reset_its_counter(tmp_path: Path, clocks: Clocks) -> None:
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(100)
    stream.break_off("device lost")
    clocks.advance(30.0)
    stream.resume(late_s=0.5)
    stream.hear(1, late_s=0.4)
    run_log.commit()
    earlier = metrics_text({"oak": tmp_path}, clocks.utc_s)
    stream.hear(100)
    run_log.commit()
    lengths_s = [
        value(text, "birdedge_gap_seconds_total", cause="device lost")
        for text in (
            earlier,
            metrics_text({"oak": tmp_path}, clocks.utc_s),
            metrics_text({"oak": tmp_path}, clocks.utc_s, earlier),
        )
    ]
    kill(run_log)
    assert lengths_s[1] < lengths_s[0]
    assert lengths_s[2] == lengths_s[0]


def test_counters_of_a_new_database_start_from_zero(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path, clocks)
    earlier = metrics_text({"oak": tmp_path}, clocks.utc_s).replace(
        'birdedge_events_total{recorder="oak"} 2', 'birdedge_events_total{recorder="oak"} 5000'
    )
    assert value(metrics_text({"oak": tmp_path}, clocks.utc_s, earlier), "birdedge_events_total") == 2


def test_gauges_show_the_present_value_even_if_it_fell(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path, clocks, temperature_c=40.0)
    earlier = metrics_text({"oak": tmp_path}, clocks.utc_s).replace(
        'celsius{recorder="oak"} 40', 'celsius{recorder="oak"} 41'
    )
    assert (
        value(metrics_text({"oak": tmp_path}, clocks.utc_s, earlier), "birdedge_temperature_celsius") == 40.0
    )


@pytest.mark.parametrize(
    "earlier", ["nonsense", "a b c\n", "birdedge_up{} NaNo\n", "# HELP x\n\n", "\0 \x7f"]
)
def test_an_invalid_earlier_text_is_ignored(tmp_path: Path, clocks: Clocks, earlier: str) -> None:
    recorded(tmp_path, clocks)
    text = metrics_text({"oak": tmp_path}, clocks.utc_s, earlier)
    assert value(text, "birdedge_events_total") == 2


def test_an_unreadable_recorder_is_down_and_the_others_are_up(tmp_path: Path, clocks: Clocks) -> None:
    recorded(tmp_path / "oak", clocks)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / FILE_NAME).write_bytes(b"SQLite format 3\0" + bytes(9000))
    folders = {name: tmp_path / name for name in ("damaged", "missing", "oak")}
    text = metrics_text(folders, clocks.utc_s)
    for name, up in (("damaged", 0), ("missing", 0), ("oak", 1)):
        assert f'birdedge_up{{recorder="{name}"}} {up}\n' in text
    assert text.count('recorder="damaged"') == 1


@pytest.mark.parametrize(("field", "found", "_sentence"), HEALTH_PROBLEMS)
def test_each_problem_has_a_series(
    tmp_path: Path, clocks: Clocks, field: str, found: Any, _sentence: str
) -> None:
    recorded(tmp_path, clocks, **{field: found})
    text = metrics_text({"oak": tmp_path}, clocks.utc_s)
    assert field in PROBLEMS
    assert value(text, "birdedge_healthy") == 0
    assert [p for p in PROBLEMS if value(text, "birdedge_problem", problem=p)] == [field]


def test_a_stopped_recorder_is_not_healthy(tmp_path: Path, clocks: Clocks) -> None:
    run_log = started(tmp_path, clocks)
    MessageStream(run_log.apply, clocks).hear(10)
    end(run_log, clocks)
    text = metrics_text({"oak": tmp_path}, clocks.utc_s)
    assert value(text, "birdedge_state", state="stopped") == 1
    assert value(text, "birdedge_healthy") == 0


def test_only_counters_end_with_total() -> None:
    for family, (kind, _) in FAMILIES.items():
        assert (kind == "counter") is family.endswith("_total")


def test_a_large_database_is_read_within_a_second(tmp_path: Path) -> None:
    clocks = Clocks(utc_s=MIDNIGHT)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(100_000, every_s=1000)
    stream.detect(10.0)
    columns = ", ".join(rows.REGION_COLUMNS)
    run_log.db.execute(
        f"""WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 200000)
        INSERT INTO event_rows ({columns}) SELECT {columns.replace("onset_s,", "onset_s + n * 0.4,")}
        FROM event_rows, numbers"""
    )
    run_log.commit()
    kill(run_log)
    began_s = time.process_time()
    text = metrics_text({"oak": tmp_path}, clocks.utc_s)
    used_s = time.process_time() - began_s
    assert value(text, "birdedge_events_total") == 200_001
    assert used_s < 1.0
