"""The daemon: listens to a microphone for ever, keeps its book and its clips, and says what goes wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from birdedge.edge.audio.devices import input_devices
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.audio.sources import limited
from birdedge.edge.clips.clip import Clip
from birdedge.edge.clips.fields import read_clip
from birdedge.edge.clips.folder import clips_in
from birdedge.edge.clips.retention import KeptClip, Retention
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database.run_log import ClockReading
from birdedge.edge.database.store import Store
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.resample import StreamResampler
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.load_shedding import LoadShedder
from birdedge.edge.recorder.reconnecting_microphone import ReconnectingMicrophone
from birdedge.edge.recorder.schedule import Schedule
from birdedge.edge.recorder.stream import Stream
from birdedge.edge.system import board_health as board
from birdedge.edge.system.clock import boot_id, clock_synchronized, monotonic_s
from birdedge.edge.system.sd_notify import Notifier

log = logging.getLogger(__name__)
STATE_EVERY_S = 5.0
# What a new configuration does not change in a running recorder.
AT_START = ("tables", "denoised", "commit_s")
FOUND_AT_ONCE = 500  # clips without a row that are told together


def read_clocks() -> ClockReading:
    """What this machine's clocks say."""
    return ClockReading(monotonic_s(), time.time(), clock_synchronized())


