"""Samples lost before the callback are estimated from arrival times, and become a gap at their position."""

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from birdedge.edge.audio import microphone as microphone_module
from birdedge.edge.audio.devices import InputDevice
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.audio.overrun import STEADY_S, OverrunDetector
from birdedge.edge.audio.ring_buffer import SampleRing
from birdedge.edge.errors import DeviceLostError

RATE_HZ = 48_000
BLOCK = 3072
BLOCK_S = BLOCK / RATE_HZ


def lost(arrivals_s, overflowed=(), age_s=BLOCK_S, rate_hz=RATE_HZ):
    """Return the loss detected before each block; an overflow is reported for the blocks in `overflowed`."""
    detector = OverrunDetector(rate_hz)
    return [detector.lost_samples(BLOCK, at_s, age_s, n in overflowed) for n, at_s in enumerate(arrivals_s)]


def on_time(count, late_s=0.0, first=0):
    return [1000.0 + late_s + (first + n + 1) * BLOCK_S for n in range(count)]


def test_blocks_on_time_are_no_loss():
    random = np.random.default_rng(1)
    jitter_s = random.uniform(0, 0.04, 1000)
    assert not any(lost(on_time(1000) + jitter_s))


@pytest.mark.parametrize("lost_s", [0.01, 0.192, 3.0, 3600.0])
def test_a_reported_loss_is_the_time_between_two_blocks(lost_s):
    found = lost([*on_time(20), *on_time(50, lost_s, 20)], overflowed={20})
    assert found[20] == pytest.approx(lost_s * RATE_HZ, abs=1)
    assert sum(found) == found[20]


def test_a_late_callback_does_not_lengthen_a_reported_loss():
    detector = OverrunDetector(RATE_HZ)
    for at_s in on_time(10):
        detector.lost_samples(BLOCK, at_s, BLOCK_S, False)
    # Half a second was lost, then the callback was 0.3 s late, which the timestamp of the block includes.
    at_s = on_time(1, 0.5 + 0.3, 10)[0]
    assert detector.lost_samples(BLOCK, at_s, BLOCK_S + 0.3, True) == pytest.approx(0.5 * RATE_HZ, abs=1)


@pytest.mark.parametrize("lost_s", [0.15, 3.6, 600.0])
def test_an_unreported_loss_is_detected_within_a_second(lost_s):
    found = lost([*on_time(20), *on_time(50, lost_s, 20)])
    at = np.flatnonzero(found)
    assert len(at) == 1
    assert 20 < at[0] <= 20 + STEADY_S / BLOCK_S + 1
    assert found[at[0]] == pytest.approx(lost_s * RATE_HZ, abs=1)


def test_delayed_blocks_are_no_loss():
    delayed = [1000.0 + 21 * BLOCK_S + 3.0 + 1e-4 * n for n in range(47)]  # 3 s in 5 ms
    assert not any(lost([*on_time(20), *delayed, *on_time(50, first=67)]))


def test_delayed_blocks_are_distinguished_from_dropped_ones():
    kept = [1000.0 + 20 * BLOCK_S + 10.0 + 1e-4 * n for n in range(100)]  # 6.4 s of 10
    found = lost([*on_time(20), *kept, *on_time(50, 3.6, 120)])
    assert sum(found) == pytest.approx(3.6 * RATE_HZ, abs=0.01 * RATE_HZ)
    assert not any(found[:120])


def test_blocks_that_arrive_in_bursts_of_two_seconds_are_no_loss():
    arrivals_s = [1000.0 + 2.0 * (1 + n * BLOCK_S // 2.0) for n in range(500)]
    assert not any(lost(arrivals_s))


def test_neither_clock_drift_nor_a_wrong_rate_is_a_loss():
    for off in (1e-4, 0.05):  # the second is a wrong rate, which `doctor` reports
        assert not any(lost([1000.0 + (n + 1) * BLOCK_S * (1 + off) for n in range(20_000)]))


def test_a_loss_before_the_ring_is_a_gap_at_its_position():
    ring = SampleRing(10, 1)
    ring.write(np.ones((3, 1), np.float32))
    ring.lose(7)
    ring.write(np.full((2, 1), 2, np.float32))
    assert [(gap, block.ravel().tolist()) for gap, block in (ring.read(9), ring.read(9))] == [
        (0, [1, 1, 1]),
        (7, [2, 2]),
    ]
    assert (ring.dropped_samples, ring.offered_samples) == (7, 12)


class FakeStream:
    """A device whose callback the test calls, with a reported overflow or without."""

    latency, active = 0.192, True

    def __init__(self, clock, callback, **_):
        self._clock, self._callback = clock, callback

    def start(self):
        pass

    close = start

    def give(self, block, overflow=False):
        time = SimpleNamespace(currentTime=5.0, inputBufferAdcTime=5.0 - len(block) / RATE_HZ)
        self._callback(block, len(block), time, SimpleNamespace(input_overflow=overflow))


@pytest.fixture
def stream(monkeypatch):
    """A fake stream for `Microphone`; `stream.now_s` is its clock."""
    given = SimpleNamespace(now_s=1000.0)

    def opened(**settings):
        given.device = FakeStream(given, **settings)
        return given.device

    device = InputDevice("fake", "none", 1, RATE_HZ, True, 0)
    portaudio = SimpleNamespace(InputStream=opened, PortAudioError=RuntimeError)
    monkeypatch.setattr(microphone_module, "find_input_device", lambda _: device)
    monkeypatch.setattr(microphone_module, "portaudio", lambda: portaudio)
    monkeypatch.setattr(microphone_module, "monotonic_s", lambda: given.now_s)
    return given


def test_a_reported_overflow_is_a_gap_before_the_next_block(stream):
    stop = threading.Event()
    stop.set()  # yields what has arrived, and ends
    with Microphone() as microphone:
        for n in range(10):
            stream.now_s += BLOCK_S + (0.75 if n == 6 else 0)
            stream.device.give(np.full((BLOCK, 1), n, np.float32), overflow=n == 6)
        found = list(microphone.blocks(stop))
    assert [gap for gap, _ in found] == [0, round(0.75 * RATE_HZ)]
    assert found[1][1][0, 0] == 6
    assert microphone.overflows == 1
    assert microphone.delivered_samples == 10 * BLOCK + round(0.75 * RATE_HZ)


def test_the_reader_wakes_for_its_minimum_block(stream):
    stop, lengths = threading.Event(), []
    with Microphone() as microphone:

        def read():
            microphone.set_min_block(3 * BLOCK)
            for _, block in microphone.blocks(stop):
                lengths.append(len(block))

        reader = threading.Thread(target=read)
        reader.start()
        for _ in range(7):
            stream.now_s += BLOCK_S
            stream.device.give(np.zeros((BLOCK, 1), np.float32))
        stop.set()
        reader.join()
    assert sum(lengths) == 7 * BLOCK
    assert all(length >= 3 * BLOCK for length in lengths[:-1])


def test_a_device_that_stops_delivering_is_lost_after_a_last_block_below_the_minimum(stream):
    found: list[Any] = []
    with Microphone(stall_s=0.5) as microphone:
        microphone.set_min_block(3 * BLOCK)
        stream.device.give(np.zeros((BLOCK, 1), np.float32))
        with pytest.raises(DeviceLostError, match=r"'fake' delivered nothing for 0\.5 s"):
            found.extend(microphone.blocks(threading.Event()))
    assert sum(len(block) for _, block in found) == BLOCK
