"""The live feed over HTTP: frames and messages by WebSocket, sound as an endless WAV file, events as SSE."""

from __future__ import annotations

import asyncio
import json
import math
import struct
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.companion.live import LiveFeed, Viewer
from birdedge.edge.companion.mqtt_progress import event_id, event_id_at
from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_queries import EventRow, latest_events, new_events
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.formats.columns import utc_text
from birdedge.edge.formats.live_frames import HEADER_BYTES, audio_header, kind_of
from birdedge.edge.web.render import folders_of
from birdedge.edge.web.sources import chosen_folder

SEND_S = 20.0  # after which a browser that reads nothing is disconnected
SILENT_S = 30.0  # without a packet, after which a listener is disconnected
MAX_LISTENERS = 8
MAX_EVENT_STREAMS = 32
POLL_S, HEARTBEAT_S = 1.0, 15.0
EVENTS_PER_POLL = 100
ENDLESS = 0xFFFFFFFF  # the size of a WAV file of unknown length
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # no proxy may store or buffer it
FIELDS = ("low_hz", "high_hz", "peak_hz", "score", "area_hz_s", "snr_db", "sound_class", "class_score")


def _required(connection: HTTPConnection) -> RecorderFolder:
    folder = chosen_folder(connection, folders_of(connection))
    if folder is None:
        raise HTTPException(404, "there is no recorder yet")
    return folder


def _feed(connection: HTTPConnection, folder: RecorderFolder) -> LiveFeed:
    feed: LiveFeed = connection.app.state.live.of(folder.path)
    return feed


async def stream(socket: WebSocket) -> None:
    """Send the packets of a recorder: frames unchanged, and messages as text."""
    try:
        feed = _feed(socket, _required(socket))
    except HTTPException:
        await socket.close(1008)
        return
    await socket.accept()
    async with feed.watched("pictures") as viewer:
        sender = asyncio.create_task(_send_packets(socket, viewer))
        try:
            while not sender.done():
                received = asyncio.create_task(socket.receive())
                await asyncio.wait({sender, received}, return_when=asyncio.FIRST_COMPLETED)
                if received.done() and received.result()["type"] == "websocket.disconnect":
                    break
                received.cancel()
        finally:
            sender.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, TimeoutError, OSError):
                await sender


async def _send_packets(socket: WebSocket, viewer: Viewer) -> None:
    while True:
        packet = await viewer.next()
        is_binary = kind_of(packet) == "frames"
        sent = socket.send_bytes(packet) if is_binary else socket.send_text(packet.decode())
        await asyncio.wait_for(sent, SEND_S)


async def listen(request: Request) -> Response:
    """Return the live audio as an endless WAV file; with `only=bird`, the bird alone."""
    feed = _feed(request, _required(request))
    state = request.app.state
    if state.listeners >= MAX_LISTENERS:
        raise HTTPException(503, "too many people are listening at the moment: try again later")
    only_bird = request.query_params.get("only") == "bird"
    return StreamingResponse(_wav(request, feed, only_bird), media_type="audio/wav", headers=STREAM_HEADERS)


async def _wav(request: Request, feed: LiveFeed, only_bird: bool) -> AsyncIterator[bytes]:
    """Yield the file. A recorder may come back within `SILENT_S`, but only with the same sample rate."""
    state, bird, rate_hz = request.app.state, None, 0
    state.listeners += 1
    try:
        async with feed.watched("sound") as viewer:
            while True:
                packet = await asyncio.wait_for(viewer.next(), SILENT_S)
                kind = kind_of(packet)
                if kind == "state":
                    fields = json.loads(packet)
                    if not fields.get("audio", True):
                        return  # it may hold speech
                    if only_bird and fields.get("connected", True):
                        from birdedge.edge.companion.bird_alone import BirdAlone  # loads numpy

                        bird = BirdAlone(packet)
                elif kind == "audio" and audio_header(packet).sample_rate_hz != rate_hz:
                    if rate_hz:
                        return
                    rate_hz = audio_header(packet).sample_rate_hz
                    yield wav_header(rate_hz)
                if bird is not None:
                    pcm = await anyio.to_thread.run_sync(bird.push, packet)
                else:
                    pcm = packet[HEADER_BYTES:] if kind == "audio" and not only_bird else b""
                if pcm:
                    yield pcm
    except TimeoutError:
        return
    finally:
        state.listeners -= 1


