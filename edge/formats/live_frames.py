"""Packets of the live feed: spectrogram and mask, audio, and JSON. Writing needs numpy, reading does not.

A packet begins with a 16-byte header, little-endian, or is a JSON object.

Frames: type 1, flags, bins, frames, root mean square and peak of the audio in half decibels below full scale, and the
UTC of the first frame's centre. Then `frames * bins` levels in steps of 0.6 dB above -100 dB, and `frames * bins / 8`
bits of the mask, the first bin in the highest bit.

Audio: type 2, flags, 0, sample rate, and the UTC of the first sample. Then 16-bit PCM of one channel.

Flag 1: something is missing between the previous packet and this one. UTC comes from the recorder's clock; if it is
unknown, the field holds the seconds since the stream began.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:  # a program that passes packets on needs no numpy
    import numpy as np
    from numpy.typing import NDArray

FRAMES, AUDIO = 1, 2
GAP = 1
FLAGS_AT = 1
FRAMES_HEADER, AUDIO_HEADER = struct.Struct("<BBHHBBd"), struct.Struct("<BBHId")
HEADER_BYTES = 16
MIN_LEVEL_DB, LEVEL_STEP_DB = -100.0, 0.6  # a full-scale sine in one bin reaches 42 dB
MAX_FRAMES, MAX_SAMPLES = 64, 16_384  # of one packet
_DB_PER_NEPER = 20 / math.log(10)

MessageType = Literal["state", "event", "gap"]


class FramesHeader(NamedTuple):
    """The header of a packet of frames."""

    gap: bool  # whether something is missing before it
    bins: int
    frames: int
    rms_dbfs: float
    peak_dbfs: float
    utc_s: float


class AudioHeader(NamedTuple):
    """The header of a packet of audio."""

    gap: bool  # whether something is missing before it
    sample_rate_hz: int
    utc_s: float


def levels(level: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return natural logarithms of magnitudes as steps of `LEVEL_STEP_DB` above `MIN_LEVEL_DB`."""
    steps = (level * _DB_PER_NEPER - MIN_LEVEL_DB) / LEVEL_STEP_DB
    quantized: NDArray[np.uint8] = steps.round().clip(0, 255).astype("uint8")
    return quantized


def frames_packets(
    level: NDArray[np.float32],
    mask: NDArray[np.bool_],
    utc_s: float,
    hop_s: float,
    loudness_dbfs: tuple[float, float],
    gap: bool = False,
) -> Iterator[bytes]:
    """Yield the packets of consecutive frames.

    Args:
        level: `[frames, bins]`, natural logarithm of magnitude.
        mask: `[frames, bins]`, whether a bin is bird sound.
        utc_s: UTC of the centre of the first frame.
        hop_s: Seconds between frames.
        loudness_dbfs: Root mean square and peak of the audio.
        gap: Whether something is missing before them.
    """
    import numpy as np

    quantized = levels(level)
    rms, peak = (min(255, max(0, round(-2 * dbfs))) for dbfs in loudness_dbfs)
    for at in range(0, len(mask), MAX_FRAMES):
        piece = quantized[at : at + MAX_FRAMES]
        flags = GAP if gap and at == 0 else 0
        header = FRAMES_HEADER.pack(FRAMES, flags, mask.shape[1], len(piece), rms, peak, utc_s + at * hop_s)
        yield header + piece.tobytes() + np.packbits(mask[at : at + MAX_FRAMES]).tobytes()


def audio_packets(
    samples: NDArray[np.float32], sample_rate_hz: int, utc_s: float, gap: bool = False
) -> Iterator[bytes]:
    """Yield the packets of consecutive samples of one channel, `[samples]`; `utc_s` is the UTC of the first."""
    pcm = (samples * 32_768).round().clip(-32_768, 32_767).astype("<i2")
    for at in range(0, len(pcm), MAX_SAMPLES):
        flags = GAP if gap and at == 0 else 0
        header = AUDIO_HEADER.pack(AUDIO, flags, 0, sample_rate_hz, utc_s + at / sample_rate_hz)
        yield header + pcm[at : at + MAX_SAMPLES].tobytes()


def message_packet(kind: MessageType, fields: Mapping[str, Any]) -> bytes:
    """Return a JSON object as a packet; NaN and infinity are null, other numbers are exact."""
    values = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in fields.items()
    }
    return json.dumps({"type": kind, **values}, allow_nan=False).encode()


def kind_of(packet: bytes) -> MessageType | Literal["frames", "audio"]:
    """Return the kind of a packet."""
    if packet[0] in (FRAMES, AUDIO):
        return "frames" if packet[0] == FRAMES else "audio"
    kind: MessageType = json.loads(packet)["type"]
    return kind


def frames_header(packet: bytes) -> FramesHeader:
    """Return the header of a packet of frames."""
    _, flags, bins, frames, rms, peak, utc_s = FRAMES_HEADER.unpack_from(packet)
    return FramesHeader(bool(flags & GAP), bins, frames, -rms / 2, -peak / 2, utc_s)


def audio_header(packet: bytes) -> AudioHeader:
    """Return the header of a packet of audio."""
    _, flags, _, sample_rate_hz, utc_s = AUDIO_HEADER.unpack_from(packet)
    return AudioHeader(bool(flags & GAP), sample_rate_hz, utc_s)


def after_gap(packet: bytes) -> bytes:
    """Return a packet of frames or audio, flagged as having something missing before it."""
    return packet[:FLAGS_AT] + bytes([packet[FLAGS_AT] | GAP]) + packet[FLAGS_AT + 1 :]
