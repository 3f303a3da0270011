"""A supervisor of real parts, except for the microphone, on its own clocks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.privacy import PrivacyFilter
from birdedge.edge.clips.retention import Retention
from birdedge.edge.clips.settings import ClipSettings, PrivacySettings, RetentionSettings
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.health import Health
from birdedge.edge.messages import AudioHeard, StreamStarted
from birdedge.edge.monitoring.status import Status, read_status
from birdedge.edge.recorder.clip_index import DatabaseClipIndex
from birdedge.edge.recorder.load_shedding import LoadShedder
from birdedge.edge.recorder.supervisor import Supervisor
from birdedge.edge.sinks.old_files import OldFiles
from birdedge.edge.sinks.retrying import RetryingSink
from birdedge.edge.times import Stamp
from tests.support.models import short_frames_card
from tests.support.streams import Clocks
from tests.support.waiting import wait_until

RATE_HZ = 8000
SETTINGS = ClipSettings(
    format="wav", before_s=0.5, after_s=0.5, min_duration_s=0.5, max_per_hour=1, min_free_mb=0.0
)


class Supervised:
    """The parts of a recorder that has been listening since its start, and their supervisor.

    Attributes:
        microphone: set its `waiting_samples` and `overflows`.
        models: the models that `change_model` was called with.
        alive: how often the watchdog was fed.
    """

    def __init__(
        self,
        folder: Path,
        settings: ClipSettings = SETTINGS,
        retention: RetentionSettings | None = None,
        outputs: tuple[RetryingSink, ...] = (),
        may_change_model: bool = True,
    ) -> None:
        self.folder, self.clocks = folder, Clocks()
        self.models: list[str | None] = []
        self.input_problems: list[str] = []
        self.alive = self.losses = 0
        self.database = DatabaseWriter(folder, "boot", "model", "the wood", commit_s=0.01, read=self.clocks)
        self.index = DatabaseClipIndex(folder, self.database.submit)
        retention = retention or RetentionSettings(min_free_mb=0.0)
        self.retention = Retention(retention, folder, self.index, lambda: self.clocks.utc_s)
        self.old_files = OldFiles()
        self.clips = ClipWriter(folder / "clips", settings, self.index.written)
        self.microphone = SimpleNamespace(
            name="USB Audio", sample_rate_hz=RATE_HZ, waiting_samples=0, overflows=0
        )
        card = short_frames_card()
        self.privacy = PrivacyFilter(PrivacySettings(), card.grid, self.clips.put)
        self.cutter = ClipCutter(settings, self.clips, card, RATE_HZ, 1, self.stamp_of)
        self.supervisor = Supervisor(
            folder,
            cast(Microphone, self.microphone),
            lambda: self.losses,
            lambda: 12.34,
            lambda: self.input_problems,
            LoadShedder(),
            self.models.append,
            may_change_model=may_change_model,
            clips=self.clips,
            cutter=self.cutter,
            privacy=self.privacy,
            retention=self.retention,
            old_files=self.old_files,
            outputs=outputs,
            database=self.database,
            alive=self._feed,
            now_s=lambda: self.clocks.boot_s,
        )
        self._span = self.stamp_of(0)
        self.database.submit(StreamStarted(self._span, "USB Audio", RATE_HZ, 1))

    def stamp_of(self, sample: int) -> Stamp:
        """Return the stamp of a sample of a stream that started at 100 s on the boot clock."""
        at_s = sample / RATE_HZ
        return Stamp(sample, at_s, 100.0 + at_s, 1_000_000.0 + at_s, 0.2, True)

    def hear(self, seconds: float) -> None:
        """Hear audio, reported twice per second."""
        for _ in range(round(2 * seconds)):
            self.clocks.advance(0.5)
            sample = round((self.clocks.boot_s - 100.0) * RATE_HZ)
            heard = AudioHeard(self.stamp_of(sample), self._span, self.clocks())
            self.database.write(heard)
            self.supervisor.write(heard)

    def status(self) -> Status:
        """Let the supervisor report, and return the status that the database then shows."""
        self.hear(6.0)  # health is reported every 5 s
        expected = _of_the_parts(self.supervisor.health())
        wait_until(lambda: _of_the_parts(self._read().health) == expected)
        return self._read()

    def close(self) -> None:
        """End the threads."""
        self.clips.close()
        self.database.close()

    def _read(self) -> Status:
        return read_status(self.folder, self.clocks.utc_s)

    def _feed(self) -> None:
        self.alive += 1


def _of_the_parts(health: Health) -> Health:
    """Return the health without the values that change with the test machine."""
    return replace(health, free_mb=None, temperature_c=None, throttled=None)
