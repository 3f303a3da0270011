"""A lost microphone is reopened, and the missed audio is a gap of known length and cause."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from birdedge.edge.block import Block
from birdedge.edge.errors import DeviceError, DeviceNotFoundError
from birdedge.edge.recorder import reconnecting_microphone
from birdedge.edge.recorder.reconnecting_microphone import (
    FLAT_S,
    MAX_WAIT_S,
    RATE_S,
    STEADY_S,
    WRONG_RATE_S,
)
from birdedge.edge.recorder.schedule import ScheduleSettings
from tests.support.microphones import (
    BLOCK_S,
    NOISE,
    RATE_HZ,
    START_S,
    Bench,
    FakeMicrophone,
    Opening,
    gaps_of,
    in_time,
    then_lost,
)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An entry for each time that PortAudio would look for devices again; the real PortAudio is not touched."""
    calls: list[str] = []
    monkeypatch.setattr(reconnecting_microphone, "forget_devices", lambda: calls.append("forgot"))
    return calls


def test_a_correct_rate_is_not_a_loss() -> None:
    assert Bench([in_time(60)]).losses() == 0


@pytest.mark.parametrize(
    ("seconds", "losses"), [(RATE_S + WRONG_RATE_S - 1, 0), (RATE_S + WRONG_RATE_S + 1, 1)]
)
@pytest.mark.parametrize("share", [0.95, 1.05])
def test_a_wrong_rate_is_a_loss_some_seconds_after_it_is_certain(
    seconds: float, losses: int, share: float
) -> None:
    wrong = Bench([lambda m: m.deliver(seconds, counted_s=share * BLOCK_S)])
    assert wrong.losses() == losses


def test_a_wrong_rate_is_named(caplog: pytest.LogCaptureFixture) -> None:
    Bench([lambda m: m.deliver(60, counted_s=0.9 * BLOCK_S)]).losses()
    expected = (
        "'fake' delivered 7200 samples per second instead of 8000; trying again until it delivers audio"
    )
    assert expected in caplog.messages


def test_delayed_audio_is_not_a_wrong_rate() -> None:
    def delayed(microphone: FakeMicrophone) -> Iterator[Block]:
        yield from microphone.deliver(30)
        yield from microphone.deliver(BLOCK_S, passed_s=5 + BLOCK_S)
        yield from microphone.deliver(5, passed_s=0.0)
        yield from microphone.deliver(30)

    assert Bench([delayed]).losses() == 0


def test_a_loss_is_marked_at_once_and_measured_by_the_boot_clock(
    caplog: pytest.LogCaptureFixture, forgotten: list[str]
) -> None:
    bench = Bench([then_lost(10), in_time(5)])
    assert bench.reconnecting.open(bench.stop)
    blocks = bench.reconnecting.blocks(bench.stop)
    before = [next(blocks) for _ in range(20)]
    assert gaps_of(before) == []
    marker = next(blocks)
    assert (len(marker.samples), marker.gap_samples, marker.gap_cause) == (0, 0, "device lost")
    assert bench.microphone.is_open  # the marker is sent before anything that may take time
    bench.clocks.advance(20.0)
    bench.clocks.utc_s += 3600.0  # a step of the clock changes nothing
    with caplog.at_level(logging.INFO):
        first, *rest = blocks
    assert (first.gap_cause, first.gap_samples) == ("device lost", 20 * RATE_HZ)
    assert first.samples is NOISE
    assert gaps_of(rest) == []
    assert bench.reconnecting.losses == 1
    assert forgotten
    assert bench.gaps == []  # the blocks report it
    assert "listening to 'fake' again after 20.0 s" in caplog.messages


def test_an_overrun_before_the_first_block_is_part_of_the_gap() -> None:
    def overrun(microphone: FakeMicrophone) -> Iterator[Block]:
        microphone.clocks.advance(9.5)
        for block in microphone.deliver(BLOCK_S):
            yield Block(block.samples, 123, "overrun", block.arrived)
        yield from microphone.deliver(BLOCK_S)

    blocks = Bench([then_lost(10), overrun]).blocks()
    assert gaps_of(blocks) == [("device lost", 9.5)]


def test_an_overrun_of_an_open_device_is_passed_on() -> None:
    def overrun(microphone: FakeMicrophone) -> Iterator[Block]:
        for block in microphone.deliver(BLOCK_S):
            yield Block(block.samples, RATE_HZ, "overrun", block.arrived)

    assert gaps_of(Bench([overrun]).blocks()) == [("overrun", 1.0)]


def test_a_gap_has_at_least_one_sample() -> None:
    blocks = Bench([then_lost(10), lambda m: m.deliver(5, passed_s=0.0)]).blocks()
    assert [(b.gap_cause, b.gap_samples) for b in blocks if b.gap_samples] == [("device lost", 1)]


def test_a_missing_device_is_retried_until_it_is_available_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    missing = [DeviceNotFoundError("no microphone was found") for _ in range(3)]
    bench = Bench([then_lost(10), *missing, DeviceError("busy"), in_time(5)], first_wait_s=1.0)
    blocks = bench.blocks()
    assert gaps_of(blocks) == [("device lost", 1.0 + 2 + 4 + 8 + 16)]
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == [
        "'fake' stopped: check that it is still plugged in; trying again until it delivers audio",
        "no microphone was found; trying again until it is available",
        "busy; trying again until it is available",
    ]
    assert bench.gaps == []


