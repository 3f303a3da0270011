"""The bird alone, written while it is heard: a WAV or FLAC file, or raw PCM on standard output."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from birdedge.edge.audio.writer import AudioWriter
from birdedge.edge.messages import FramesReady, Message, StreamEnded, StreamStarted
from birdedge.edge.output import DenoisedAudio
from birdedge.edge.system.atomic_file import Existing


class DenoisedSink:
    """Writes the denoised audio of one stream after another; time between them is silence.

    Args:
        path: a .wav or .flac file; None for raw PCM on standard output.
        existing: what to do if it exists.

    Raises:
        OutputError: from `write` and `close`: it cannot be written.
        SettingsError: there are too many channels for FLAC.
    """

    def __init__(self, path: Path | None, existing: Existing = "number") -> None:
        self._path, self._existing = path, existing
        self._writer: AudioWriter | None = None
        self._ended: StreamEnded | None = None

    def write(self, message: Message) -> None:
        """Write the denoised audio of a message."""
        match message:
            case StreamStarted() if self._writer is None:
                self._writer = AudioWriter(self._path, self._existing)
            case StreamStarted(stamp, _, rate_hz, channels) if (
                self._ended is not None and self._writer is not None
            ):
                lost_samples = max(0, round((stamp.boot_s - self._ended.stamp.boot_s) * rate_hz))
                self._writer.write(DenoisedAudio(np.zeros((0, channels), np.float32), rate_hz, lost_samples))
            case StreamEnded():
                self._ended = message
            case FramesReady(output=output) if output.denoised is not None:
                self._writer = self._writer or AudioWriter(self._path, self._existing)
                self._writer.write(output.denoised)
            case _:
                pass

    def sync(self) -> None:
        """Wait until the audio so far is on disk; callable from any thread."""
        if self._writer is not None:
            self._writer.sync()

    def close(self) -> None:
        """Finish the file."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
