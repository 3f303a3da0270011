"""The unix socket of a recorder's live feed: where it is, its server, and how a client finds it.

The socket keeps packet boundaries (SOCK_SEQPACKET). The server has no thread and never waits: each call does only what
the kernel accepts at once. The socket lies in a folder for sockets, not in the recorder's folder, because FAT and exFAT
have no sockets.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_CLIENTS = 64
ACCEPTED_PER_CALL = 16
REQUEST_BYTES = 64
SEND_BYTES = 212_992  # which the kernel doubles: 6 s of frames, or 2 s with audio
MODE = 0o660
AUDIO_ON, AUDIO_OFF = b"audio on", b"audio off"  # what a client may request

log = logging.getLogger(__name__)


def socket_paths(folder: Path) -> list[Path]:
    """Return the possible paths of the socket of a recorder that writes to `folder`, in the order to try them."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:20] + ".sock"
    runtime, user = os.environ.get("RUNTIME_DIRECTORY", ""), os.environ.get("XDG_RUNTIME_DIR", "")
    folders = [Path(runtime.partition(":")[0])] if runtime else []
    folders.append(Path("/run/birdedge"))
    if user:
        folders.append(Path(user, "birdedge"))
    folders.append(_temporary())
    return [folder / name for folder in dict.fromkeys(folders)]


def _temporary() -> Path:
    return Path(tempfile.gettempdir(), f"birdedge-{os.getuid()}")


def connect(folder: Path) -> socket.socket | None:
    """Return a connection to the recorder that writes to `folder`; None if there is none at present."""
    for path in socket_paths(folder):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        client.setblocking(False)
        try:
            if path.parent == _temporary() and not _is_private(path.parent):
                raise PermissionError
            client.connect(str(path))
        except (OSError, ValueError):  # not there, nobody listens, too many wait, or the path is too long
            client.close()
        else:
            return client
    return None


def _is_private(folder: Path) -> bool:
    """Return whether nobody else can put a socket there."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022


@dataclass
class _Client:
    socket: socket.socket
    audio: bool = False


class LiveServer:
    """Sends packets to all clients that are connected. It never raises and never waits.

    A client whose buffer is full is dropped; it may connect again. Without a folder that can hold the socket there is
    no server, and one line in the log says so.

    Args:
        folder: the folder of the recorder; this process holds its lock.

    Attributes:
        greeting: the first packet of each client.
    """

    def __init__(self, folder: Path) -> None:
        self.greeting = b""
        self._clients: list[_Client] = []
        self._listener: socket.socket | None = None
        self._path: Path | None = None
        problem = ""
        for path in socket_paths(folder):
            try:
                self._listener, self._path = _listen(path), path
            except (OSError, ValueError) as error:
                problem = problem or f"{path}: {getattr(error, 'strerror', None) or error}"
            else:
                return
        log.warning("there is no live view: no folder can hold its socket (%s)", problem)

    def watched(self) -> bool:
        """Accept new clients and read the requests of the others; return whether anybody is connected."""
        if self._listener is None:
            return False
        for _ in range(ACCEPTED_PER_CALL):
            try:
                accepted, _ = self._listener.accept()
            except OSError:  # nobody waits, or there are too many open files
                break
            accepted.setblocking(False)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
            client = _Client(accepted)
            self._clients.append(client)
            if len(self._clients) > MAX_CLIENTS:
                self._drop(client)
            elif self.greeting:
                self._send(client, self.greeting)
        for client in tuple(self._clients):
            self._take_request(client)
        return bool(self._clients)

    @property
    def heard(self) -> bool:
        """Whether a client asked for audio."""
        return any(client.audio for client in self._clients)

    def send(self, packet: bytes, audio: bool = False) -> None:
        """Send a packet to all clients, or to those that asked for audio."""
        for client in tuple(self._clients):
            if client.audio or not audio:
                self._send(client, packet)

    def close(self) -> None:
        """Disconnect all clients, and delete the socket."""
        for client in tuple(self._clients):
            self._drop(client)
        if self._listener is not None and self._path is not None:
            self._listener.close()
            self._listener = None
            with suppress(OSError):
                self._path.unlink()

    def _take_request(self, client: _Client) -> None:
        try:
            request = client.socket.recv(REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            request = b""
        if not request:
            self._drop(client)
        elif request in (AUDIO_ON, AUDIO_OFF):
            client.audio = request == AUDIO_ON

    def _send(self, client: _Client, packet: bytes) -> None:
        try:
            client.socket.send(packet)
        except OSError:  # it left, or reads too slowly
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        self._clients.remove(client)
        client.socket.close()


def _listen(path: Path) -> socket.socket:
    """Return a socket that listens at `path`, replacing one that an earlier recorder left behind.

    Raises:
        OSError: the folder cannot hold it.
        ValueError: the path is too long, or has characters that a path cannot have.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.parent == _temporary() and not _is_private(path.parent):
        raise PermissionError(0, "it belongs to another user, or others may write there")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    part = path.with_suffix(f".{os.getpid()}")
    try:
        part.unlink(missing_ok=True)
        listener.bind(str(part))
        part.chmod(MODE)
        listener.listen(MAX_CLIENTS)
        listener.setblocking(False)
        part.replace(path)
    except BaseException:
        listener.close()
        with suppress(OSError):
            part.unlink()
        raise
    return listener
