"""ffmpeg as a child process that decodes a network stream."""

from __future__ import annotations

import shutil
import subprocess
import threading
from contextlib import suppress
from typing import IO

from birdedge.edge.audio.stream_url import shown_url, without_secrets
from birdedge.edge.errors import StreamLostError

PROTOCOLS = "pipe,http,https,httpproxy,tls,tcp,udp,rtp,rtsp,rtmp,rtmps,rtmpt,srt,crypto,data"  # no files
ANALYZED_US = 1_000_000  # if the headers do not state the format; the analysed audio is delivered later
MAX_SAID_BYTES = 4096
LAST_WORDS_S, END_S = 0.2, 2.0


def ffmpeg_path() -> str | None:
    """Return the path of ffmpeg; None if it is not installed."""
    return shutil.which("ffmpeg")


class Decoder:
    """A child process that writes the audio of a stream to a pipe, as a WAV file of 32-bit floats.

    It ends when this process ends, whatever the cause. Other users of the machine do not see the URL.

    Args:
        url: URL of the stream; see `check_url`.
        sample_rate_hz: Sample rate to convert to; None for the rate of the stream.
        channels: Number of channels to convert to.

    Attributes:
        stdout: The pipe that it writes to.

    Raises:
        StreamLostError: ffmpeg is not installed, or cannot be started.
    """

    stdout: IO[bytes]

    def __init__(self, url: str, sample_rate_hz: int | None, channels: int) -> None:
        self._url = url
        self._reason: str | None = None  # once it is closed
        ffmpeg = ffmpeg_path()
        if ffmpeg is None:
            raise StreamLostError(
                f"{shown_url(url)} needs ffmpeg, which is not installed: run `sudo apt install ffmpeg`"
            )
        try:
            self._process = subprocess.Popen(
                [*_dies_with_parent(), ffmpeg, *_arguments(sample_rate_hz, channels)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,  # the recorder handles Ctrl-C and ends it
            )
        except OSError as error:
            raise StreamLostError(
                f"ffmpeg cannot be started ({error.strerror}); see birdedge doctor"
            ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdout = self._process.stdout
        self._said = _LastWords(self._process.stderr)
        # The URL is passed in a playlist on standard input: every user of the machine can read arguments.
        with suppress(OSError), self._process.stdin as playlist:
            playlist.write(_playlist(url))

    def close(self) -> str:
        """Kill the process and return its last error message, empty if there was none. `stdout` stays open."""
        if self._reason is not None:
            return self._reason
        process = self._process
        with suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS_S)
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # it waits for the disk; the system ends it later
            process.wait(END_S)
        last = next((line.strip() for line in reversed(self._said.lines()) if line.strip()), "")
        self._reason = without_secrets(last.removeprefix("pipe:0: "), self._url)
        return self._reason


class _LastWords:
    """The end of what a process says; it may say more in a month than there is memory."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._end = pipe, b""
        self._thread = threading.Thread(target=self._read, name="decoder", daemon=True)
        self._thread.start()

    def lines(self) -> list[str]:
        """Return the last lines, once the process has ended."""
        self._thread.join(LAST_WORDS_S)
        return self._end.decode(errors="replace").split("\n")

    def _read(self) -> None:
        with self._pipe:
            while piece := self._pipe.read(MAX_SAID_BYTES):
                self._end = (self._end + piece)[-MAX_SAID_BYTES:]


def _dies_with_parent() -> list[str]:
    """Return a prefix that makes the system kill a command when this thread ends; empty without `setpriv`."""
    setpriv = shutil.which("setpriv")
    return [] if setpriv is None else [setpriv, "--pdeathsig", "KILL", "--"]


def _arguments(sample_rate_hz: int | None, channels: int) -> list[str]:
    rate = [] if sample_rate_hz is None else ["-ar", str(sample_rate_hz)]
    return [
        *("-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1"),
        *("-protocol_whitelist", PROTOCOLS, "-f", "concat", "-safe", "0", "-i", "pipe:0"),
        *("-map", "0:a:0", "-vn", "-ac", str(channels), *rate),
        *("-c:a", "pcm_f32le", "-f", "wav", "-flush_packets", "1", "pipe:1"),
    ]


def _playlist(url: str) -> bytes:
    """Return a playlist with only this stream and the options that its protocol needs."""
    quoted = url.replace("'", "'\\''")
    lines = ["ffconcat version 1.0", f"file '{quoted}'", f"option analyzeduration {ANALYZED_US}"]
    if url.startswith("rtsp"):
        lines.append("option rtsp_transport tcp")  # with UDP, lost packets are lost audio
    return "".join(f"{line}\n" for line in lines).encode()
