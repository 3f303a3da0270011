"""Watches a running recorder: feeds the watchdog, sheds load, and reports health."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from birdedge.edge.block import LiveInput
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.privacy import PrivacyFilter
from birdedge.edge.clips.retention import Retention
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.health import Health
from birdedge.edge.messages import AudioHeard, HealthReported, LoadLevelChanged, Message
from birdedge.edge.recorder.load_shedding import LEVELS, LoadShedder
from birdedge.edge.sinks.background import BackgroundSink
from birdedge.edge.sinks.old_files import OldFiles
from birdedge.edge.sinks.retrying import RetryingSink
from birdedge.edge.system import board_health
from birdedge.edge.system.clock import monotonic_s

HEALTH_EVERY_S = 5.0
LOGGED_ELSEWHERE = ("clip_problem", "retention_problem")  # at once, even while nothing is heard
RESOLVED = {
    "output_problem": "tables, masks and audio are written again",
    "throttled": "the board is no longer throttled",
}

log = logging.getLogger(__name__)


@dataclass
class Supervisor:
    """A sink that checks the parts of a recorder each time audio was analysed.

    Attributes:
        folder: the folder of the database, whose disk is measured.
        microphone: the open input.
        device_losses: returns how often it was lost.
        silent_s: returns the seconds of digital silence so far.
        input_problems: returns what is wrong with the samples so far.
        shedder: decides on the load level.
        change_model: switches to the model of a load level; None for the configured model.
        may_change_model: whether the configuration leaves the choice of the model to birdedge.
        clips, cutter, privacy, retention, old_files, outputs, database: report their counts and problems.
        alive: feeds the watchdog; not called while the database is stuck, because a new process may help.
        now_s: reads a clock that is never set.
        place: latitude and longitude, as others may know them.
    """

    folder: Path
    microphone: LiveInput
    device_losses: Callable[[], int]
    silent_s: Callable[[], float]
    input_problems: Callable[[], Sequence[str]]
    shedder: LoadShedder
    change_model: Callable[[str | None], None]
    may_change_model: bool
    clips: ClipWriter
    cutter: ClipCutter
    privacy: PrivacyFilter
    retention: Retention
    old_files: OldFiles
    outputs: Sequence[BackgroundSink | RetryingSink]
    database: DatabaseWriter
    alive: Callable[[], None]
    now_s: Callable[[], float] = monotonic_s
    place: tuple[float, float] | None = None
    _reported_s: float = field(default=float("-inf"), init=False)
    _problems: set[str] = field(default_factory=set, init=False)
    _capped: bool = field(default=False, init=False)

    def write(self, message: Message) -> None:
        """Feed the watchdog, shed load and report health when audio was heard."""
        if not isinstance(message, AudioHeard):
            return
        self.feed_watchdog()
        self._shed_load(message)
        if self.now_s() - self._reported_s >= HEALTH_EVERY_S:
            self._reported_s = self.now_s()
            health = self.health()
            self.database.submit(HealthReported(message.stamp, health))
            self._log_problems(health)

    def feed_watchdog(self) -> None:
        """Feed the watchdog, unless the database is stuck."""
        if not self.database.is_stuck:
            self.alive()

    def close(self) -> None:
        """Do nothing: no file is open."""

    def health(self) -> Health:
        """Return the present health of the recorder."""
        microphone, clips = self.microphone, self.clips
        latitude_deg, longitude_deg = self.place or (None, None)
        return Health(
            device=microphone.name,
            backlog_s=round(self._backlog_s(), 3),
            load_level=self.shedder.level.name,
            left_out_s=self.shedder.level.every_s - self.shedder.level.listen_s,
            device_losses=self.device_losses(),
            overflows=microphone.overflows,
            clips_written=clips.written,
            clips_dropped=clips.dropped,
            clips_failed=clips.failed,
            clips_capped=self.cutter.capped,
            clips_with_speech=self.privacy.dropped,
            clips_deleted=self.retention.deleted,
            files_deleted=self.old_files.deleted,
            rows_deleted=self.database.deleted_rows,
            input_problem="; ".join(self.input_problems()) or None,
            silent_s=round(self.silent_s(), 1),
            dropped_messages=self.database.dropped_messages,
            clip_problem=clips.problem,
            retention_problem=self.retention.problem,
            output_problem=next((sink.problem for sink in self.outputs if sink.problem), None),
            free_mb=board_health.free_mb(self.folder),
            temperature_c=board_health.temperature_c(),
            throttled=board_health.throttled(),
            latitude_deg=latitude_deg,
            longitude_deg=longitude_deg,
        )

    def _backlog_s(self) -> float:
        return self.microphone.waiting_samples / self.microphone.sample_rate_hz

    def _shed_load(self, heard: AudioHeard) -> None:
        before = self.shedder.level
        if not self.shedder.update(self._backlog_s(), self.now_s()):
            return
        level = self.shedder.level
        is_lighter = LEVELS.index(level) > LEVELS.index(before)
        log.warning("overloaded: analysing %s" if is_lighter else "analysing %s again", level.name)
        self.database.submit(LoadLevelChanged(heard.stamp, level.name))
        if level.model != before.model and self.may_change_model:
            self.change_model(level.model)

    def _log_problems(self, health: Health) -> None:
        """Log each problem once when it appears, and once when it is gone."""
        problems = {
            name: problem for name, problem in health.problems.items() if name not in LOGGED_ELSEWHERE
        }
        for name in problems.keys() - self._problems:
            log.warning("%s", problems[name])
        for name in self._problems - problems.keys():
            log.info("%s", RESOLVED.get(name, f"{name}: resolved"))
        self._problems = set(problems)
        if health.clips_capped and not self._capped:
            log.info("clips are left out from now on once their hour has max_per_hour of them")
        self._capped = bool(health.clips_capped)
