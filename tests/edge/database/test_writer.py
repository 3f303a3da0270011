"""The book of a recorder: nothing heard is forgotten, nothing missed is hidden, and time is mended when it is known."""

import errno
import json
import time

import pytest
from birdedge.edge.database.store import Store

from birdedge.edge.database import connection as database
from birdedge.edge.database.run_log import ClockReading
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.errors import StoreError
from birdedge.edge.event import Event
from birdedge.edge.monitoring.coverage import coverage

RATE_HZ = 32_000


class Clocks:
    """Clocks that a test moves."""

    def __init__(self, utc_s=1_000_000.0, synchronized=True):
        self.boot_s, self.utc_s, self.synchronized = 100.0, utc_s, synchronized

    def __call__(self):
        return ClockReading(self.boot_s, self.utc_s, self.synchronized)

    def pass_s(self, seconds):
        self.boot_s += seconds
        self.utc_s += seconds


def event(onset_s):
    return Event(onset_s, onset_s + 0.5, 2000.0, 3000.0, 2500.0, 0.97, 100.0, 12.0, 0, 0, None)


def hear(ledger, clocks, first_s, seconds):
    """So many seconds of sound, told each second, from `first_s` of the stream on."""
    for second in range(1, seconds + 1):
        clocks.pass_s(1.0)
        ledger.heard((first_s + second) * RATE_HZ)


def begun(folder, clocks, boot_id="boot"):
    ledger = DatabaseWriter(folder, boot_id, clocks, "model", commit_s=0.01)
    ledger.stream_began("mic", RATE_HZ, 1)
    return ledger


def killed(ledger):
    """What SIGKILL leaves: the last commit."""
    while ledger._facts:
        time.sleep(0.01)
    time.sleep(0.05)
    ledger.book._page.run, ledger.book._page.gap = -1, 0  # ends no run and no gap
    ledger.close()


def gaps(folder, until_s=2e9):
    return [(g.cause, round(g.length_s, 3)) for g in coverage(Store(folder), 0.0, until_s).gaps]


def test_what_is_heard_is_counted_by_hour(tmp_path):
    clocks = Clocks(utc_s=3600 * 100 - 30.0)
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 90)
    ledger.close()
    found = coverage(Store(tmp_path), 0.0, 1e9)
    assert found.heard_s == pytest.approx(90)
    assert found.share == 1.0
    assert found.hours == {
        3600 * 99.0: pytest.approx((30, 30)),
        3600 * 100.0: pytest.approx((60, 60)),
    }
    only = coverage(Store(tmp_path), 3600 * 100.0, 1e9)
    assert only.heard_s == pytest.approx(60)


def test_lost_samples_and_a_lost_device_are_gaps_of_their_length(tmp_path):
    clocks = Clocks()
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 10)
    ledger.lost(10 * RATE_HZ, RATE_HZ // 2, "too slow")
    clocks.pass_s(0.5)
    hear(ledger, clocks, 10.5, 10)
    ledger.gap_began("device lost")
    clocks.pass_s(12.0)
    ledger.resumed(round(32.5 * RATE_HZ))
    hear(ledger, clocks, 32.5, 5)
    ledger.close()
    assert gaps(tmp_path) == [("too slow", 0.5), ("device lost", 12.0)]
    found = coverage(Store(tmp_path), 0.0, 2e9)
    assert found.heard_s == pytest.approx(25)
    assert found.expected_s == pytest.approx(37.5)


def test_a_pause_by_schedule_is_a_gap_that_was_not_expected_to_be_heard(tmp_path):
    clocks = Clocks()
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 5)
    ledger.gap_began("paused by schedule")
    clocks.pass_s(100.0)
    ledger.resumed(105 * RATE_HZ)
    hear(ledger, clocks, 105, 5)
    ledger.close()
    found = coverage(Store(tmp_path), 0.0, 2e9)
    assert found.expected_s == pytest.approx(10)
    assert gaps(tmp_path) == [("paused by schedule", 100.0)]


@pytest.mark.parametrize(("end", "boot_id", "cause"), [
    ("closed", "boot", "stopped"), ("killed", "boot", "restart"), ("killed", "next boot", "power lost"),
])  # fmt: skip
def test_a_restart_cannot_hide_a_gap(tmp_path, end, boot_id, cause):
    clocks = Clocks()
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 10)
    if end == "closed":
        ledger.close()
    else:
        killed(ledger)
    clocks.pass_s(60.0)
    if boot_id != "boot":
        clocks.boot_s = 5.0
    again = begun(tmp_path, clocks, boot_id)
    hear(again, clocks, 0, 5)
    again.close()
    assert gaps(tmp_path) == [(cause, 60.0)]
    assert coverage(Store(tmp_path), 0.0, 2e9).heard_s == pytest.approx(15)


def test_a_run_that_ends_while_nothing_is_heard_ends_the_gap_too(tmp_path):
    clocks = Clocks()
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 10)
    ledger.gap_began("device lost")
    clocks.pass_s(20.0)
    ledger.close()
    clocks.pass_s(60.0)
    begun(tmp_path, clocks).close()
    assert gaps(tmp_path) == [("device lost", 20.0), ("stopped", 60.0)]


def test_a_device_that_was_away_when_the_power_went_is_told_apart_from_the_power(tmp_path):
    clocks = Clocks()
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 10)
    ledger.gap_began("device lost")
    clocks.pass_s(20.0)
    killed(ledger)
    clocks.pass_s(60.0)
    begun(tmp_path, clocks, "next boot").close()
    total_s = sum(length_s for _, length_s in gaps(tmp_path))
    assert total_s == pytest.approx(80.0)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 20 * 365.25 * 86_400])
