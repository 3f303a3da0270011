"""What was lost before it reached us is known by the clock, and becomes a gap at its place."""

import threading
from types import SimpleNamespace

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


def lost(arrivals_s, told=(), waited_s=BLOCK_S, rate_hz=RATE_HZ):
    """What is found before each of the blocks that arrive at these times; those in `told` after an overflow."""
    overruns = OverrunDetector(rate_hz)
    return [overruns.lost_samples(BLOCK, at_s, waited_s, n in told) for n, at_s in enumerate(arrivals_s)]


def in_time(count, late_s=0.0, first=0):
    return [1000.0 + late_s + (first + n + 1) * BLOCK_S for n in range(count)]


def test_sound_that_comes_in_time_lost_nothing():
    random = np.random.default_rng(1)
    jitter_s = random.uniform(0, 0.04, 1000)
    assert not any(lost(in_time(1000) + jitter_s))


@pytest.mark.parametrize("lost_s", [0.01, 0.192, 3.0, 3600.0])
def test_what_a_device_says_it_lost_is_what_fits_between_two_blocks(lost_s):
    found = lost([*in_time(20), *in_time(50, lost_s, 20)], told={20})
    assert found[20] == pytest.approx(lost_s * RATE_HZ, abs=1)
    assert sum(found) == found[20]


def test_an_overflow_on_a_busy_machine_is_no_longer_than_it_was():
    overruns = OverrunDetector(RATE_HZ)
    for at_s in in_time(10):
        overruns.lost_samples(BLOCK, at_s, BLOCK_S, False)
    # Half a second was lost, and then the callback came 0.3 s late, of which the device knows.
    at_s = in_time(1, 0.5 + 0.3, 10)[0]
    assert overruns.lost_samples(BLOCK, at_s, BLOCK_S + 0.3, True) == pytest.approx(0.5 * RATE_HZ, abs=1)


@pytest.mark.parametrize("lost_s", [0.15, 3.6, 600.0])
def test_what_a_sound_server_drops_in_silence_shows_within_a_second(lost_s):
    found = lost([*in_time(20), *in_time(50, lost_s, 20)])
    at = np.flatnonzero(found)
    assert len(at) == 1
    assert 20 < at[0] <= 20 + STEADY_S / BLOCK_S + 1
    assert found[at[0]] == pytest.approx(lost_s * RATE_HZ, abs=1)


def test_sound_that_was_only_held_up_lost_nothing():
    held_up = [1000.0 + 21 * BLOCK_S + 3.0 + 1e-4 * n for n in range(47)]  # 3 s in 5 ms
    assert not any(lost([*in_time(20), *held_up, *in_time(50, first=67)]))


def test_the_end_of_what_a_server_kept_is_told_from_what_it_dropped():
    kept = [1000.0 + 20 * BLOCK_S + 10.0 + 1e-4 * n for n in range(100)]  # 6.4 s of 10
    found = lost([*in_time(20), *kept, *in_time(50, 3.6, 120)])
    assert sum(found) == pytest.approx(3.6 * RATE_HZ, abs=0.01 * RATE_HZ)
    assert not any(found[:120])


def test_a_server_that_hands_over_two_seconds_at_a_time_lost_nothing():
    arrivals_s = [1000.0 + 2.0 * (1 + n * BLOCK_S // 2.0) for n in range(500)]
    assert not any(lost(arrivals_s))


def test_neither_a_crystal_that_drifts_nor_a_false_rate_is_a_loss():
    for off in (1e-4, 0.05):  # the second is told as a wrong rate
        assert not any(lost([1000.0 + (n + 1) * BLOCK_S * (1 + off) for n in range(20_000)]))


def test_the_ring_tells_what_was_lost_before_it_at_its_place():
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
    """A device whose callback a test calls; it runs over where the test says so."""

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
    """A microphone on a fake stream: `stream.now_s` is its clock."""
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


def test_a_stream_that_overflows_gives_a_gap_of_that_length_before_the_next_block(stream):
    stop = threading.Event()
    stop.set()  # gives what is there, and ends
    with Microphone() as microphone:
        for n in range(10):
            stream.now_s += BLOCK_S + (0.75 if n == 6 else 0)
            stream.device.give(np.full((BLOCK, 1), n, np.float32), overflow=n == 6)
        found = list(microphone.blocks(stop))
    assert [gap for gap, _ in found] == [0, round(0.75 * RATE_HZ)]
    assert found[1][1][0, 0] == 6
    assert microphone.overflows == 1
    assert microphone.delivered_samples == 10 * BLOCK + round(0.75 * RATE_HZ)


def test_a_reader_is_woken_for_as_much_as_it_wants(stream):
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


def test_a_device_that_falls_silent_is_lost_after_the_sound_for_which_nobody_was_woken(stream):
    found = []
    with Microphone(stall_s=0.5) as microphone:
        microphone.set_min_block(3 * BLOCK)
        stream.device.give(np.zeros((BLOCK, 1), np.float32))
        with pytest.raises(DeviceLostError, match=r"'fake' delivered nothing for 0\.5 s"):
            found.extend(microphone.blocks(threading.Event()))
    assert sum(len(block) for _, block in found) == BLOCK