class Recorder:
    """One run of the daemon. `run` gives what is found, until it is stopped.

    Args:
        config: what to do.
        folder: where database and clips go.
        reread: gives the configuration anew, when `reload` asks for it.

    Raises:
        StoreError: the folder's database cannot be opened, and waiting would not help.
        SettingsError: the schedule lacks a place, or the microphone cannot be as it was asked for.
        ModelError.
    """

    def __init__(self, config: Config, folder: Path, reread: Callable[[], Config]) -> None:
        self._folder, self._reread = folder, reread
        self._first_config = config
        self._notifier = Notifier()
        self._stream: Stream | None = None
        self._reloading = False
        self._overload = LoadShedder()
        self._unindexed: list[Path] | None = None
        self._until_s: float | None = None  # when the stream before a new configuration ended
        self._configure(config)
        name = self._model.card.name
        self.ledger = DatabaseWriter(folder, boot_id(), read_clocks, name, config.site, config.commit_s)

    @property
    def pipeline(self) -> Pipeline | None:
        """What the sound goes through; None before there was any."""
        return None if self._stream is None else self._stream.pipeline

    @property
    def card(self) -> ModelCard:
        """That of the model it listens with."""
        return self._model.card

    def reload(self, stop: threading.Event) -> None:
        """Read the configuration anew; what is lost meanwhile is a gap. From a signal's handler."""
        self._reloading = True
        stop.set()

    def run(self, stop: threading.Event, duration_s: float | None = None) -> Iterator[PipelineOutput]:
        """What each block gave. Ends when `stop` is set, or so much of the stream has passed, and all is written."""
        self._notifier.ready()
        try:
            while True:
                yield from self._run_configured(stop, duration_s)
                if not self._reloading:
                    return
                self._reloading = False
                stop.clear()
                self.ledger.gap_began("restart")
                self._notifier.reloading()
                try:
                    self._configure(self._reread())
                    log.info("the configuration was read anew")
                    if late := [
                        n for n in AT_START if getattr(self._config, n) != getattr(self._first_config, n)
                    ]:
                        log.warning("%s: changed when birdedge starts again", ", ".join(late))
                except BirdedgeError as error:
                    log.error("%s; the configuration stays as it was", error)
                self._notifier.ready()
        finally:
            self._notifier.stopping()
            self.ledger.close()

    def _configure(self, config: Config) -> None:
        input_devices()  # where PortAudio itself is missing, no waiting helps
        model = _open_model(config.model, config)
        # Which channels there are is known before a microphone is there.
        StreamResampler(model.card.grid.sample_rate_hz, channels=config.channels, channel=config.channel)
        schedule = Schedule(config.schedule, config.latitude_deg, config.longitude_deg)
        microphone = Microphone(config.device, channels=config.channels, sample_rate_hz=config.sample_rate_hz)
        self._config, self._model, self._microphone = config, model, microphone
        self._stream = None
        # Paused by its schedule it does what it should: the watchdog is fed as if by frames.
        self._capture = ReconnectingMicrophone(microphone, schedule, self._lost, self._notifier.alive)

    def _run_configured(self, stop: threading.Event, duration_s: float | None) -> Iterator[PipelineOutput]:
        clips = self._clip_writer()
        try:
            if self._capture.open(stop):
                yield from self._listen(stop, clips, duration_s)
        finally:
            self._microphone.close()
            clips.close()

    def _listen(
        self, stop: threading.Event, clips: ClipWriter, duration_s: float | None
    ) -> Iterator[PipelineOutput]:
        microphone = self._microphone
        log.info(
            "listening to %r, %d Hz, %d channel(s), with %s (%s)",
            microphone.device.name,
            microphone.sample_rate_hz,
            microphone.channels,
            self._model.card.name,
            self._model.card.precision,
        )
        stream = self._stream = Stream(microphone, self._config, self._model, self.ledger, clips)
        if self._until_s is not None:
            yield stream.follows(self._until_s)
        overload = self._overload = LoadShedder()
        state_s, paused = 0.0, False
        blocks = self._capture.blocks(stop)
        if duration_s is not None:
            blocks = limited(blocks, round(duration_s * microphone.sample_rate_hz))
        for gap_samples, block in blocks:
            mode = overload.mode
            if not gap_samples and stream.is_left_out(block, mode):
                continue
            yield from stream.gap(gap_samples, self._capture.cause)
            yield stream.push(block)
            microphone.set_min_block(stream.pipeline.missing_samples)
            if stream.tell():
                self._notifier.alive()
                if overload.waiting(microphone.waiting_samples / microphone.sample_rate_hz, monotonic_s()):
                    log.warning("too much to do: %s from now on", overload.mode.name)
                    self.ledger.mode_changed(overload.mode.name)
                    lighter = overload.mode.model
                    if lighter != mode.model and self._config.model == DEFAULT_MODEL:
                        yield stream.change(_open_model(lighter, self._config) if lighter else self._model)
            if time.monotonic() - state_s >= STATE_EVERY_S:
                state_s = time.monotonic()
                self.ledger.state(self._state(clips))
                if paused != (clips.paused is not None):
                    paused = not paused
                    log.warning("%s", clips.paused or "clips are written again")
        yield stream.flush()
        self._until_s = stream.until_s

    def _lost(self) -> None:
        if self._stream is not None:  # the gap begins where its sound ends
            self.ledger.heard(self._stream.sample)
        self.ledger.gap_began(self._capture.cause)

    def _clip_writer(self) -> ClipWriter:
        config = self._config
        fields = {"birdedge|Site": config.site} if config.site else {}
        if config.latitude_deg is not None and config.longitude_deg is not None:
            fields["Loc Position"] = f"{config.latitude_deg} {config.longitude_deg}"
        retention = Retention(config.retention, self._folder, self._kept_clips)

        def tidy() -> None:
            self._index_unindexed()
            for path in retention.step():
                self.ledger.clip_removed(path.relative_to(self._folder).as_posix())

        return ClipWriter(self._folder / "clips", config.clips, self._index, fields, tidy)

    def _index_unindexed(self) -> None:
        """Tell the ledger of clips that have no row: the power went between the two, or the database was lost."""
        if self._unindexed is None:
            indexed = {clip.path for clip in self._kept_clips()}
            clips = clips_in(self._folder / "clips")
            self._unindexed = [p for p in clips if p.relative_to(self._folder).as_posix() not in indexed]
        found = [read_clip(path) for path in self._unindexed[:FOUND_AT_ONCE]]
        del self._unindexed[:FOUND_AT_ONCE]
        for clip in filter(None, found):
            self.ledger.clip_found(clip.path.relative_to(self._folder).as_posix(), clip)
            log.info("%s had no row in the database; it has one now", clip.path)

    def _index(self, clip: Clip) -> None:
        path = clip.path.relative_to(self._folder).as_posix()
        self.ledger.clip_written(path, clip.first_sample, clip.samples, clip.size_bytes, clip.score)

    def _kept_clips(self) -> list[KeptClip]:
        store = Store(self._folder, read_only=True)
        rows = store.rows(
            """SELECT path, stream_began_s + first_sample * 1.0 / sample_rate_hz + offset_s, bytes, score
            FROM clips JOIN boot_of_stream USING (stream)"""
        )
        store.close()
        return [KeptClip(str(path), utc_s, int(size), score) for path, utc_s, size, score in rows]

    def _state(self, clips: ClipWriter) -> dict[str, object]:
        microphone = self._microphone
        return {
            "device": microphone.device.name,
            "backlog_s": round(microphone.waiting_samples / microphone.sample_rate_hz, 3),
            "mode": self._overload.mode.name,
            "losses": self._capture.losses,
            "overflows": microphone.overflows,
            "clips_written": clips.written,
            "clips_dropped": clips.dropped,
            "clips_paused": clips.paused,
            "free_mb": board.free_mb(self._folder),
            "temperature_c": board.temperature_c(),
            "throttled": board.throttled(),
        }


def _open_model(name: str, config: Config) -> Model:
    """A model, with the configuration's lowest score."""
    model = Model(name)
    if config.min_score is not None:
        events = replace(model.card.events, min_score=config.min_score)
        model.card = replace(model.card, events=events)
    return model
