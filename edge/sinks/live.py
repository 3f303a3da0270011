"""The live feed of a recorder, for clients that are watching."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.formats.live_frames import (
    LEVEL_STEP_DB,
    MIN_LEVEL_DB,
    audio_packets,
    frames_packets,
    message_packet,
)
from birdedge.edge.messages import (
    EventDetected,
    FramesReady,
    GapEnded,
    GapStarted,
    Message,
    SamplesLost,
    StreamEnded,
    StreamStarted,
)
from birdedge.edge.models.card import ModelCard
from birdedge.edge.system.live_socket import LiveServer
from birdedge.edge.times import Stamp

log = logging.getLogger(__name__)
SILENCE_DBFS = -127.5
EVENT_FIELDS = tuple(field.name for field in fields(Event) if field.name not in ("mask", "reason"))


class LiveSink:
    """Sends spectrogram, mask, events and gaps to the clients of a `LiveServer`, and audio to those that ask for it.

    Nothing is encoded while nobody is connected.

    Args:
        server: the server, which outlives the stream.
        card: returns the card of the model in use, which may change within the stream.
        site: the site of the recorder.
        audio: whether audio may be sent; it may contain speech.
    """

    def __init__(self, server: LiveServer, card: Callable[[], ModelCard], site: str, audio: bool) -> None:
        self._server, self._card, self._site, self._audio = server, card, site, audio
        self._rate_hz = 0
        self._channel: int | None = None
        self._gap = True  # whether one precedes the next frames
        self._audio_gap = True
        self._loudness_dbfs = (SILENCE_DBFS, SILENCE_DBFS)
        self._failed = False

    def write(self, message: Message) -> None:
        """Send the viewers what they need of a message. It never raises: no viewer may end a recorder."""
        try:
            self._write(message)
        except Exception as error:
            if not self._failed:
                log.warning("the live view failed: %r", error)
            self._failed = True

    def _write(self, message: Message) -> None:
        if isinstance(message, StreamStarted):
            self._rate_hz, self._channel = message.sample_rate_hz, message.channel
            self._gap = self._audio_gap = True
            self._server.greeting = self._state(message)
            self._server.send(self._server.greeting)
        if not self._server.watched():
            return
        match message:
            case FramesReady():
                self._send_frames(message)
            case EventDetected(onset=onset, offset=offset, event=event):
                self._send_event(onset, offset, event)
            case GapStarted(stamp=stamp, cause=cause):
                self._send_gap(stamp, None, cause, lasts=True)
            case GapEnded(stamp=stamp, cause=cause):
                self._send_gap(None, stamp, cause)
            case SamplesLost(stamp=stamp, until=until, cause=cause):
                self._send_gap(stamp, until, cause)
            case StreamEnded():
                self._gap = self._audio_gap = True

    def close(self) -> None:
        """Do nothing: the server outlives the stream."""

    def _state(self, started: StreamStarted) -> bytes:
        card = self._card()
        grid = card.grid
        return message_packet(
            "state",
            {
                "source": started.source,
                "site": self._site,
                "model": card.name,
                "sample_rate_hz": started.sample_rate_hz,
                "audio": self._audio,
                "bins": grid.bins,
                "hop_s": grid.hop_s,
                "low_hz": grid.low_hz,
                "bin_hz": grid.bin_hz,
                "grid_rate_hz": grid.sample_rate_hz,
                "hop_samples": grid.hop,
                "n_fft": grid.n_fft,
                "min_level_db": MIN_LEVEL_DB,
                "level_step_db": LEVEL_STEP_DB,
            },
        )

    def _send_frames(self, message: FramesReady) -> None:
        output, card = message.output, self._card()
        mono = self._mono(message.audio)
        if len(mono):
            self._loudness_dbfs = _loudness_dbfs(mono)
        if len(output.mask):
            frame_s = card.grid.first_frame_s + message.first_frame * card.grid.hop_s
            mask = output.mask >= round(255 * card.threshold)
            utc_s = _utc_s(message.stamp) - (message.stamp.sample / self._rate_hz - frame_s)
            loudness = self._loudness_dbfs
            for packet in frames_packets(output.level, mask, utc_s, card.grid.hop_s, loudness, self._gap):
                self._server.send(packet)
            self._gap = False
        if output.empty_frames or message.lost_samples:
            self._gap = self._audio_gap = True
        if not self._audio or not self._server.heard:
            self._audio_gap = True
        elif len(mono):
            utc_s = _utc_s(message.stamp) - len(mono) / self._rate_hz
            for packet in audio_packets(mono, self._rate_hz, utc_s, self._audio_gap):
                self._server.send(packet, audio=True)
            self._audio_gap = False

    def _mono(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the analysed audio, `[samples]`; NaN and infinity become silence."""
        mono = audio.mean(axis=1) if self._channel is None else audio[:, self._channel]
        return np.nan_to_num(mono, nan=0.0, posinf=0.0, neginf=0.0)

    def _send_event(self, onset: Stamp, offset: Stamp, event: Event) -> None:
        values: dict[str, Any] = {name: getattr(event, name) for name in EVENT_FIELDS}
        numbers = {
            name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()
        }
        utc = {"onset_utc_s": _utc_s(onset), "offset_utc_s": _utc_s(offset)}
        self._server.send(message_packet("event", numbers | utc))

    def _send_gap(self, began: Stamp | None, ended: Stamp | None, cause: str, lasts: bool = False) -> None:
        begin_s, end_s = (None if stamp is None else _utc_s(stamp) for stamp in (began, ended))
        gap = {"from_utc_s": begin_s, "until_utc_s": end_s, "cause": cause, "lasts": lasts}
        self._server.send(message_packet("gap", gap))


def _utc_s(stamp: Stamp) -> float:
    return stamp.elapsed_s if stamp.utc_s is None else stamp.utc_s


def _loudness_dbfs(mono: NDArray[np.float32]) -> tuple[float, float]:
    """Return root mean square and peak in decibels of full scale."""
    squares = (float(np.mean(np.square(mono))), float(np.abs(mono).max()) ** 2)
    rms, peak = (10 * math.log10(square) if square > 0 else SILENCE_DBFS for square in squares)
    return rms, peak
