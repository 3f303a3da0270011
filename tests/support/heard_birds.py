"""The folder of a recorder that heard the demo: real events with clips, and a rejected sound."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from birdedge.edge.archive.segment import segment
from birdedge.edge.database.rejected import KeptRegion
from birdedge.edge.event import Event
from birdedge.edge.messages import ClipWritten, Message, RegionRejected
from birdedge.edge.synthesis.soundscape import Soundscape, soundscape
from tests.support.streams import Clocks, MessageStream, started

START_UTC_S = 1_777_600_800.0  # 2026-05-01 02:00 UTC
SCENE_S = 20.0
CLIP_S = 8.0
SEED = 20


@cache
def _scene() -> Soundscape:
    return soundscape(SCENE_S, SEED, 60.0)


@cache
def _events() -> list[Event]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "scene.wav")
        soundfile.write(path, _scene().samples, _scene().sample_rate_hz)
        return list(segment(path).events)


class HeardBirds:
    """A recorder that listens to the same scene again and again.

    Every other scene is kept as clips of 8 s, which hold all its events.

    Attributes:
        folder: the recorder's folder.
        events: the number of events in its database.
    """

    def __init__(self, folder: Path, scenes: int = 3, start_utc_s: float = START_UTC_S) -> None:
        folder.mkdir(parents=True)
        self.folder, self.events, self._scenes = folder, 0, 0
        self._clocks = Clocks(utc_s=start_utc_s)
        self.run_log = started(folder, self._clocks, folder.name)
        self._heard = _events()
        self._rate_hz = _scene().sample_rate_hz
        self._stream = MessageStream(self._write, self._clocks, rate_hz=self._rate_hz)
        for _ in range(scenes):
            self.hear()

    def hear(self) -> None:
        """Hear the scene once more, and commit."""
        begin = self._stream.sample
        self._stream.hear(SCENE_S)
        for event in self._heard:
            onset_s = begin / self._rate_hz + event.onset_s
            changes = {
                name: getattr(event, name) for name in ("low_hz", "high_hz", "peak_hz", "area_hz_s", "snr_db")
            }
            offset_s = onset_s + event.duration_s
            self._stream.detect(onset_s, score=event.score, offset_s=offset_s, busy_60_s=0.1, **changes)
        self.events += len(self._heard)
        rejected = self._heard[-1].onset_s + begin / self._rate_hz + 0.2
        self._stream.reject(rejected, low_hz=self._heard[-1].low_hz, high_hz=self._heard[-1].high_hz)
        if self._scenes % 2 == 0:
            self._keep_clips(begin)
        self._scenes += 1
        self.run_log.commit()

    def _keep_clips(self, begin: int) -> None:
        samples = np.rint(_scene().samples * 32767).astype(np.int16).reshape(len(_scene().samples), -1)
        count = round(CLIP_S * self._rate_hz)
        for first in range(0, len(samples), count):
            path = f"clips/2026-05-01/{begin + first}.flac"
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(self.folder / path, samples[first : first + count], self._rate_hz)
            stamp = self._stream.timekeeper.stamp(begin + first)
            length = len(samples[first : first + count])
            self._write(ClipWritten(path, stamp, length, (self.folder / path).stat().st_size, 0.9))

    def _write(self, message: Message) -> None:
        self.run_log.apply(KeptRegion(message, 0) if isinstance(message, RegionRejected) else message)
