"""A writer of a stream as 16-bit audio: to a WAV or FLAC file that is valid at any moment, or as raw PCM to a pipe.

Lost samples are replaced by silence of the same length, so that the audio keeps its time. A gap of more than a minute
is omitted and logged: hours of silence would fill a disk and delay listeners.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.flac import FlacEncoder
from birdedge.edge.audio.pcm import PcmEncoder
from birdedge.edge.audio.wav import WavEncoder
from birdedge.edge.errors import OutputError
from birdedge.edge.output import DenoisedAudio
from birdedge.edge.system.atomic_file import (
    Existing,
    output_errors,
    refuse_existing,
    sync_file,
    with_free_name,
)

MAX_SILENCE_S = 60.0
Encoder = PcmEncoder | WavEncoder | FlacEncoder
ENCODERS: dict[str, type[Encoder]] = {".wav": WavEncoder, ".flac": FlacEncoder}

log = logging.getLogger(__name__)


class AudioWriter:
    """Appends audio to a new file, which is created immediately, or to standard output.

    Samples that could not be written because the disk failed count as lost.

    Args:
        path: Path that ends in .wav or .flac; None for raw PCM on standard output.
        existing: What to do if it exists.

    Attributes:
        path: Path of the file in use.

    Raises:
        SettingsError: From `write`: more channels than FLAC allows.
        OutputError: The file cannot be written, or the sample rate or channels changed; from `write` and `close` too.
    """

    def __init__(self, path: Path | None, existing: Existing = "number") -> None:
        self.path = path or Path("standard output")
        self._is_file = path is not None
        self._encoder: Encoder | None = None
        self._format = (0, 0)  # sample rate, channels
        self._pending: list[tuple[int, bytes]] = []  # offsets, and bytes still to be written there
        self._samples = self._silent_samples = 0  # so far; of silence before the next block
        if path is None:
            self._fd = os.dup(sys.stdout.fileno())
            return
        if existing == "refuse":
            refuse_existing([path])
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if existing == "replace":
                self._fd = _open_file(path, os.O_TRUNC)
            else:
                self.path, self._fd = with_free_name(path, lambda free: _open_file(free, os.O_EXCL))

    def write(self, sound: DenoisedAudio) -> None:
        """Append a block, followed by its lost samples."""
        scaled = np.rint(sound.samples * np.float32(32768)).clip(-32768, 32767)
        unwritten = len(scaled)
        try:
            if unwritten:
                encoder = self._open_encoder(sound.sample_rate_hz, scaled.shape[1])
                self._flush()
                self._write_silence(encoder)
                unwritten = 0  # from here on the samples are pending
                self._write(encoder, scaled.astype(np.int16))
        finally:
            self._silent_samples += unwritten + sound.lost_samples

    def sync(self) -> None:
        """Wait until the file is on disk; may be called from any thread."""
        if self._is_file:
            with output_errors(self.path):
                sync_file(self._fd)

    def close(self) -> None:
        """Complete the file, or delete it if it contains no samples."""
        try:
            if self._encoder is not None:
                self._pending += self._encoder.close()
                self._flush()
            elif self._is_file:
                with suppress(OSError):
                    self.path.unlink()
        finally:
            os.close(self._fd)

    def _open_encoder(self, sample_rate_hz: int, channels: int) -> Encoder:
        if self._encoder is None:
            kind = ENCODERS[self.path.suffix.lower()] if self._is_file else PcmEncoder
            self._encoder, self._format = kind(sample_rate_hz, channels), (sample_rate_hz, channels)
        if self._format != (sample_rate_hz, channels):
            raise OutputError(
                f"{self.path} has {self._format[0]} Hz and {self._format[1]} channel(s) and ends here, because the "
                f"audio now has {sample_rate_hz} Hz and {channels}: restart birdedge"
            )
        return self._encoder

    def _write_silence(self, encoder: Encoder) -> None:
        rate_hz, channels = self._format
        if self._silent_samples > MAX_SILENCE_S * rate_hz:
            gap_s, at_s = self._silent_samples / rate_hz, self._samples / rate_hz
            log.warning("%s: omitted a gap of %.1f s at %.1f s", self.path, gap_s, at_s)
            self._silent_samples = 0
        while self._silent_samples:
            piece = min(self._silent_samples, rate_hz)
            self._silent_samples -= piece
            self._write(encoder, np.zeros((piece, channels), np.int16))

    def _write(self, encoder: Encoder, samples: NDArray[np.int16]) -> None:
        self._samples += len(samples)
        self._pending = encoder.encode(samples)
        self._flush()

    def _flush(self) -> None:
        with output_errors(self.path):
            while self._pending:
                offset, data = self._pending[0]
                written = os.pwrite(self._fd, data, offset) if self._is_file else os.write(self._fd, data)
                if written == len(data):
                    self._pending.pop(0)
                else:
                    self._pending[0] = offset + written, data[written:]


def _open_file(path: Path, flag: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o666)