def test_waits_double_up_to_half_a_minute_and_restart_after_steady_audio() -> None:
    missing: list[Opening] = [DeviceError("busy") for _ in range(7)]
    bench = Bench(
        [*missing, then_lost(STEADY_S - 10), then_lost(STEADY_S + 10), in_time(5)], first_wait_s=0.5
    )
    bench.blocks()
    attempts_s = bench.microphone.opened_s
    assert [b - a for a, b in pairwise(attempts_s[:8])] == [0.5, 1, 2, 4, 8, 16, MAX_WAIT_S]
    assert attempts_s[8] - attempts_s[7] == STEADY_S - 10 + MAX_WAIT_S
    assert attempts_s[9] - attempts_s[8] == STEADY_S + 10 + 0.5


def test_waiting_for_a_device_is_reported_every_second() -> None:
    bench = Bench([*(DeviceError("busy") for _ in range(9)), in_time(5)], first_wait_s=0.5)
    bench.blocks()
    gaps_s = [b - a for a, b in pairwise(bench.waiting_s)]
    assert max(gaps_s) <= 1
    assert bench.waiting_s[-1] - bench.waiting_s[0] > 100


def hanging(microphone: FakeMicrophone) -> Iterator[Block]:
    microphone.clocks.advance(2)
    microphone.lose("delivered nothing for 2.0 s")
    yield from ()


def test_a_device_that_opens_and_delivers_nothing_is_not_waited_for() -> None:
    bench = Bench([*[hanging] * 9, in_time(5)], first_wait_s=0.5)
    bench.blocks()
    assert bench.waiting_s == []


def test_a_device_that_delivered_before_it_was_lost_is_waited_for() -> None:
    bench = Bench([then_lost(1), in_time(5)], first_wait_s=30.0)
    bench.blocks()
    assert len(bench.waiting_s) == 30


def test_a_device_that_hung_and_is_then_missing_is_waited_for() -> None:
    bench = Bench([hanging, DeviceError("none"), in_time(5)], first_wait_s=2.0)
    bench.blocks()
    assert len(bench.waiting_s) == 4


def test_before_the_first_stream_a_missing_device_is_reported_as_a_gap() -> None:
    bench = Bench([DeviceError("none"), DeviceError("none"), in_time(5)], first_wait_s=1.0)
    assert bench.reconnecting.open(bench.stop)
    assert bench.gaps == [("device lost", START_S)]
    assert bench.microphone.is_open


def test_a_stop_ends_the_wait_for_a_device() -> None:
    bench = Bench([DeviceError("none") for _ in range(100)], first_wait_s=1.0)
    bench.stop.at = bench.clocks.utc_s + 60.0
    assert not bench.reconnecting.open(bench.stop)
    assert bench.clocks.utc_s <= START_S + 60.0 + MAX_WAIT_S


def test_a_stop_during_a_loss_ends_the_stream_quietly() -> None:
    bench = Bench([then_lost(10), *(DeviceError("none") for _ in range(100))], first_wait_s=1.0)
    bench.stop.at = bench.clocks.utc_s + 100.0
    *_, last = bench.blocks()
    assert (last.gap_cause, len(last.samples)) == ("device lost", 0)


