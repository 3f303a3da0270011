"""Network audio servers that a test can stall, stop and restart."""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
PIECE_S = 0.05
WAV_HEADER = (
    b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x03\0\x01\0"  # floats, so that ffmpeg looks for no other format in them
    + RATE_HZ.to_bytes(4, "little")
    + (4 * RATE_HZ).to_bytes(4, "little")
    + b"\x04\0\x20\0data\xff\xff\xff\xff"
)


class StreamServer:
    """Serves one sound endlessly and in real time, as Icecast does.

    Args:
        sound: repeated, `[samples]` at 16 kHz.
        credentials: `user:password` that a client must give; None for none.
        burst_s: length of audio that a client gets at once, before real time starts.

    Attributes:
        stalled: set: nothing is sent, and connections stay open.
        silent: set: digital silence is sent.
        closing: set: connections are closed.
        requests: how many clients have connected.
    """

    def __init__(
        self, sound: NDArray[np.float32], credentials: str | None = None, burst_s: float = 0.0
    ) -> None:
        self.stalled, self.silent, self.closing = threading.Event(), threading.Event(), threading.Event()
        self.requests = 0
        self.burst_s, self.credentials = burst_s, credentials
        self._sound = sound.astype("<f4").tobytes()
        self._server: ThreadingHTTPServer | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def url(self) -> str:
        """The URL of the sound with its credentials."""
        login = f"{self.credentials}@" if self.credentials else ""
        return f"http://{login}127.0.0.1:{self.port}/forest.wav"

    def start(self) -> None:
        """Accept connections, for the first time or again."""
        self.closing.clear()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._serve(self)

            def log_message(self, *_: object) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Refuse connections, and close those that are open."""
        self.closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def pieces(self) -> Iterator[bytes]:
        """Yield the sound in real time."""
        piece_bytes, at = round(PIECE_S * RATE_HZ) * 4, 0
        began_s, sent_s = time.monotonic(), 0.0
        while not self.closing.is_set():
            if self.stalled.is_set():
                time.sleep(PIECE_S)
                began_s += PIECE_S
                continue
            piece = (self._sound[at : at + piece_bytes] + self._sound)[:piece_bytes]
            at = (at + piece_bytes) % len(self._sound)
            yield bytes(piece_bytes) if self.silent.is_set() else piece
            sent_s += PIECE_S
            time.sleep(max(0.0, began_s + sent_s - self.burst_s - time.monotonic()))

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        given = request.headers.get("Authorization", "").removeprefix("Basic ")
        if self.credentials and base64.b64decode(given).decode() != self.credentials:
            request.send_response(401)
            request.send_header("WWW-Authenticate", 'Basic realm="forest"')
            request.end_headers()
            return
        request.send_response(200)
        request.send_header("Content-Type", "audio/wav")
        request.send_header("icy-name", "forest")
        request.end_headers()
        with suppress(OSError):
            request.wfile.write(WAV_HEADER)
            for piece in self.pieces():
                request.wfile.write(piece)


def decoders(parent: int) -> list[int]:
    """Return the ffmpeg processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_child = f"\nPPid:\t{parent}\n" in (path / "status").read_text(encoding="utf-8")
            if is_child and (path / "cmdline").read_bytes().split(b"\0")[0].endswith(b"ffmpeg"):
                found.append(int(path.name))
    return found


def is_running(pid: int) -> bool:
    """Return whether a process runs; an ended one may still be listed until its new parent reaps it."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False


@contextmanager
def stream_server(server: StreamServer) -> Iterator[StreamServer]:
    """Run a server."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def rtsp_server(stream: StreamServer) -> Iterator[str]:
    """Serve the same sound as RTSP over TCP, like a camera; yield the URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError, ValueError):
                while self._answer():
                    pass
                self._play()

        def _answer(self) -> bool:
            """Answer a request; return whether more follow before the sound."""
            method = self.rfile.readline().split(b" ")[0].decode()
            headers = {}
            while (line := self.rfile.readline().strip()).count(b":"):
                name, _, value = line.partition(b":")
                headers[name.lower().decode()] = value.strip().decode()
            if not method:
                raise ValueError("the client left")
            body = (
                "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=forest\r\nt=0 0\r\n"
                f"m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/{RATE_HZ}/1\r\na=control:track\r\n"
                if method == "DESCRIBE"
                else ""
            )
            lines = [
                "RTSP/1.0 200 OK",
                f"CSeq: {headers['cseq']}",
                "Session: 1",
                "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN",
                "Transport: RTP/AVP/TCP;unicast;interleaved=0-1",
                "Content-Type: application/sdp",
                f"Content-Length: {len(body)}",
            ]
            self.wfile.write("\r\n".join([*lines, "", body]).encode())
            return method != "PLAY"

        def _play(self) -> None:
            for number, piece in enumerate(stream.pieces()):
                samples = (32_767 * np.frombuffer(piece, "<f4")).astype(">i2")
                payload = samples[: len(samples) // 2].tobytes(), samples[len(samples) // 2 :].tobytes()
                for half, sound in enumerate(payload):
                    sequence = 2 * number + half
                    at = sequence * len(sound) // 2
                    rtp = (
                        b"\x80\x61" + (sequence % 65_536).to_bytes(2, "big") + at.to_bytes(4, "big") + b"bird"
                    )
                    packet = rtp + sound
                    self.wfile.write(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"rtsp://keeper:secret@127.0.0.1:{server.server_address[1]}/forest"
        finally:
            stream.closing.set()
            server.shutdown()
