"""`birdedge listen --out`: the recorder of one source or of several, with its files."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from birdedge.edge.errors import OutputError
from birdedge.edge.formats.mask_repair import repair_latest
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.messages import Sink
from birdedge.edge.recorder.config import Config, source_config
from birdedge.edge.recorder.inputs import InputMaker, SourceInput
from birdedge.edge.recorder.recorder import Recorder
from birdedge.edge.recorder.recorder_group import RecorderGroup
from birdedge.edge.recorder.shared_models import SharedModels
from birdedge.edge.sinks.background import BackgroundSink
from birdedge.edge.sinks.denoised import DenoisedSink
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.retrying import RetryingSink
from birdedge.edge.sinks.rotating import DAY_S, HOUR_S, FileSink, RotatingSink
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.sinks.syncing import SyncingSink
from birdedge.edge.system.log import start_log
from birdedge.edge.system.sd_notify import Notifier, ServiceNotifier
from birdedge.edge.system.stdout import open_standard_streams
from birdedge.edge.system.stop_signals import ReloadableStop
from birdedge.edge.times import Stamp

PRIVATE_UMASK = 0o027  # a recorder's files, which may hold voices, are for its user and group: 0640
FILES_CLOSE_S, STANDARD_OUTPUT_CLOSE_S = 60.0, 1.0  # how long a recorder that ends waits for its outputs

ConsoleMaker = Callable[[str | None], list[Sink]]  # the sinks of standard output, by the name of the source


class RecorderDaemon:
    """Runs the recorders of one or several sources, with their outputs, until they stop.

    Args:
        out: folder of the database, clips and tables; with several sources, the folder above theirs.
        masks: folder of masks; None for none.
        read_config: reads the configuration, overridden by the command line.
        stop: stops it; a reload makes it read its configuration again.
        duration_s: how much audio to record from each source.
        console: makes the sinks of standard output.
        quiet: log warnings and errors only.
    """

    def __init__(
        self,
        out: Path,
        masks: Path | None,
        read_config: Callable[[], Config],
        stop: ReloadableStop,
        duration_s: float | None,
        console: ConsoleMaker,
        quiet: bool,
    ) -> None:
        self._out, self._masks, self._read_config = out, masks, read_config
        self._stop, self._duration_s, self._console = stop, duration_s, console
        self._models = SharedModels()
        open_standard_streams()
        start_log(logging.WARNING if quiet else logging.INFO)
        os.umask(os.umask(0o777) | PRIVATE_UMASK)

    def run_one(
        self, config: Config, name: str | None, make_input: InputMaker, files: list[Sink] | None = None
    ) -> None:
        """Record one source.

        Args:
            config: the current configuration.
            name: the name of the source in tables and JSON; None for its own name.
            make_input: makes the input of the source.
            files: sinks in place of the tables, masks and denoised audio of a live source.

        Raises:
            BirdedgeError: the source, the model or an output cannot be used.
        """
        elsewhere = _files_elsewhere(self._masks, config.denoised)
        recorder = Recorder(
            config, self._out, self._read_config, make_input, self._models, other_files=elsewhere
        )
        outputs = OutputSettings(self._out, config.tables, self._masks)
        self._record(recorder, outputs, config, name, self._stop, files)

    def run_all(self) -> None:
        """Record all sources of the configuration, each in its folder.

        Raises:
            SettingsError: the configuration is wrong.
        """

        def names() -> list[str]:
            return [source.name for source in self._read_config().source]

        RecorderGroup(self._run_source, Notifier()).run(names, self._stop)

    def _run_source(self, name: str, stop: ReloadableStop, notifier: ServiceNotifier) -> None:
        def read() -> Config:
            return source_config(self._read_config(), name)

        config = read()
        folder = self._out / name
        masks = self._masks and self._masks / name
        elsewhere = _files_elsewhere(masks, config.denoised)
        make_input = SourceInput(stop)
        try:
            recorder = Recorder(
                config, folder, read, make_input, self._models, notifier, False, other_files=elsewhere
            )
            outputs = OutputSettings(folder, config.tables, masks)
            self._record(recorder, outputs, config, name, stop)
        finally:
            make_input.end()

    def _record(
        self,
        recorder: Recorder,
        outputs: OutputSettings,
        config: Config,
        name: str | None,
        stop: ReloadableStop,
        files: list[Sink] | None = None,
    ) -> None:
        if files is None:
            files = [
                BackgroundSink(
                    RetryingSink(SyncingSink(sink, config.commit_s)),
                    of,
                    FILES_CLOSE_S,
                    writes_frames=of != "tables",
                )
                for of, sink in _file_sinks(outputs, recorder, config.denoised, name)
            ]
        sinks = [*files, *self._console(name)]
        try:
            recorder.run(sinks, stop, self._duration_s)
        finally:
            SinkGroup(sinks).close()
        if recorder.clip_problem is not None:
            raise OutputError(recorder.clip_problem)


def background(sink: Sink, is_audio: bool) -> Sink:
    """Return a sink of standard output for a daemon: its reader may stop reading, or exit.

    Events may be lost there, because the database has them too; audio exists nowhere else.
    """
    return BackgroundSink(
        RetryingSink(sink),
        "standard output",
        STANDARD_OUTPUT_CLOSE_S,
        optional=not is_audio,
        writes_frames=is_audio,
    )


def audio_path(denoised: str | None) -> Path | None:
    """Return the file that denoised audio goes to; None for standard output, or if denoised audio is off."""
    return None if denoised is None or denoised == "-" else Path(denoised)


def _files_elsewhere(masks: Path | None, denoised_to: str | None) -> list[tuple[Path, str]]:
    """Return the folders of masks and denoised audio, each with the pattern of the names that a recorder uses."""
    files = [(masks, "*.npz")] if masks is not None else []
    if path := audio_path(denoised_to):
        files.append((path.parent, f"{glob.escape(path.stem)}*{path.suffix}"))
    return files


def _file_sinks(
    outputs: OutputSettings, recorder: Recorder, denoised_to: str | None, name: str | None
) -> list[tuple[str, FileSink]]:
    """Return the sinks of tables, masks and denoised audio by name; each may be on another disk."""

    def recording(settings: OutputSettings, stem: str, origin: Stamp | None) -> RecordingSink:
        old_files, retention = recorder.old_files, recorder.retention  # the configuration may change
        if settings.masks is not None:
            old_files.remove(settings.masks, (".npz",), retention.max_masks_gb)
        if settings.tables is not None:
            suffixes = [format.suffix for format in FORMATS.values()]
            old_files.remove(settings.tables, suffixes, retention.max_tables_gb)
        return RecordingSink(settings, stem, recorder.card, atomic=False, file=name, origin=origin)

    tables, masks = replace(outputs, masks=None), replace(outputs, tables=None)
    sinks: list[tuple[str, FileSink]] = [
        ("tables", RotatingSink(partial(recording, tables), DAY_S, late_events=True))
    ]
    if masks.masks is not None:
        repair_latest(masks.masks)
        sinks.append(("masks", RotatingSink(partial(recording, masks), HOUR_S)))
    if path := audio_path(denoised_to):
        first = [path]  # the name that the user gave; later files have their time too

        def denoised(stem: str, _: Stamp | None) -> DenoisedSink:
            return DenoisedSink(first.pop() if first else path.with_stem(f"{path.stem}-{stem}"))

        sinks.append((str(path), RotatingSink(denoised, DAY_S)))
    return sinks
