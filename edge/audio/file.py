"""A recording on disk, read a block at a time: WAV, FLAC, OGG or MP3."""

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

# Programs that write WAV to a pipe cannot know its length and declare one from here up.
_UNKNOWN_DATA_BYTES = 0x7FFF_0000
# An MP3 without a length header is estimated by its bytes, to within one MP3 frame.
_MP3_FRAME_SAMPLES = 1152


class AudioFile:
    """An open recording; a context manager that closes it.

    Attributes:
        path: where it lies.
        sample_rate_hz: 8000 to 384000.
        channels: channels of each sample.
        length_samples: samples a channel that can be expected.

    Raises:
        AudioFileMissingError: nothing is at the path.
        AudioFileError: a directory, no permission, not audio, empty, no samples, or a rate out of range.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._refuse_unreadable()
        try:
            self._sound = soundfile.SoundFile(self.path)
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a .raw name, which has no header
            raise AudioFileError(
                f"{self.path} is not audio that can be read: give WAV, FLAC, OGG or MP3"
            ) from error
        self.sample_rate_hz: int = self._sound.samplerate
        self.channels: int = self._sound.channels
        self.length_samples: int = self._sound.frames
        refusal = None
        if self.length_samples == 0:
            refusal = f"{self.path} holds no samples: it may have been cut off before its header was finished"
        elif not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
            refusal = (
                f"{self.path} has a sample rate of {self.sample_rate_hz} Hz: "
                f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz can be read"
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
        """Close the file; a second time does nothing."""
        self._sound.close()

    def blocks(self, block_samples: int = 65_536) -> Iterator[NDArray[np.float32]]:
        """Yield the recording from its start as float32 blocks [1..block_samples, channels].

        Raises:
            SettingsError: blocks of less than 1 sample.
            AudioFileError: before a block with values that are not finite; or, when all that can be decoded
                was yielded, for a file that is damaged or shorter than its header says.
        """
        if block_samples < 1:
            raise SettingsError(f"blocks of {block_samples} samples cannot be read: give at least 1")
        decoded_samples = 0
        damage = None
        try:
            self._sound.seek(0)
            while len(block := self._sound.read(block_samples, dtype="float32", always_2d=True)):
                finite = np.isfinite(block).all(axis=1)
                if not finite.all():
                    at_s = (decoded_samples + int(finite.argmin())) / self.sample_rate_hz
                    raise AudioFileError(
                        f"{self.path} holds a value that is no finite number at {at_s:.3f} s: export it again"
                    )
                decoded_samples += len(block)
                yield block
        except soundfile.LibsndfileError as error:
            damage = error
        expected_samples = self._declared_samples()
        tolerance_samples = _MP3_FRAME_SAMPLES if self._sound.format == "MP3" else 0
        if damage or decoded_samples < expected_samples - tolerance_samples:
            raise AudioFileError(
                f"{self.path} is damaged or cut short: {decoded_samples / self.sample_rate_hz:.3f} of its "
                f"{expected_samples / self.sample_rate_hz:.3f} s could be read, copy it again"
            ) from damage

    def _refuse_unreadable(self) -> None:
        """Soundfile calls all of these an error opening the file, without the cause."""
        try:
            if self.path.is_dir():
                raise AudioFileError(f"{self.path} is a directory: give the audio files in it")
            if self.path.exists() and not self.path.is_file():
                raise AudioFileError(
                    f"{self.path} is not a regular file: pipe sound into standard input instead"
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
            raise AudioFileError(f"{self.path} is empty (0 bytes): it holds no sound")

    def _declared_samples(self) -> int:
        """What the header promised: libsndfile lowers a WAV's length to what is there, and logs it."""
        lowered = re.search(r"^\s*data\s*: (\d+) \(should be (\d+)\)", self._sound.extra_info, re.MULTILINE)
        if lowered is None:
            return self.length_samples
        declared_bytes, actual_bytes = int(lowered[1]), int(lowered[2])
        if declared_bytes >= _UNKNOWN_DATA_BYTES:
            return self.length_samples
        return self.length_samples * declared_bytes // actual_bytes
