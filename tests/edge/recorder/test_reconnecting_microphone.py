"""A microphone that lies about its rate is lost; one whose sound was held up is not."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from birdedge.edge.recorder import reconnecting_microphone as capture_module
from birdedge.edge.recorder.reconnecting_microphone import RATE_S, WRONG_S, ReconnectingMicrophone
from birdedge.edge.recorder.schedule import Schedule, ScheduleSettings

RATE_HZ = 8_000
BLOCK_S = 0.5


class FakeMicrophone:
    """Each item of `script` is by how many seconds the clock goes on, and how many seconds of sound it counts then."""

    device, sample_rate_hz, channels = SimpleNamespace(name="fake"), RATE_HZ, 1

    def __init__(self, clock, script):
        self._clock, self._script, self.opened, self.delivered_samples = clock, script, 0, 0

    def open(self):
        self.opened += 1
        self.delivered_samples = 0

    def close(self):
        pass

    def blocks(self, stop):
        for passed_s, counted_s in self._script if self.opened == 1 else []:
            self._clock.now_s += passed_s
            self.delivered_samples += round(counted_s * RATE_HZ)
            yield 0, np.linspace(0, 1, round(BLOCK_S * RATE_HZ), dtype=np.float32)[:, np.newaxis]
        stop.set()


@pytest.fixture
def losses(monkeypatch):
    """How often the device was lost by such a script."""

    def run(script):
        clock = SimpleNamespace(now_s=1000.0)
        monkeypatch.setattr(capture_module, "monotonic_s", lambda: clock.now_s)
        monkeypatch.setattr(capture_module, "forget_devices", lambda: None)
        monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.0)
        always = Schedule(ScheduleSettings(), None, None)
        capture = ReconnectingMicrophone(FakeMicrophone(clock, script), always, lambda: None, lambda: None)
        stop = threading.Event()
        assert capture.open(stop)
        for _ in capture.blocks(stop):
            pass
        return capture.losses

    return run


def in_time(seconds):
    return [(BLOCK_S, BLOCK_S)] * round(seconds / BLOCK_S)


def test_a_rate_that_is_right_is_no_loss(losses):
    assert losses(in_time(60)) == 0


def test_a_rate_that_is_wrong_is_a_loss_some_seconds_after_it_is_sure(losses):
    slow = [(BLOCK_S, 0.95 * BLOCK_S)]
    assert losses(slow * round((RATE_S + WRONG_S - 1) / BLOCK_S)) == 0
    assert losses(slow * round((RATE_S + WRONG_S + 1) / BLOCK_S)) == 1


def test_sound_that_was_held_up_for_longer_is_no_wrong_rate(losses):
    held_up = [(5 + BLOCK_S, BLOCK_S), *[(0.0, BLOCK_S)] * 10]
    assert losses([*in_time(30), *held_up, *in_time(30)]) == 0