def test_events_written_before_the_clock_was_set_get_the_true_time(tmp_path, step_s):
    clocks = Clocks(utc_s=1_000_000.0, synchronized=False)
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 10)
    ledger.found(event(4.0))
    while ledger._facts:
        time.sleep(0.01)
    assert Store(tmp_path).rows("SELECT utc_s, uncertainty_s, corrected FROM events") == [
        (pytest.approx(1_000_004.0), None, 0)
    ]
    clocks.utc_s += step_s
    clocks.synchronized = True
    hear(ledger, clocks, 10, 5)
    ledger.found(event(12.0))
    ledger.close()
    early, late = Store(tmp_path).rows("SELECT utc_s, uncertainty_s, corrected FROM events ORDER BY id")
    assert early == (pytest.approx(1_000_004.0 + step_s), pytest.approx(0.2, abs=0.1), 1)
    assert late[0] == pytest.approx(1_000_012.0 + step_s)
    assert late[1] < 0.5
    found = coverage(Store(tmp_path), 0.0, 4e9)
    assert found.gaps == ()
    assert found.heard_s == pytest.approx(15)


def test_a_step_of_a_clock_that_nobody_keeps_right_changes_no_time(tmp_path):
    clocks = Clocks(synchronized=False)
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 5)
    ledger.found(event(1.0))
    clocks.utc_s += 3600
    hear(ledger, clocks, 5, 5)
    ledger.found(event(6.0))
    ledger.close()
    first, second = Store(tmp_path).rows("SELECT utc_s FROM events ORDER BY id")
    assert second[0] - first[0] == pytest.approx(5.0)


def test_the_length_of_a_power_cut_is_mended_when_the_clock_is_set(tmp_path):
    clocks = Clocks(utc_s=1_000_000.0)
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 10)
    killed(ledger)
    off = Clocks(utc_s=500_000.0, synchronized=False)  # no clock chip: it begins somewhere in the past
    off.boot_s = 20.0
    again = begun(tmp_path, off, "next boot")
    hear(again, off, 0, 5)
    off.utc_s = 1_000_000.0 + 10 + 600 + 5
    off.synchronized = True
    hear(again, off, 5, 5)
    again.close()
    assert gaps(tmp_path) == [("power lost", 600.0)]


def test_while_the_disk_fails_facts_wait_and_then_all_is_written(tmp_path, monkeypatch):
    clocks = Clocks()
    ledger = begun(tmp_path, clocks)
    hear(ledger, clocks, 0, 5)
    while ledger._facts:
        time.sleep(0.01)
    commit = Store.commit

    def full(_store):
        raise StoreError("disk full")

    monkeypatch.setattr(Store, "commit", full)
    hear(ledger, clocks, 5, 5)
    ledger.lost(10 * RATE_HZ, RATE_HZ, "too slow")
    clocks.pass_s(1.0)
    hear(ledger, clocks, 11, 5)
    ledger.found(event(12.0))
    time.sleep(0.1)
    assert ledger.problem == "disk full"
    assert Store(tmp_path).rows("SELECT count(*) FROM events") == [(0,)]
    monkeypatch.setattr(Store, "commit", commit)
    time.sleep(0.1)
    assert ledger.problem is None
    ledger.close()
    assert gaps(tmp_path) == [("too slow", 1.0)]
    assert coverage(Store(tmp_path), 0.0, 2e9).heard_s == pytest.approx(15)
    assert Store(tmp_path).rows("SELECT count(*) FROM events") == [(1,)]
    assert ledger.lost_facts == 0


@pytest.mark.parametrize("offset_s", [0.0, 3600.0])
def test_a_book_that_can_be_begun_only_later_has_all_from_the_beginning(tmp_path, monkeypatch, offset_s):
    clocks = Clocks(synchronized=False)
    with monkeypatch.context() as broken:
        broken.setattr(
            database, "_connect", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no room"))
        )
        ledger = begun(tmp_path, clocks)
        assert "no room" in ledger.problem
        hear(ledger, clocks, 0, 60)
        ledger.found(event(12.0))
        assert ledger.offset_s == pytest.approx(1_000_000.0 - 100.0)
        clocks.utc_s += offset_s
        clocks.synchronized = True
        time.sleep(0.1)
    until_s = time.monotonic() + 10
    while ledger.problem is not None:
        assert time.monotonic() < until_s
        time.sleep(0.01)
    hear(ledger, clocks, 60, 5)
    ledger.close()
    found = coverage(Store(tmp_path), 0.0, 2e9)
    assert found.gaps == ()
    assert found.heard_s == pytest.approx(65)
    assert Store(tmp_path).rows("SELECT utc_s FROM events") == [(pytest.approx(1_000_012.0 + offset_s),)]


def test_a_book_that_nobody_can_ever_open_is_refused_at_once(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="name a folder that can be written to"):
        DatabaseWriter(tmp_path / "file" / "data", "boot", Clocks(), "model")


def test_how_the_recorder_does_is_kept_as_json(tmp_path):
    ledger = begun(tmp_path, Clocks())
    ledger.state({"backlog_s": 0.1})
    ledger.state({"backlog_s": 0.2})
    ledger.close()
    assert [json.loads(text) for (text,) in Store(tmp_path).rows("SELECT json FROM state")] == [
        {"backlog_s": 0.2}
    ]