def wav_header(sample_rate_hz: int) -> bytes:
    """Return the header of an endless mono WAV file of 16 bits."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate_hz, 2 * sample_rate_hz, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", ENDLESS, b"WAVE") + form + struct.pack("<4sI", b"data", ENDLESS)


async def event_stream(request: Request) -> Response:
    """Return events, once they are stored, as server-sent events; resume after the event of Last-Event-ID."""
    folder = _required(request)
    state = request.app.state
    if state.event_streams >= MAX_EVENT_STREAMS:
        raise HTTPException(503, "too many programs are following the events at the moment: try again later")
    last = request.headers.get("last-event-id") or request.query_params.get("after", "")
    if last and not last.isdecimal():
        raise HTTPException(400, "Last-Event-ID must be the number of an event")
    after = min(int(last), 2**62) if last and len(last) < 20 else None
    return StreamingResponse(
        _server_sent(request, EventFollower(folder.path, after)),
        media_type="text/event-stream",
        headers=STREAM_HEADERS,
    )


class EventFollower:
    """Reads the events of a recorder as they are stored, also from a new database in the place of the first.

    Args:
        folder: The folder of the recorder.
        after: The number of the event to start after; None for the newest.
    """

    def __init__(self, folder: Path, after: int | None) -> None:
        self._folder, self._after = folder, after
        self._after_id = ""  # of the event `after`: in another database its number belongs to another event

    def read(self) -> list[EventRow]:
        """Return the next events, oldest first; after a change of the database, they begin with its first one.

        Raises:
            OutputError: The database cannot be read.
        """
        with reading(self._folder) as db:
            if self._after is None:
                self._after = max((new.event.id for new in latest_events(db, 0, 1)), default=0)
            present_id = event_id_at(db, self._after)
            if not present_id or self._after_id not in ("", present_id):
                self._after, present_id = 0, ""
            found = new_events(db, self._after, EVENTS_PER_POLL)
        self._after_id = event_id(found[-1]) if found else present_id
        self._after = found[-1].event.id if found else self._after
        return [new.event for new in found]


async def _server_sent(request: Request, follower: EventFollower) -> AsyncIterator[str]:
    state = request.app.state
    state.event_streams += 1
    try:
        yield "retry: 2000\n\n"
        sent_s = time.monotonic()
        while True:
            try:
                rows = await anyio.to_thread.run_sync(follower.read)
            except BirdedgeError:  # the disk is unavailable; its events come later
                rows = []
            for row in rows:
                yield f"id: {row.id}\nevent: event\ndata: {json.dumps(event_fields(row))}\n\n"
            if rows:
                sent_s = time.monotonic()
                if len(rows) == EVENTS_PER_POLL:
                    continue
            elif time.monotonic() - sent_s > HEARTBEAT_S:
                yield ": nothing new\n\n"
                sent_s = time.monotonic()
            await asyncio.sleep(POLL_S)
    finally:
        state.event_streams -= 1


def event_fields(row: EventRow) -> dict[str, object]:
    """Return the fields of an event that programs receive."""
    values = {name: getattr(row, name) for name in FIELDS}
    return {
        "id": row.id,
        "onset_utc": utc_text(row.utc_s, 0.0),
        "duration_s": row.duration_s,
        **{name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in values.items()},
    }


routes = [
    WebSocketRoute("/api/stream", stream),
    Route("/api/listen", listen, methods=["GET"]),
    Route("/api/events/stream", event_stream, methods=["GET"]),
]
