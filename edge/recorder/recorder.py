"""The daemon: listens to one input without end, and maintains its database, clips and health."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from birdedge.edge.audio.sources import LimitedSource
from birdedge.edge.block import LiveInput, Source
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.privacy import PrivacyFilter
from birdedge.edge.clips.retention import Retention
from birdedge.edge.clips.settings import RetentionSettings
from birdedge.edge.clips.sink import ClipSink
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.errors import BirdedgeError, SettingsError
from birdedge.edge.gap import GapCause
from birdedge.edge.messages import GapStarted, Sink
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.pipeline.mixer import Mixer
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.recorder.clip_index import DatabaseClipIndex
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.load_shedding import LoadShedder
from birdedge.edge.recorder.reconnecting_microphone import ReconnectingMicrophone
from birdedge.edge.recorder.schedule import Schedule
from birdedge.edge.recorder.shared_models import SharedModels
from birdedge.edge.recorder.shedding_source import SheddingSource
from birdedge.edge.recorder.supervisor import Supervisor
from birdedge.edge.sinks.background import BackgroundSink
from birdedge.edge.sinks.live import LiveSink
from birdedge.edge.sinks.old_files import OldFiles
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.sound_classes import VOICE
from birdedge.edge.system.clock import boot_id, read_clocks
from birdedge.edge.system.live_socket import LiveServer
from birdedge.edge.system.sd_notify import Notifier, ServiceNotifier
from birdedge.edge.system.stop_signals import ReloadableStop

log = logging.getLogger(__name__)
CLIPS_CLOSE_S = 10.0  # twice at most, which the watchdog and the service's stop timeout allow
AT_START = ("tables", "denoised", "commit_s")  # keys that take effect only at a start


class Recorder:
    """One run of the daemon.

    Args:
        config: the configuration.
        folder: the folder of the database and the clips.
        read_config: reads the configuration again.
        make_input: returns the input for a configuration.
        models: opens models.
        notifier: reports to the service manager.
        is_alone: whether the process may be restarted because of this recorder.
        other_files: other folders that the sinks write files to, each with the pattern of their names.

    Attributes:
        old_files: deletes old tables and masks.
        clip_problem: why the latest clip could not be written, or old ones deleted, when the run ended.

    Raises:
        StoreError: the database cannot be opened, and waiting would not help.
        SettingsError: the schedule lacks a place or never opens, or the microphone cannot be used as configured.
        ModelError: the model cannot be used.
    """

    def __init__(
        self,
        config: Config,
        folder: Path,
        read_config: Callable[[], Config],
        make_input: Callable[[Config], LiveInput],
        models: SharedModels | None = None,
        notifier: ServiceNotifier | None = None,
        is_alone: bool = True,
        other_files: Sequence[tuple[Path, str]] = (),
    ) -> None:
        self._is_alone, self._other_files = is_alone, other_files
        self._folder, self._read_config, self._make_input = folder, read_config, make_input
        self._models = models or SharedModels()
        self._first_config = config
        self.clip_problem: str | None = None
        self.old_files = OldFiles()
        self._notifier = notifier or Notifier()
        self._configure(config)
        self._database = DatabaseWriter(
            folder, boot_id(), self._model.card.name, config.site, config.commit_s
        )
        self._timekeeper = Timekeeper(read_clocks(), self._database.utc)
        self._index = DatabaseClipIndex(folder, self._database.submit)
        self._live = LiveServer(folder)

    @property
    def card(self) -> ModelCard:
        """The card of the model in use."""
        return self._model.card

    @property
    def retention(self) -> RetentionSettings:
        """The retention settings of the configuration that was last read."""
        return self._config.retention

    def run(self, sinks: Sequence[Sink], stop: ReloadableStop, duration_s: float | None = None) -> None:
        """Listen until `stop` is set, or until `duration_s` of the stream has passed, and write everything.

        A reload reads the configuration again; audio lost meanwhile is a gap.

        Args:
            sinks: receive the messages, in addition to the database and the clips.
            stop: ends the run.
            duration_s: how much audio to record, gaps included; None for no limit.
        """
        self._notifier.ready()
        try:
            while True:
                self._run_configured(sinks, stop, duration_s)
                if not stop.take_reload():
                    return
                self._start_gap("restart")
                self._notifier.reloading()
                self._reconfigure()
                self._notifier.ready()
        finally:
            self._notifier.stopping()
            self._live.close()
            self._database.close()

    def _configure(self, config: Config) -> None:
        model = self._models.open(config.model, config.min_score)
        if config.privacy.speech != "keep" and VOICE not in model.card.classes:
            raise SettingsError(
                f"{model.card.name} cannot detect voices, and speech is {config.privacy.speech!r}: use another "
                'model, or set speech to "keep"'
            )
        # The channels are known before a microphone is available.
        Mixer(config.channels, config.channel)
        schedule = Schedule(config.schedule, config.latitude_deg, config.longitude_deg)
        schedule.require_opening(read_clocks().utc_s)
        device = self._make_input(config)
        self._config, self._model, self._device = config, model, device
        # Waiting for the schedule or for a device feeds the watchdog as audio does.
        self._microphone = ReconnectingMicrophone(
            device, schedule, self._start_gap, self._wait, waits_while_hanging=not self._is_alone
        )

    def _wait(self) -> None:
        self._database.require_thread()  # no message would show that the thread has ended
        self._live.watched()
        self._notifier.alive()

    def _reconfigure(self) -> None:
        try:
            self._configure(self._read_config())
        except BirdedgeError as error:
            log.error("%s; the configuration stays as it was", error)
            return
        log.info("the configuration was read again")
        old, new = self._first_config, self._config
        at_start = (*AT_START, "source") if self._is_alone else AT_START
        if waiting := [name for name in at_start if getattr(old, name) != getattr(new, name)]:
            log.warning("%s: takes effect when birdedge restarts", ", ".join(waiting))

    def _run_configured(self, sinks: Sequence[Sink], stop: ReloadableStop, duration_s: float | None) -> None:
        retention = Retention(
            self._config.retention,
            self._folder,
            self._index,
            self._known_utc_s,
            other_files=self._other_files,
        )
        clips = self._clip_writer(retention)
        try:
            if self._microphone.open(stop):
                self._listen(sinks, clips, retention, stop, duration_s)
        finally:
            self._device.close()
            clips.close(CLIPS_CLOSE_S)
            self.clip_problem = clips.problem or retention.problem

    def _listen(
        self,
        sinks: Sequence[Sink],
        clips: ClipWriter,
        retention: Retention,
        stop: ReloadableStop,
        duration_s: float | None,
    ) -> None:
        config, model, microphone = self._config, self._model, self._microphone
        rate_hz, channels = microphone.sample_rate_hz, microphone.channels
        log.info(
            "listening to %r, %d Hz, %d channel(s), with %s (%s); licence of the model: %s",
            *(microphone.name, rate_hz, channels, model.card.name, model.card.precision, model.card.licence),
        )
        shedder = LoadShedder()
        pipeline = Pipeline(
            model,
            rate_hz,
            channels,
            config.channel,
            config.denoised is not None,
            config.privacy.speech != "keep",
            full_scale=10 ** (config.gain_db / 20),
        )
        privacy = PrivacyFilter(config.privacy, model.card.grid, clips.put)
        cutter = ClipCutter(
            config.clips, privacy, model.card, rate_hz, channels, self._timekeeper.stamp, microphone.name
        )
        supervisor = Supervisor(
            self._folder,
            self._device,
            lambda: microphone.losses,
            lambda: pipeline.silent_samples / rate_hz,
            lambda: pipeline.warnings,
            shedder,
            lambda name: pipeline.change(self._models.open_fallback(name, model) if name else model),
            may_change_model=config.model == DEFAULT_MODEL,
            clips=clips,
            cutter=cutter,
            privacy=privacy,
            retention=retention,
            old_files=self.old_files,
            outputs=[sink for sink in sinks if isinstance(sink, BackgroundSink)],
            database=self._database,
            alive=self._notifier.alive,
            place=self._place(),
        )
        source: Source = SheddingSource(microphone, shedder, config.gain_db, supervisor.feed_watchdog)
        if duration_s is not None:
            source = LimitedSource(source, round(duration_s * rate_hz))
        live = LiveSink(self._live, lambda: pipeline.card, config.site, config.privacy.speech == "keep")
        group = SinkGroup([self._database, ClipSink(cutter, privacy), *sinks, supervisor, live])
        run(source, pipeline, group, stop, self._timekeeper)

    def _start_gap(self, cause: GapCause) -> None:
        self._database.submit(GapStarted(self._timekeeper.now(read_clocks()), cause))

    def _known_utc_s(self) -> float | None:
        utc = self._database.utc
        return utc.utc_s(read_clocks().boot_s) if utc.synchronized else None

    def _place(self) -> tuple[float, float] | None:
        """Return latitude and longitude, rounded as far as others may know them; None if they are not configured."""
        config = self._config
        if config.latitude_deg is None or config.longitude_deg is None:
            return None
        return config.privacy.rounded(config.latitude_deg), config.privacy.rounded(config.longitude_deg)

    def _clip_writer(self, retention: Retention) -> ClipWriter:
        config = self._config
        fields = {"birdedge|Site": config.site} if config.site else {}
        if place := self._place():
            fields["Loc Position"] = " ".join(map(str, place))

        def tidy() -> None:
            self._index.add_missing()
            retention.step()

        return ClipWriter(self._folder / "clips", config.clips, self._index.written, fields, tidy)
