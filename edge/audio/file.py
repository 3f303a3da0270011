"""WAV, FLAC, OGG and MP3 files, read in blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soundfile
from numpy.typing import NDArray

from birdedge.edge.audio.file_types import HEAD_BYTES, UNSUPPORTED_SUFFIXES, UNSUPPORTED_TYPES, file_type
from birdedge.edge.audio.spliced import SplicedFile
from birdedge.edge.audio.whole_file import whole_file
from birdedge.edge.errors import AudioFileError, AudioFileMissingError, SettingsError
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ

# The length of an MP3 without a length header is estimated from its size, to within one MP3 frame.
_MP3_FRAME_SAMPLES = 1152


class AudioFile:
    """An open audio file; a context manager that closes it.

    Attributes:
        path: Path of the file.
        sample_rate_hz: Sample rate, 8000 to 384000.
        channels: Number of channels.
        length_samples: Samples per channel, from the header if it is right.
        warnings: Problems of the file, although all its audio is read: a sentence each.

    Raises:
        AudioFileMissingError: The file does not exist.
        AudioFileError: A directory, no permission, not audio, empty, no samples, or a rate out of range.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        head = self._readable_head()
        self._spliced: list[SplicedFile] = []
        self._sounds: list[soundfile.SoundFile] = []
        try:
            self._open(head)
        except BaseException:
            self.close()
            raise

    def _open(self, head: bytes) -> None:
        try:
            whole = whole_file(self.path)
        except OSError as error:
            raise AudioFileError(f"{self.path} cannot be read ({error.strerror}): check its disk") from error
        self._spliced = whole.parts
        try:
            sources: Sequence[SplicedFile | bytes] = whole.parts or [os.fsencode(self.path)]
            for source in sources:
                self._sounds.append(soundfile.SoundFile(source))
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a .raw file has no header
            raise AudioFileError(f"{self.path} {self._why_unsupported(head)}") from error
        first = self._sounds[0]
        self.sample_rate_hz: int = first.samplerate
        self.channels: int = first.channels
        self.length_samples: int = sum(sound.frames for sound in self._sounds)
        self._declared_samples = int(self.length_samples * whole.declared_share)
        self.warnings: list[str] = []
        if whole.declared_share < 1:
            length_s = self.length_samples / self.sample_rate_hz
            self.warnings.append(
                f"{self.path} holds more sound than its header says: {length_s:.1f} s instead of "
                f"{length_s * whole.declared_share:.1f} s; all of it is read"
            )
        if whole.is_cut:
            self.warnings.append(f"{self.path} is truncated: its end is missing; the rest is read")
        if refusal := self._refusal():
            raise AudioFileError(refusal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        for file in (*self._sounds, *self._spliced):
            file.close()

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
        damage: Exception | None = None
        try:
            for block in self._decoded(block_samples):
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
        damage = damage or next((spliced.error for spliced in self._spliced if spliced.error), None)
        expected_samples = max(self.length_samples, self._declared_samples)
        tolerance_samples = _MP3_FRAME_SAMPLES if self._sounds[0].format == "MP3" else 0
        if damage or decoded_samples < expected_samples - tolerance_samples:
            raise AudioFileError(
                f"{self.path} is damaged or truncated: {decoded_samples / self.sample_rate_hz:.3f} of its "
                f"{expected_samples / self.sample_rate_hz:.3f} s could be read; copy it again"
            ) from damage

    def _decoded(self, block_samples: int) -> Iterator[NDArray[np.float32]]:
        for sound in self._sounds:
            sound.seek(0)
            while len(block := sound.read(block_samples, dtype="float32", always_2d=True)):
                yield block

    def _refusal(self) -> str | None:
        """Return why the file cannot be used, or None."""
        formats = {(sound.samplerate, sound.channels) for sound in self._sounds}
        if len(formats) > 1:
            shown = " and ".join(
                f"{rate_hz} Hz, {channels} channel(s)" for rate_hz, channels in sorted(formats)
            )
            return f"{self.path} holds streams of {shown}: split it into separate files"
        if self.length_samples == 0:
            return f"{self.path} contains no samples: the recording may have stopped before its header was written"
        if not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
            return (
                f"{self.path} has a sample rate of {self.sample_rate_hz} Hz: "
                f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz are supported"
            )
        return None

    def _why_unsupported(self, head: bytes) -> str:
        kind, suffix = file_type(head), self.path.suffix.lower()
        if kind in UNSUPPORTED_TYPES or suffix in UNSUPPORTED_SUFFIXES:
            name = kind or suffix.removeprefix(".").upper()
            flac = self.path.with_suffix(".flac").name
            return f"is {name}, which is not supported: convert it first: ffmpeg -i {self.path.name} {flac}"
        return "is not a supported audio file: give WAV, FLAC, OGG or MP3"

    def _readable_head(self) -> bytes:
        """Return the first bytes, or raise an error that gives the cause; soundfile only says `Error opening`."""
        try:
            if self.path.is_dir():
                raise AudioFileError(f"{self.path} is a directory: give the audio files in it")
            if self.path.exists() and not self.path.is_file():
                raise AudioFileError(
                    f"{self.path} is not a regular file: pipe raw PCM or WAV into standard input instead"
                )
            with self.path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except FileNotFoundError as error:
            raise AudioFileMissingError(f"{self.path} does not exist: check the path") from error
        except OSError as error:
            raise AudioFileError(
                f"{self.path} cannot be read ({error.strerror}): check its permissions"
            ) from error
        if not head:
            raise AudioFileError(f"{self.path} is empty (0 bytes): give a file that contains audio")
        return head
