"""Standard input: raw PCM, or a WAV file as `arecord` and `ffmpeg -f wav -` write it to a pipe."""

from __future__ import annotations

import io
import logging
import select
import threading
from typing import BinaryIO

from birdedge.edge.audio.file_types import HEAD_BYTES, MP3_HEAD_BYTES, file_type, is_mp3
from birdedge.edge.audio.riff import UNKNOWN_DATA_BYTES, WavHeader, is_chunk_name, is_wav, read_header
from birdedge.edge.errors import AudioFileError

POLL_S = 0.05
MAX_CHUNK_BYTES = 0x1000_0000  # of a chunk that follows the samples

log = logging.getLogger(__name__)


class PipeReader:
    """A reader of a pipe that may be non-blocking; bytes that were read can be pushed back.

    Args:
        stream: Standard input.
        stop: Ends the wait for a pipe that delivers nothing; the stream then ends.
    """

    def __init__(self, stream: BinaryIO, stop: threading.Event) -> None:
        self._stream, self._stop, self._ahead = stream, stop, b""
        try:
            self._fd: int | None = stream.fileno()
        except (OSError, io.UnsupportedOperation):
            self._fd = None

    def read(self, size: int) -> bytes:
        """Wait for bytes, and return at most `size` of them; empty only at the end."""
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        while not self._stop.is_set():
            if self._fd is not None and not select.select([self._fd], [], [], POLL_S)[0]:
                continue
            # None: the pipe is non-blocking, and another program was faster.
            if (data_or_none := self._stream.read(size)) is not None:
                return data_or_none
        return b""

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` is set."""
        return self._stop.is_set()

    def read_all(self, size: int) -> bytes:
        """Return `size` bytes; fewer only at the end."""
        data = b""
        while len(data) < size and (more := self.read(size - len(data))):
            data += more
        return data

    def unread(self, data: bytes) -> None:
        """Push back bytes, which the next reads return first."""
        self._ahead = data + self._ahead


class WavSamples:
    """The samples of a WAV file in a pipe, without the chunks that follow them."""

    def __init__(self, pipe: PipeReader, data_bytes: int) -> None:
        self._pipe, self._data_bytes = pipe, data_bytes
        self._left = data_bytes if 0 < data_bytes < UNKNOWN_DATA_BYTES else None  # None: until the end

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; empty only at the end."""
        if self._left == 0 and self._goes_on():
            log.warning("standard input holds more sound than its WAV header says; all of it is read")
            self._left = None
        if self._left is None:
            return self._pipe.read(size)
        data = self._pipe.read(min(size, self._left))
        self._left -= len(data)
        if self._left and size and not data and not self._pipe.is_stopped:
            log.warning("standard input ended before its WAV header says: %d bytes are missing", self._left)
            self._left = None
        return data

    def _goes_on(self) -> bool:
        """Return whether audio follows, and not another chunk."""
        follows = self._pipe.read_all(9)
        self._pipe.unread(follows)
        begins = [follows[:8]] + ([follows[1:]] if self._data_bytes % 2 else [])
        is_chunk = any(
            is_chunk_name(begin[:4]) and int.from_bytes(begin[4:8], "little") < MAX_CHUNK_BYTES
            for begin in begins
        )
        return len(follows) == 9 and not is_chunk


def read_wav_header(pipe: PipeReader) -> WavHeader | None:
    """Read the header of a WAV file; return None, with nothing consumed, if the pipe holds raw PCM.

    Raises:
        AudioFileError: It holds a file that cannot be read from a pipe.
    """
    head = pipe.read_all(HEAD_BYTES)
    if is_wav(head) and head[:4] not in (b"riff", b"RIFX"):
        header = read_header(head, pipe.read_all)
        if header.sample_format is None:
            raise _refusal("WAV with samples other than 16, 24 and 32-bit integers and 32-bit floats")
        return header
    kind = file_type(head)
    pipe.unread(head)
    if kind is None and head[:1] == b"\xff":
        start = pipe.read_all(MP3_HEAD_BYTES)
        pipe.unread(start)
        kind = "MP3" if is_mp3(start) else None
    if kind is not None:
        raise _refusal(kind)
    return None


def _refusal(kind: str) -> AudioFileError:
    return AudioFileError(
        f"standard input is {kind}, not raw PCM: name the file, or decode it: "
        "ffmpeg -i FILE -f wav - | birdedge listen -"
    )