def test_outside_its_schedule_the_microphone_is_closed_and_the_pause_is_a_gap(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench([in_time(100), in_time(100)], ScheduleSettings(listen_s=6, every_s=12))
    with caplog.at_level(logging.INFO):
        blocks = bench.blocks()
    assert gaps_of(blocks) == [("paused by schedule", 6.0)]
    markers = [block.gap_cause for block in blocks if not len(block.samples)]
    assert markers == ["paused by schedule"] * 2  # the second pause lasts until the stop
    assert sum(len(block.samples) for block in blocks) == 2 * 6 * RATE_HZ
    assert bench.reconnecting.losses == 0
    assert bench.gaps == []
    pauses = [text for text in caplog.messages if text.startswith("paused by schedule: closed until ")]
    assert len(pauses) == 2
    assert [s - START_S for s in bench.waiting_s[:6]] == [6, 7, 8, 9, 10, 11]


def test_a_device_that_is_missing_after_a_pause_is_lost_from_then_on() -> None:
    missing = [DeviceError("none") for _ in range(4)]
    bench = Bench(
        [in_time(100), *missing, in_time(2)], ScheduleSettings(listen_s=60, every_s=120), first_wait_s=1.0
    )
    bench.stop.at = START_S + 179
    blocks = bench.blocks()
    assert [(cause, at_s - START_S) for cause, at_s in bench.gaps] == [("device lost", 120.0)]
    ((cause, gap_s),) = gaps_of(blocks)
    assert cause == "device lost"
    assert gap_s == pytest.approx(75.0, abs=1.0)  # the pause, and waits of 1, 2, 4 and 8 s


def test_after_a_device_is_lost_the_pause_of_the_schedule_is_a_pause() -> None:
    bench = Bench([then_lost(58), in_time(10)], ScheduleSettings(listen_s=60, every_s=600), first_wait_s=5.0)
    bench.stop.at = START_S + 605
    blocks = bench.blocks()
    assert next(block.gap_cause for block in blocks if not len(block.samples)) == "device lost"
    assert [(cause, at_s - START_S) for cause, at_s in bench.gaps] == [("paused by schedule", 60.0)]
    assert [cause for cause, _ in gaps_of(blocks)] == ["paused by schedule"]


def test_a_device_that_is_missing_in_several_windows_is_lost_in_each() -> None:
    missing = [DeviceError("none") for _ in range(100)]
    bench = Bench([then_lost(10), *missing], ScheduleSettings(listen_s=60, every_s=120), first_wait_s=1.0)
    bench.stop.at = START_S + 300
    bench.blocks()
    causes = [cause for cause, _ in bench.gaps]
    assert causes == ["paused by schedule", "device lost", "paused by schedule", "device lost"]
    assert [at_s - START_S for cause, at_s in bench.gaps if cause == "device lost"] == [120.0, 240.0]


def test_a_pause_is_reported_again_when_the_stream_is_opened_again_in_it() -> None:
    bench = Bench([in_time(100), in_time(10)], ScheduleSettings(listen_s=60, every_s=600))
    bench.stop.at = START_S + 70
    bench.blocks()
    bench.stop.clear()
    bench.stop.at = None
    assert bench.reconnecting.open(bench.stop)
    assert bench.gaps == [("paused by schedule", START_S + 70)]


@pytest.mark.parametrize("changes", [True, False])
def test_after_a_pause_devices_are_rescanned_only_if_sound_cards_changed(
    forgotten: list[str], monkeypatch: pytest.MonkeyPatch, changes: bool
) -> None:
    bench = Bench([in_time(100), in_time(100)], ScheduleSettings(listen_s=6, every_s=12))
    bench.stop.at = START_S + 20
    monkeypatch.setattr(
        reconnecting_microphone,
        "sound_cards",
        lambda: "0 1" if changes and bench.clocks.utc_s > START_S + 9 else "0",
    )
    blocks = bench.blocks()
    assert gaps_of(blocks) == [("paused by schedule", 6.0)]
    assert len(forgotten) == changes


def test_a_schedule_that_is_closed_at_the_start_is_waited_for_and_reported() -> None:
    bench = Bench([in_time(1)], ScheduleSettings(listen_s=6, every_s=12))
    bench.clocks.advance(8.0)
    assert bench.reconnecting.open(bench.stop)
    assert bench.gaps == [("paused by schedule", START_S + 8)]
    assert bench.clocks.utc_s == START_S + 12
    assert len(bench.waiting_s) == 4


def test_a_stop_ends_a_pause_within_a_second() -> None:
    bench = Bench([in_time(100)], ScheduleSettings(listen_s=6, every_s=600))
    bench.stop.at = bench.clocks.utc_s + 60.0
    bench.blocks()
    assert bench.clocks.utc_s <= START_S + 61.0


@pytest.mark.parametrize("value", [0.0, 0.25, np.nan, np.inf])
def test_one_constant_value_for_half_a_minute_is_a_loss(
    value: float, caplog: pytest.LogCaptureFixture
) -> None:
    flat = np.full((len(NOISE), 1), value, np.float32)
    bench = Bench([lambda m: m.deliver(FLAT_S + 5, samples=flat), in_time(5)])
    blocks = bench.blocks()
    assert bench.reconnecting.losses == 1
    flat_blocks = [block for block in blocks if block.samples is flat]
    assert sum(len(block.samples) for block in flat_blocks) == FLAT_S * RATE_HZ
    assert caplog.messages[0].startswith("'fake' delivered one constant value for 30 s; trying again")


def test_silence_with_occasional_sound_is_not_a_loss() -> None:
    flat = np.zeros((len(NOISE), 1), np.float32)

    def mostly_silent(microphone: FakeMicrophone) -> Iterator[Block]:
        for _ in range(5):
            yield from microphone.deliver(FLAT_S - 1, samples=flat)
            yield from microphone.deliver(BLOCK_S)

    assert Bench([mostly_silent]).losses() == 0


def test_a_device_that_comes_back_with_another_rate_ends_the_stream() -> None:
    bench = Bench([then_lost(10), in_time(5)])
    assert bench.reconnecting.open(bench.stop)
    blocks = bench.reconnecting.blocks(bench.stop)
    for block in blocks:
        if block.gap_cause:
            break
    bench.microphone.sample_rate_hz = 44_100
    with pytest.raises(
        DeviceError, match="'fake' came back with 44100 Hz instead of 8000: start birdedge again"
    ):
        next(blocks)


def test_it_exposes_the_open_microphone_and_passes_on_the_minimum_block() -> None:
    bench = Bench([in_time(1)])
    source = bench.reconnecting
    assert (source.name, source.sample_rate_hz, source.channels) == ("fake", RATE_HZ, 1)
    source.set_min_block(99)
    assert bench.microphone.min_block_samples == 99
