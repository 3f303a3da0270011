"""Samples lost before the callback are estimated from arrival times, and become a gap at their position."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.audio import microphone as microphone_module
from birdedge.edge.audio.devices import InputDevice
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.audio.overrun import STEADY_S, OverrunDetector
from birdedge.edge.audio.ring_buffer import SampleRing
from birdedge.edge.block import Block
from birdedge.edge.errors import DeviceLostError
from birdedge.edge.times import ClockReading

RATE_HZ = 48_000
BLOCK = 3072
BLOCK_S = BLOCK / RATE_HZ


def lost(arrivals_s: Iterable[float], overflowed: Container[int] = (), age_s: float = BLOCK_S) -> list[int]:
    """Return the loss detected before each block; an overflow is reported for the blocks in `overflowed`."""
    detector = OverrunDetector(RATE_HZ)
    return [detector.lost_samples(BLOCK, at_s, age_s, n in overflowed) for n, at_s in enumerate(arrivals_s)]


def on_time(count: int, late_s: float = 0.0, first: int = 0) -> list[float]:
    return [1000.0 + late_s + (first + n + 1) * BLOCK_S for n in range(count)]


def test_blocks_on_time_are_not_a_loss() -> None:
    random = np.random.default_rng(1)
    jitter_s = random.uniform(0, 0.04, 1000)
    assert not any(lost(on_time(1000) + jitter_s))


@pytest.mark.parametrize("lost_s", [0.01, 0.192, 3.0, 3600.0])
def test_a_reported_loss_lasts_for_the_time_between_two_blocks(lost_s: float) -> None:
    found = lost([*on_time(20), *on_time(50, lost_s, 20)], overflowed={20})
    assert found[20] == pytest.approx(lost_s * RATE_HZ, abs=1)
    assert sum(found) == found[20]


def test_a_late_callback_does_not_lengthen_a_reported_loss() -> None:
    detector = OverrunDetector(RATE_HZ)
    for at_s in on_time(10):
        detector.lost_samples(BLOCK, at_s, BLOCK_S, False)
    # Half a second was lost, then the callback was 0.3 s late, which the timestamp of the block includes.
    at_s = on_time(1, 0.5 + 0.3, 10)[0]
    assert detector.lost_samples(BLOCK, at_s, BLOCK_S + 0.3, True) == pytest.approx(0.5 * RATE_HZ, abs=1)


@pytest.mark.parametrize("lost_s", [0.15, 3.6, 600.0])
def test_an_unreported_loss_is_detected_within_a_second(lost_s: float) -> None:
    found = lost([*on_time(20), *on_time(50, lost_s, 20)])
    at = np.flatnonzero(found)
    assert len(at) == 1
    assert 20 < at[0] <= 20 + STEADY_S / BLOCK_S + 1
    assert found[at[0]] == pytest.approx(lost_s * RATE_HZ, abs=1)


def test_delayed_blocks_are_not_a_loss() -> None:
    delayed = [1000.0 + 21 * BLOCK_S + 3.0 + 1e-4 * n for n in range(47)]  # 3 s in 5 ms
    assert not any(lost([*on_time(20), *delayed, *on_time(50, first=67)]))


def test_delayed_blocks_are_distinguished_from_dropped_ones() -> None:
    kept = [1000.0 + 20 * BLOCK_S + 10.0 + 1e-4 * n for n in range(100)]  # 6.4 s of 10
    found = lost([*on_time(20), *kept, *on_time(50, 3.6, 120)])
    assert sum(found) == pytest.approx(3.6 * RATE_HZ, abs=0.01 * RATE_HZ)
    assert not any(found[:120])


def test_blocks_that_arrive_in_bursts_of_two_seconds_are_not_a_loss() -> None:
    arrivals_s = [1000.0 + 2.0 * (1 + n * BLOCK_S // 2.0) for n in range(500)]
    assert not any(lost(arrivals_s))


def test_neither_clock_drift_nor_a_wrong_rate_is_a_loss() -> None:
    for off in (1e-4, 0.05):  # the second is a wrong rate, which `doctor` reports
        assert not any(lost([1000.0 + (n + 1) * BLOCK_S * (1 + off) for n in range(20_000)]))


def test_a_loss_before_the_ring_is_a_gap_at_its_position() -> None:
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
    """A device whose callback is called by the test, with or without a reported overflow."""

    latency, active = 0.192, True

    def __init__(self, callback: Callable[..., None], **_settings: Any) -> None:
        self._callback = callback

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def deliver(self, block: NDArray[np.float32], overflow: bool = False) -> None:
        time = SimpleNamespace(currentTime=5.0, inputBufferAdcTime=5.0 - len(block) / RATE_HZ)
        self._callback(block, len(block), time, SimpleNamespace(input_overflow=overflow))


class FakeDevice:
    """The device that a `Microphone` opens; a test moves its clock."""

    stream: FakeStream

    def __init__(self) -> None:
        self.now_s = 1000.0

    def read(self) -> ClockReading:
        return ClockReading(self.now_s, 1e9 + self.now_s, True)

    def deliver(self, values: Iterable[float], overflow_at: int | None = None, lost_s: float = 0.0) -> None:
        """Deliver a block per value, with an overflow before one of them."""
        for number, value in enumerate(values):
            self.now_s += BLOCK_S + (lost_s if number == overflow_at else 0.0)
            self.stream.deliver(np.full((BLOCK, 1), value, np.float32), overflow=number == overflow_at)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> FakeDevice:
    fake = FakeDevice()

    def opened(**settings: Any) -> FakeStream:
        fake.stream = FakeStream(**settings)
        return fake.stream

    found = InputDevice("fake", "none", 1, RATE_HZ, True, 0)
    portaudio = SimpleNamespace(InputStream=opened, PortAudioError=RuntimeError)
    monkeypatch.setattr(microphone_module, "find_input_device", lambda _: found)
    monkeypatch.setattr(microphone_module, "portaudio", lambda: portaudio)
    monkeypatch.setattr(microphone_module, "monotonic_s", lambda: fake.now_s)
    return fake


@pytest.fixture
def stopped() -> threading.Event:
    """A stop that is already set: a microphone yields the blocks that have arrived, and ends."""
    stop = threading.Event()
    stop.set()
    return stop


def test_a_reported_overflow_is_a_gap_before_the_next_block(
    device: FakeDevice, stopped: threading.Event
) -> None:
    with Microphone(read=device.read) as microphone:
        device.deliver(range(10), overflow_at=6, lost_s=0.75)
        first, second = microphone.blocks(stopped)
    assert (first.gap_samples, first.gap_cause) == (0, None)
    assert (second.gap_samples, second.gap_cause) == (round(0.75 * RATE_HZ), "overrun")
    assert (len(first.samples), len(second.samples)) == (6 * BLOCK, 4 * BLOCK)
    assert second.samples[0, 0] == 6
    assert microphone.overflows == 1
    assert microphone.delivered_samples == 10 * BLOCK + round(0.75 * RATE_HZ)
    assert microphone.dropped_samples == round(0.75 * RATE_HZ)


def test_samples_that_a_full_ring_could_not_hold_are_a_gap(
    device: FakeDevice, stopped: threading.Event
) -> None:
    with Microphone(read=device.read, ring_s=2.0) as microphone:
        device.deliver(range(40))  # 2.56 s
        before = list(microphone.blocks(stopped))
        device.deliver([40.0])
        (after,) = microphone.blocks(stopped)
    kept = sum(len(block.samples) for block in before)
    assert kept == 2 * RATE_HZ
    assert not any(block.gap_samples for block in before)
    assert (after.gap_samples, after.gap_cause) == (40 * BLOCK - kept, "overrun")


def test_blocks_are_stamped_with_the_arrival_of_their_last_sample(
    device: FakeDevice, stopped: threading.Event
) -> None:
    with Microphone(read=device.read) as microphone:
        device.deliver(range(20))  # 1.28 s
        device.now_s += 0.5  # the reader is late
        blocks = list(microphone.blocks(stopped))
    assert [len(block.samples) for block in blocks] == [RATE_HZ // 2, RATE_HZ // 2, round(0.28 * RATE_HZ)]
    arrivals_s = [block.arrived.boot_s for block in blocks if block.arrived is not None]
    assert arrivals_s == pytest.approx([device.now_s - 0.78, device.now_s - 0.28, device.now_s])
    assert all(b.arrived and b.arrived.utc_s - b.arrived.boot_s == 1e9 for b in blocks)
    assert all(b.arrived and b.arrived.synchronized for b in blocks)


def test_waiting_audio_is_counted(device: FakeDevice, stopped: threading.Event) -> None:
    with Microphone(read=device.read) as microphone:
        device.deliver(range(5))
        assert microphone.waiting_samples == 5 * BLOCK
        list(microphone.blocks(stopped))
        assert microphone.waiting_samples == 0


def test_a_reopened_microphone_starts_with_an_empty_ring(
    device: FakeDevice, stopped: threading.Event
) -> None:
    with Microphone(read=device.read) as microphone:
        device.deliver(range(5))
        microphone.close()
        microphone.close()  # which does nothing
        microphone.open()
        assert (microphone.waiting_samples, microphone.delivered_samples) == (0, 0)
        device.deliver([9.0])
        (block,) = microphone.blocks(stopped)
    assert block.samples[:, 0].tolist() == [9.0] * BLOCK


def test_the_reader_wakes_for_its_minimum_block(device: FakeDevice) -> None:
    stop = threading.Event()
    lengths: list[int] = []
    with Microphone(read=device.read) as microphone:

        def read() -> None:
            microphone.set_min_block(3 * BLOCK)
            lengths.extend(len(block.samples) for block in microphone.blocks(stop))

        reader = threading.Thread(target=read)
        reader.start()
        device.deliver([0.0] * 7)
        stop.set()
        reader.join()
    assert sum(lengths) == 7 * BLOCK
    assert all(length >= 3 * BLOCK for length in lengths[:-1])


def test_a_stalled_device_is_lost_after_a_last_block_shorter_than_the_minimum(
    device: FakeDevice,
) -> None:
    found: list[Block] = []
    with Microphone(stall_s=0.5, read=device.read) as microphone:
        microphone.set_min_block(3 * BLOCK)
        device.deliver([0.0])
        with pytest.raises(DeviceLostError, match=r"'fake' delivered nothing for 0\.5 s"):
            found.extend(microphone.blocks(threading.Event()))
    assert sum(len(block.samples) for block in found) == BLOCK


def test_the_audio_that_had_arrived_is_read_before_a_stopped_device_is_lost(device: FakeDevice) -> None:
    found: list[Block] = []
    with Microphone(read=device.read) as microphone:
        device.deliver(range(3))
        device.stream.active = False
        with pytest.raises(DeviceLostError, match="'fake' stopped: check that it is still plugged in"):
            found.extend(microphone.blocks(threading.Event()))
    assert sum(len(block.samples) for block in found) == 3 * BLOCK
