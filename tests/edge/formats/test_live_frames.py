"""Packets of the live feed, byte for byte."""

from __future__ import annotations

import json
import math
import struct

import numpy as np

from birdedge.edge.formats import live_frames
from birdedge.edge.formats.live_frames import (
    after_gap,
    audio_header,
    audio_packets,
    frames_header,
    frames_packets,
    kind_of,
    levels,
    message_packet,
)

UTC_S = 1_795_661_333.125
LEVEL = np.log(np.full((2, 16), 1e-3, np.float32))  # -60 dB
MASK = np.zeros((2, 16), np.bool_)
MASK[0, 0] = MASK[1, 15] = True


def test_a_packet_of_frames_has_the_documented_bytes() -> None:
    (packet,) = frames_packets(LEVEL, MASK, UTC_S, 0.008, (-30.2, -12.5), gap=True)
    header = struct.pack("<BBHHBBd", 1, 1, 16, 2, 60, 25, UTC_S)
    assert packet == header + bytes([67] * 32) + b"\x80\x00\x00\x01"
    assert frames_header(packet) == (True, 16, 2, -30.0, -12.5, UTC_S)
    assert kind_of(packet) == "frames"


def test_a_packet_of_audio_has_the_documented_bytes() -> None:
    samples = np.array([0.0, 0.5, -1.0, 1.0, 2.0], np.float32)
    (packet,) = audio_packets(samples, 48_000, UTC_S)
    assert packet == struct.pack("<BBHId", 2, 0, 0, 48_000, UTC_S) + struct.pack(
        "<5h", 0, 16384, -32768, 32767, 32767
    )
    assert audio_header(packet) == (False, 48_000, UTC_S)
    assert kind_of(packet) == "audio"


def test_levels_are_steps_of_0_6_db_from_the_floor_of_the_spectrogram() -> None:
    decibels = np.array([-300.0, -100.0, -99.8, -99.3, 0.0, 42.0, 53.0, 99.0])
    assert levels((decibels * math.log(10) / 20).astype(np.float32)).tolist() == [
        0,
        0,
        0,
        1,
        167,
        237,
        255,
        255,
    ]


def test_many_frames_are_split_into_several_packets_with_their_times() -> None:
    frames = 2 * live_frames.MAX_FRAMES + 3
    mask = np.random.default_rng(3).random((frames, 16)) > 0.5
    made = list(frames_packets(np.zeros((frames, 16), np.float32), mask, 100.0, 0.5, (-1.0, 0.0), gap=True))
    assert [frames_header(packet)[:3] for packet in made] == [(True, 16, 64), (False, 16, 64), (False, 16, 3)]
    assert [frames_header(packet).utc_s for packet in made] == [100.0, 132.0, 164.0]
    bits = b"".join(packet[16 + 16 * frames_header(packet).frames :] for packet in made)
    assert np.unpackbits(np.frombuffer(bits, np.uint8)).reshape(frames, 16).tolist() == mask.tolist()


def test_a_gap_can_be_marked_later() -> None:
    (packet,) = frames_packets(LEVEL, MASK, UTC_S, 0.008, (-127.5, -200.0))
    assert not frames_header(packet).gap
    assert frames_header(after_gap(packet)) == frames_header(packet)._replace(gap=True)
    assert after_gap(packet)[2:] == packet[2:]


def test_numbers_of_a_message_are_exact_and_never_nan() -> None:
    packet = message_packet("event", {"score": 0.1 + 0.2, "snr_db": math.nan, "sound_class": "bird"})
    assert json.loads(packet) == {"type": "event", "score": 0.1 + 0.2, "snr_db": None, "sound_class": "bird"}
    assert kind_of(packet) == "event"
