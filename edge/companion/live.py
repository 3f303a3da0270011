"""The live feed of a recorder for many viewers: one connection, a few seconds of history, and a queue for each viewer.

It stays connected while somebody watches and a little longer, so that a reloaded page finds its history.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

from birdedge.edge.formats.live_frames import after_gap, frames_header, kind_of, message_packet
from birdedge.edge.system.live_socket import AUDIO_OFF, AUDIO_ON, connect

HISTORY_S = 6.0
FRAME_S = 0.008  # of history; its length needs no exact rate
MAX_WAITING = 64  # packets of one viewer: about 8 s
LINGER_S = 10.0
RETRY_S = 0.5
PACKET_BYTES = 1 << 17
NOT_CONNECTED = message_packet("state", {"connected": False})

log = logging.getLogger(__name__)
Content = Literal["pictures", "sound"]  # frames and messages, or frames and audio


class Viewer:
    """The packets for one viewer. A viewer that is too slow misses those that wait, and the next packet says so."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self._waiting: deque[bytes] = deque()
        self._arrived = asyncio.Event()
        self._missed: set[str] = set()  # kinds of packets of which something is missing

    def put(self, packet: bytes) -> None:
        """Queue a packet."""
        kind = kind_of(packet)
        if kind == "audio" and self.content == "pictures":
            return
        if len(self._waiting) >= MAX_WAITING:
            self._waiting = deque(waiting for waiting in self._waiting if kind_of(waiting) == "state")
            self._missed = {"frames", "audio"}
        if kind in self._missed:
            self._missed.discard(kind)
            packet = after_gap(packet)
        self._waiting.append(packet)
        self._arrived.set()

    async def next(self) -> bytes:
        """Wait for the next packet, and return it."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()


class LiveFeed:
    """The live feed of one recorder. All its methods run in one event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._viewers: set[Viewer] = set()
        self._history: deque[bytes] = deque()
        self._history_frames = 0
        self._state = NOT_CONNECTED
        self._socket: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_heard = False

    @asynccontextmanager
    async def watched(self, content: Content) -> AsyncIterator[Viewer]:
        """Watch the feed until the end of the block; viewers of pictures first get the history."""
        viewer = Viewer(content)
        viewer.put(self._state)
        if content == "pictures":
            for packet in self._history:
                viewer.put(packet)
        self._viewers.add(viewer)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        self._ask_for_audio()
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self._ask_for_audio()

    async def _run(self) -> None:
        """Read packets while somebody watches."""
        idle_s = 0.0
        while idle_s < LINGER_S:
            client = connect(self._folder)
            if client is None:
                await asyncio.sleep(RETRY_S)
                idle_s = 0.0 if self._viewers else idle_s + RETRY_S
                continue
            self._socket, self._is_heard = client, False
            self._ask_for_audio()
            with client:
                await self._read(client)
            self._socket = None
            self._forget()
            idle_s = 0.0 if self._viewers else LINGER_S

    async def _read(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        is_first, idle_s = True, 0.0
        while idle_s < LINGER_S:
            try:
                packet = await asyncio.wait_for(loop.sock_recv(client, PACKET_BYTES), 1.0)
            except TimeoutError:
                packet = None
            except OSError:
                return
            idle_s = 0.0 if self._viewers else idle_s + (1.0 if packet is None else FRAME_S)
            if packet == b"":
                return
            if packet is not None:
                is_first = self._take(packet, is_first)

    def _take(self, packet: bytes, is_first: bool) -> bool:
        """Pass a packet on; return whether the next frames will be the first ones."""
        kind = kind_of(packet)
        if kind == "frames" and is_first:
            packet = after_gap(packet)
        if kind == "state":
            self._state = packet
        elif kind != "audio":
            self._remember(packet)
        for viewer in self._viewers:
            viewer.put(packet)
        return is_first and kind != "frames"

    def _remember(self, packet: bytes) -> None:
        self._history.append(packet)
        self._history_frames += _frames(packet)
        while self._history_frames * FRAME_S > HISTORY_S:
            self._history_frames -= _frames(self._history.popleft())

    def _forget(self) -> None:
        """Tell all viewers that there is no recorder."""
        self._history.clear()
        self._history_frames, self._state = 0, NOT_CONNECTED
        for viewer in self._viewers:
            viewer.put(NOT_CONNECTED)

    def _ask_for_audio(self) -> None:
        """Ask the recorder for audio while somebody listens."""
        is_wanted = any(viewer.content == "sound" for viewer in self._viewers)
        if self._socket is not None and is_wanted != self._is_heard:
            with suppress(OSError):
                self._socket.send(AUDIO_ON if is_wanted else AUDIO_OFF)
                self._is_heard = is_wanted


def _frames(packet: bytes) -> int:
    return frames_header(packet).frames if kind_of(packet) == "frames" else 0


class LiveFeeds:
    """The live feed of each recorder that somebody watches."""

    def __init__(self) -> None:
        self._feeds: dict[Path, LiveFeed] = {}

    def of(self, folder: Path) -> LiveFeed:
        """Return the feed of the recorder that writes to a folder."""
        return self._feeds.setdefault(folder, LiveFeed(folder))
