"""States and waiting messages are in one file; a crash leaves either its old or its new contents."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from birdedge.edge.companion.alert_state import AlertState
from birdedge.edge.companion.outbox import MAX_WAITING, Outbox, Waiting
from tests.support.alerts import message
from tests.support.disks import read_only, small_disk

FIRING = AlertState(is_firing=True, fired_s=5.0)
KEY = ("no_audio", "oak")
TARGETS = ("phone", "server")


def test_state_and_messages_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state" / "alerts.json"
    outbox = Outbox(path, TARGETS)
    outbox.put(
        {KEY: FIRING, ("first", "elm"): AlertState(day="2026-05-01")}, [Waiting("phone", message(site="Ö"))]
    )
    again = Outbox(path, TARGETS)
    assert again.state(KEY) == FIRING
    assert again.state(("first", "elm")) == AlertState(day="2026-05-01")
    assert again.state(("other", "oak")) == AlertState()
    assert again.first("phone", 0.0) == message(site="Ö")
    assert again.first("server", 0.0) is None


def test_messages_keep_their_order_for_each_target(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "alerts.json", TARGETS)
    for number in range(3):
        outbox.put({}, [Waiting(target, message(id=str(number))) for target in ("phone", "server")])
    outbox.remove("phone", message(id="0"))
    again = Outbox(tmp_path / "alerts.json", TARGETS)
    assert [again.first(target, 0.0).id for target in ("phone", "server")] == ["1", "0"]


def test_the_number_of_waiting_messages_is_limited_and_the_oldest_are_dropped(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "alerts.json", TARGETS)
    outbox.put({}, [Waiting("server", message(id="other"))])
    outbox.put(
        {}, [Waiting("phone", message(id=str(number), text="x" * 500)) for number in range(MAX_WAITING)]
    )
    outbox.put({}, [Waiting("phone", message(id="new"))])
    assert outbox.first("phone", 0.0).id == "1"
    assert outbox.first("server", 0.0).id == "other"
    assert (tmp_path / "alerts.json").stat().st_size < 1_000_000


def test_nothing_is_written_if_nothing_changed(tmp_path: Path) -> None:
    path = tmp_path / "alerts.json"
    outbox = Outbox(path, TARGETS)
    outbox.put({KEY: FIRING}, [])
    before = path.stat().st_ino
    outbox.put({KEY: FIRING}, [])
    assert path.stat().st_ino == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"states": 3, "waiting": []}',
        '{"states": [["a"]], "waiting": []}',
        '{"states": []}',
        '{"states": [], "waiting": [{"target": "a"}]}',
        '{"states": [["a", "b", {"is_firing": "yes"}]], "waiting": []}',
    ],
)
def test_a_damaged_file_is_ignored_and_logged(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "alerts.json"
    path.write_text(text, encoding="utf-8")
    outbox = Outbox(path, TARGETS)
    assert outbox.state(KEY) == AlertState()
    assert "cannot be read" in caplog.text
    outbox.put({KEY: FIRING}, [])
    assert Outbox(path, TARGETS).state(KEY) == FIRING


def test_an_unwritable_disk_delays_nothing_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(tmp_path) as disk:
        outbox = Outbox(disk / "alerts.json", TARGETS)
        with read_only(disk):
            outbox.put({KEY: FIRING}, [Waiting("phone", message())])
            outbox.put({}, [Waiting("phone", message(id="2"))])
            assert outbox.first("phone", 0.0) == message()
        assert caplog.text.count("would send alerts twice") == 1
        outbox.put({}, [Waiting("phone", message(id="3"))])
        assert Outbox(disk / "alerts.json", TARGETS).state(KEY) == FIRING


def test_a_waiting_thread_is_woken(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "alerts.json", TARGETS)
    found = []
    thread = threading.Thread(target=lambda: found.append(outbox.first("phone", 20.0)))
    thread.start()
    began_s = time.monotonic()
    outbox.put({}, [Waiting("phone", message())])
    thread.join(20.0)
    assert found == [message()]
    assert time.monotonic() - began_s < 5.0


def test_messages_for_a_removed_target_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "alerts.json"
    Outbox(path, TARGETS).put({}, [Waiting(target, message()) for target in TARGETS])
    again = Outbox(path, ["server"])
    assert again.first("phone", 0.0) is None
    assert again.first("server", 0.0) == message()


def test_a_message_ages_by_a_clock_that_is_never_set_and_through_a_restart(tmp_path: Path) -> None:
    path, now_s, utc_s = tmp_path / "alerts.json", [100.0], [message().utc_s]
    outbox = Outbox(path, TARGETS, lambda: now_s[0], lambda: utc_s[0])
    outbox.put({}, [Waiting("phone", message())])
    now_s[0] += 60.0
    utc_s[0] += 1e9  # the clock is set
    assert outbox.age_s(message()) == 60.0
    assert Outbox(path, TARGETS, lambda: 5.0, lambda: message().utc_s + 7200.0).age_s(message()) == 7200.0
    assert Outbox(path, TARGETS, lambda: 5.0, lambda: message().utc_s - 7200.0).age_s(message()) == 0.0
