"""What `birdedge status` says of a recorder, from its database alone."""

import time

import pytest

from birdedge.edge.database.run_log import ClockReading
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.errors import StoreError
from birdedge.edge.monitoring.status import STALE_S, read_status, status_page
from birdedge.edge.system.clock import boot_id, monotonic_s

RATE_HZ = 32_000


class Clocks:
    """This machine's, moved by a test."""

    def __init__(self):
        self.moved_s = 0.0

    def __call__(self):
        return ClockReading(monotonic_s() + self.moved_s, time.time() + self.moved_s, True)


@pytest.fixture
def ledger(tmp_path):
    made = DatabaseWriter(tmp_path, boot_id(), read := Clocks(), "birdedge-int8", "the wood", commit_s=0.01)
    made.clocks = read
    made.clocks.moved_s = -100.0
    made.stream_began("USB Audio", RATE_HZ, 1)
    made.clocks.moved_s = 0.0
    yield made
    made.close()


def told(ledger):
    while ledger._facts:
        time.sleep(0.01)
    time.sleep(0.05)


def test_a_recorder_that_listens_is_well(tmp_path, ledger):
    ledger.heard(100 * RATE_HZ)
    ledger.state({"device": "USB Audio", "backlog_s": 0.1, "free_mb": 2000.0, "clips_paused": None})
    told(ledger)
    status = read_status(tmp_path, time.time())
    assert (status.state, status.healthy, status.site) == ("listening", True, "the wood")
    assert status.heard_s == pytest.approx(100)
    assert status.coverage_since_start == 1.0
    assert status.last_sound_s < STALE_S
    page = status_page(status)
    assert "USB Audio" in page
    assert "2.0 GB free" in page


def test_one_that_says_nothing_any_more_is_stalled(tmp_path, ledger):
    ledger.heard(50 * RATE_HZ)
    told(ledger)
    status = read_status(tmp_path, time.time())
    assert (status.state, status.healthy) == ("stalled", False)
    assert status.last_sound_s == pytest.approx(50, abs=5)


@pytest.mark.parametrize(
    ("cause", "state", "healthy"),
    [("device lost", "no_device", False), ("paused by schedule", "paused", True)],
)
def test_a_gap_that_lasts_is_told_with_its_cause(tmp_path, ledger, cause, state, healthy):
    ledger.heard(90 * RATE_HZ)
    ledger.gap_began(cause)
    told(ledger)
    status = read_status(tmp_path, time.time())
    assert (status.state, status.healthy) == (state, healthy)
    assert f"and lasting: {cause}" in status_page(status)


def test_clips_that_cannot_be_written_are_a_persons_business(tmp_path, ledger):
    ledger.heard(100 * RATE_HZ)
    ledger.state({"clips_paused": "the disk is full"})
    told(ledger)
    status = read_status(tmp_path, time.time())
    assert not status.healthy
    assert "! the disk is full" in status_page(status)


def test_one_that_ended_is_stopped(tmp_path, ledger):
    ledger.heard(100 * RATE_HZ)
    told(ledger)
    ledger.book.store.end_run(ledger.book._page.run, monotonic_s())
    ledger.book.store.commit()
    assert read_status(tmp_path, time.time()).state == "stopped"


def test_a_folder_in_which_nobody_listened_is_told_in_a_sentence(tmp_path):
    with pytest.raises(StoreError, match="name the folder of `birdedge listen --out`"):
        read_status(tmp_path / "none", 0.0)
