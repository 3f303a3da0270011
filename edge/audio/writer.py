"""Sound that grows, in 16 bits: a WAV or FLAC file that is whole whenever the program ends, or raw PCM.

What was lost is silence of the same length, so that the sound keeps its time. Where more than a minute is missing at
one place nothing is put there, and the log says so: a night of silence would fill a disk, and keep who listens waiting.
"""

from __future__ import annotations

import logging
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from birdedge.edge.errors import OutputError, SettingsError
from birdedge.edge.output import Sound
from birdedge.edge.system.atomic_file import output_errors

MAX_SILENCE_S = 60.0
FLAC_CHANNELS = 8
Int16 = NDArray[np.int16]
Writes = list[tuple[int, bytes]]  # where in the file, and what

log = logging.getLogger(__name__)


class _Raw:
    """Little-endian samples without a header."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        pass

    def encode(self, samples: Int16) -> Writes:
        return [(0, samples.astype("<i2").tobytes())]

    def close(self) -> Writes:
        return []


class _Wav:
    """WAV, and RF64 from 4 GiB on (EBU Tech 3306), whose chunk ds64 takes the place of JUNK."""

    HEADER = struct.Struct("<4sI4s 4sIQQQI 4sIHHIIHH 4sI")
    MAX_BYTES = 0xFFFF_FFFF

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate_hz, self._channels, self.data_bytes = sample_rate_hz, channels, 0

    def encode(self, samples: Int16) -> Writes:
        at, data = self.HEADER.size + self.data_bytes, samples.astype("<i2").tobytes()
        self.data_bytes += len(data)
        return [(at, data), (0, self._header())]

    def close(self) -> Writes:
        return []

    def _header(self) -> bytes:
        sample_bytes, riff_bytes = 2 * self._channels, self.HEADER.size - 8 + self.data_bytes
        is_long = riff_bytes > self.MAX_BYTES
        sizes = (riff_bytes, self.data_bytes, self.data_bytes // sample_bytes) if is_long else (0, 0, 0)
        byte_rate = self._rate_hz * sample_bytes
        return self.HEADER.pack(
            *(b"RF64" if is_long else b"RIFF", self.MAX_BYTES if is_long else riff_bytes, b"WAVE"),
            *(b"ds64" if is_long else b"JUNK", 28, *sizes, 0),
            *(b"fmt ", 16, 1, self._channels, self._rate_hz, byte_rate, sample_bytes, 16),
            *(b"data", self.MAX_BYTES if is_long else self.data_bytes),
        )


class _Flac:
    """FLAC (RFC 9639), whose header is told of each frame: libsndfile tells it of all only when it closes.

    To libsndfile this is the file; what it writes is noted, since it does not say what goes wrong on a disk.
    """

    LENGTH_AT = 18  # 64 bits: sample rate, channels, bits a sample, samples

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        if channels > FLAC_CHANNELS:
            raise SettingsError(
                f"FLAC holds {FLAC_CHANNELS} channels and {channels} are heard; name a .wav file"
            )
        self._writes: Writes = []
        self._at = self._end = self._samples = self._frame_samples = 0
        self._format = sample_rate_hz << 44 | (channels - 1) << 41 | (16 - 1) << 36
        self._sound = soundfile.SoundFile(self, "w", sample_rate_hz, channels, "PCM_16", format="FLAC")

    def encode(self, samples: Int16) -> Writes:
        self._sound.write(samples)
        self._samples += len(samples)
        writes, self._writes = self._writes, []
        if not self._frame_samples:
            self._frame_samples = struct.unpack_from(">H", b"".join(data for _, data in writes), 8)[0]
        # A frame is written when a sample more than it holds has come.
        written = (self._samples - 1) // self._frame_samples * self._frame_samples
        return [*writes, (self.LENGTH_AT, struct.pack(">Q", self._format | written))] if writes else []

    def close(self) -> Writes:
        self._sound.close()
        return self._writes

    def write(self, data: bytes) -> int:
        self._writes.append((self._at, bytes(data)))
        self._at += len(data)
        self._end = max(self._end, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        return self._at


Encoder = _Raw | _Wav | _Flac
ENCODERS: dict[str, type[_Wav] | type[_Flac]] = {".wav": _Wav, ".flac": _Flac}


class AudioWriter:
    """Adds sound to a file, which is made at once, or to standard output.

    What was not written because the disk failed counts as lost.

    Args:
        path: ends in .wav or .flac; None for raw PCM on standard output.
        replace: whether an earlier file of that name goes; else the new one has a number after its name.

    Attributes:
        path: where the sound goes.

    Raises:
        SettingsError: from `write`: more channels than FLAC can hold.
        OutputError: it cannot be written, or the sound has another rate than before; from `write` and `close` too.
    """

    def __init__(self, path: Path | None, replace: bool = False) -> None:
        self.path = path or Path("standard output")
        self._is_file = path is not None
        self._encoder: Encoder | None = None
        self._format = (0, 0)  # sample rate, channels
        self._pending: Writes = []
        self._samples = self._silent_samples = 0  # so far; of silence that comes before the next sound
        if path is None:
            self._fd = os.dup(sys.stdout.fileno())
            return
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            number = 1
            while not replace and self.path.exists():
                number += 1
                self.path = path.with_name(f"{path.stem}-{number}{path.suffix}")
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    def write(self, sound: Sound) -> None:
        """Add a piece of sound; after it is the place of what was lost."""
        scaled = np.rint(sound.samples * np.float32(32768)).clip(-32768, 32767)
        unwritten = len(scaled)
        try:
            if unwritten:
                encoder = self._begun(sound.sample_rate_hz, scaled.shape[1])
                self._save()
                self._put_silence(encoder)
                unwritten = 0  # but waiting
                self._put(encoder, scaled.astype(np.int16))
        finally:
            self._silent_samples += unwritten + sound.lost_samples

    def close(self) -> None:
        """Finish the file; one without sound is removed."""
        try:
            if self._encoder is not None:
                self._pending += self._encoder.close()
                self._save()
            elif self._is_file:
                with suppress(OSError):
                    self.path.unlink()
        finally:
            os.close(self._fd)

    def _begun(self, sample_rate_hz: int, channels: int) -> Encoder:
        if self._encoder is None:
            kind: type[Encoder] = ENCODERS[self.path.suffix.lower()] if self._is_file else _Raw
            self._encoder, self._format = kind(sample_rate_hz, channels), (sample_rate_hz, channels)
        if self._format != (sample_rate_hz, channels):
            raise OutputError(
                f"{self.path} has {self._format[0]} Hz and {self._format[1]} channel(s) and ends here, since the sound "
                f"has {sample_rate_hz} Hz and {channels} now: start birdedge again"
            )
        return self._encoder

    def _put_silence(self, encoder: Encoder) -> None:
        rate_hz, channels = self._format
        if self._silent_samples > MAX_SILENCE_S * rate_hz:
            left_out_s, at_s = self._silent_samples / rate_hz, self._samples / rate_hz
            log.warning(
                "%s leaves out %.1f s without sound, %.1f s after its start", self.path, left_out_s, at_s
            )
            self._silent_samples = 0
        while self._silent_samples:
            piece = min(self._silent_samples, rate_hz)
            self._silent_samples -= piece
            self._put(encoder, np.zeros((piece, channels), np.int16))

    def _put(self, encoder: Encoder, samples: Int16) -> None:
        self._samples += len(samples)
        self._pending = encoder.encode(samples)
        self._save()

    def _save(self) -> None:
        with output_errors(self.path):
            while self._pending:
                at, data = self._pending[0]
                written = os.pwrite(self._fd, data, at) if self._is_file else os.write(self._fd, data)
                if written == len(data):
                    self._pending.pop(0)
                else:
                    self._pending[0] = at + written, data[written:]
