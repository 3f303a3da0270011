"""WAV, FLAC, OGG and MP3 files, read in blocks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from birdedge.edge.errors import AudioFileError, AudioFileMissingError, SettingsError
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ

# Programs that write WAV to a pipe do not know its length and declare at least this one.
_UNKNOWN_DATA_BYTES = 0x7FFF_0000
# The length of an MP3 without a length header is estimated from its size, to within one MP3 frame.
_MP3_FRAME_SAMPLES = 1152


class AudioFile:
    """An open audio file; a context manager that closes it.

    Attributes:
        path: Path of the file.
        sample_rate_hz: Sample rate, 8000 to 384000.
        channels: Number of channels.
        length_samples: Samples per channel by the header.

    Raises:
        AudioFileMissingError: The file does not exist.
        AudioFileError: A directory, no permission, not audio, empty, no samples, or a rate out of range.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._refuse_unreadable()
        try:
            self._sound = soundfile.SoundFile(os.fsencode(self.path))
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a .raw file has no header
            raise AudioFileError(
                f"{self.path} is not a supported audio file: give WAV, FLAC, OGG or MP3"
            ) from error
        self.sample_rate_hz: int = self._sound.samplerate
        self.channels: int = self._sound.channels
        self.length_samples: int = self._sound.frames
        refusal = None
        if self.length_samples == 0:
            refusal = f"{self.path} contains no samples: the recording may have stopped before its header was written"
        elif not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
            refusal = (
                f"{self.path} has a sample rate of {self.sample_rate_hz} Hz: "
                f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz are supported"
            )
        if refusal:
            self.close()
            raise AudioFileError(refusal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        self._sound.close()

    def blocks(self, block_samples: int = 65_536) -> Iterator[NDArray[np.float32]]:
        """Yield the file from its start as float32 blocks `[1..block_samples, channels]`.

        Raises:
            SettingsError: A block size below 1.
            AudioFileError: Before a block that contains NaN or infinity, or after the last decodable block of a file
                that is damaged or shorter than its header says.
        """
        if block_samples < 1:
            raise SettingsError(f"blocks of {block_samples} samples are not possible: give at least 1")
        decoded_samples = 0
        damage = None
        try:
            self._sound.seek(0)
            while len(block := self._sound.read(block_samples, dtype="float32", always_2d=True)):
                finite = np.isfinite(block).all(axis=1)
                if not finite.all():
                    at_s = (decoded_samples + int(finite.argmin())) / self.sample_rate_hz
                    raise AudioFileError(
                        f"{self.path} contains NaN or infinity at {at_s:.3f} s: export the file again"
                    )
                decoded_samples += len(block)
                yield block
        except soundfile.LibsndfileError as error:
            damage = error
        expected_samples = self._declared_samples()
        tolerance_samples = _MP3_FRAME_SAMPLES if self._sound.format == "MP3" else 0
        if damage or decoded_samples < expected_samples - tolerance_samples:
            raise AudioFileError(
                f"{self.path} is damaged or truncated: {decoded_samples / self.sample_rate_hz:.3f} of its "
                f"{expected_samples / self.sample_rate_hz:.3f} s could be read; copy it again"
            ) from damage

    def _refuse_unreadable(self) -> None:
        """Raise an error that gives the cause, for which soundfile only says `Error opening`."""
        try:
            if self.path.is_dir():
                raise AudioFileError(f"{self.path} is a directory: give the audio files in it")
            if self.path.exists() and not self.path.is_file():
                raise AudioFileError(
                    f"{self.path} is not a regular file: pipe raw PCM into standard input instead"
                )
            with self.path.open("rb") as file:
                empty = not file.read(1)
        except FileNotFoundError as error:
            raise AudioFileMissingError(f"{self.path} does not exist: check the path") from error
        except OSError as error:
            raise AudioFileError(
                f"{self.path} cannot be read ({error.strerror}): check its permissions"
            ) from error
        if empty:
            raise AudioFileError(f"{self.path} is empty (0 bytes): give a file that contains audio")

    def _declared_samples(self) -> int:
        """Return the length by the header; libsndfile reduces it to the actual length of a WAV file, and logs that."""
        reduced = re.search(r"^\s*data\s*: (\d+) \(should be (\d+)\)", self._sound.extra_info, re.MULTILINE)
        if reduced is None:
            return self.length_samples
        declared_bytes, actual_bytes = int(reduced[1]), int(reduced[2])
        if declared_bytes >= _UNKNOWN_DATA_BYTES:
            return self.length_samples
        return self.length_samples * declared_bytes // actual_bytes
