"""Events are kept in 124 bytes each, without their masks and otherwise unchanged."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np

from birdedge.edge.archive.event_buffer import EventBuffer
from birdedge.edge.event import Event
from birdedge.edge.mask import NO_MASK

EVENT = Event(0.1, 0.4, 2000.0, 3000.0, 2500.0, 0.97, 200.0, 9.0, 12, 32, NO_MASK)


def test_events_are_returned_in_order_without_their_masks() -> None:
    other = replace(EVENT, snr_db=float("nan"), score=np.float64(0.1), first_frame=2**40)
    buffer = EventBuffer([replace(EVENT, mask=np.ones((37, 16), np.uint8))])
    buffer.append(other)
    assert len(buffer) == 2
    for _ in range(2):  # it can be repeated
        assert [repr(event) for event in buffer] == [repr(EVENT), repr(replace(other, score=0.1))]
    assert all(event.mask is NO_MASK for event in buffer)


def test_the_class_and_the_history_of_an_event_are_kept() -> None:
    judged = [
        replace(EVENT, class_score=0.6, busy_10_s=0.3, busy_30_s=0.2, busy_60_s=0.1, alike=7),
        replace(EVENT, sound_class="frog", class_score=0.7, reason="other sound"),
        replace(EVENT, sound_class="insect", alike=2**40),
        replace(EVENT, reason="faint"),
        EVENT,
    ]
    assert [repr(event) for event in EventBuffer(judged)] == [repr(event) for event in judged]


def test_an_empty_buffer_has_no_events() -> None:
    assert len(EventBuffer()) == 0
    assert list(EventBuffer()) == []


def test_ten_thousand_events_take_less_than_1_5_megabytes() -> None:
    buffer = EventBuffer()
    tracemalloc.start()
    try:
        for _ in range(10_000):
            buffer.append(EVENT)
        grown_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(buffer) == 10_000
    assert grown_bytes < 1_500_000
