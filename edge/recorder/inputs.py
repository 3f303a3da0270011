"""The input of a recorder, by its settings."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import BinaryIO

from birdedge.edge.audio.devices import input_devices
from birdedge.edge.audio.file import AudioFile
from birdedge.edge.audio.live_inputs import network_input, open_pipe, open_recording
from birdedge.edge.audio.live_stream import LiveStream, OpenStream
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.audio.sources import demo_source, file_name, file_source, repeated
from birdedge.edge.block import LiveInput
from birdedge.edge.errors import AudioError, AudioFileError, SettingsError, StreamLostError
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.source_settings import SourceSettings
from birdedge.edge.synthesis import DEMO_S, DEMO_SEED
from birdedge.edge.system.log import note

InputMaker = Callable[[Config], LiveInput]


def input_maker(source: SourceSettings, config: Config, stop: threading.Event, open_now: bool) -> InputMaker:
    """Return a function that makes the input of a source: a new one for each configuration, if that is possible.

    Args:
        source: The settings of the source.
        config: The current configuration.
        stop: Ends waiting for the first samples.
        open_now: Whether a file or standard input that cannot be read is an error at once. Otherwise it is
            retried until it can be read.

    Raises:
        AudioError: A file or standard input holds no usable audio.
        SettingsError: The source cannot be used as configured.
    """
    url, begin = source.url, _beginning(source, config, stop)
    if url is not None:
        return lambda config: network_input(url, config.sample_rate_hz, config.channels, stop)
    if begin is None:
        return _microphone
    if open_now:
        opened = begin()
        begin = lambda: opened  # noqa: E731
    name = "demo" if source.demo else file_name(source.path) if source.path else "stdin"
    fixed = LiveStream(name, _tried_again(begin), may_reopen=False)
    return lambda _config: fixed


class SourceInput:
    """Makes the input of one of several sources; one that cannot start again is kept while the same audio is heard."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._heard: object = None
        self._make: InputMaker | None = None
        self._input: LiveInput | None = None

    def __call__(self, config: Config) -> LiveInput:
        """Return the input for a configuration; if it cannot be made, the present one continues."""
        (source,) = config.source
        pcm = source.sample_format, config.sample_rate_hz, config.channels
        heard = source.url, source.path, source.demo, source.stdin and pcm
        make = self._make
        if make is None or heard != self._heard:
            make = input_maker(source, config, self._stop, open_now=False)
        made = make(config)
        if made is not self._input:
            self.end()
        self._heard, self._make, self._input = heard, make, made
        return made

    def end(self) -> None:
        """End the present input: a thread that went on reading standard input would take audio from the next one."""
        if isinstance(self._input, LiveStream):
            self._input.end()


def standard_input() -> BinaryIO:
    """Return standard input.

    Raises:
        AudioFileError: It is closed.
        SettingsError: It is a terminal.
    """
    if sys.stdin is None:
        raise AudioFileError("standard input is closed: pipe raw PCM or WAV into it")
    if sys.stdin.isatty():
        raise SettingsError("standard input is a terminal; pipe raw PCM or WAV into it")
    # Unbuffered: a thread that is still waiting in sys.stdin would crash Python at exit.
    return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)


def _microphone(config: Config) -> LiveInput:
    input_devices()  # raises if PortAudio itself is missing: waiting does not help
    return Microphone(config.device, channels=config.channels, sample_rate_hz=config.sample_rate_hz)


def _beginning(
    source: SourceSettings, config: Config, stop: threading.Event
) -> Callable[[], OpenStream] | None:
    """Return a function that opens a source that can be opened only once; None for a microphone or the network."""

    def pipe() -> OpenStream:
        rate_hz, channels = config.sample_rate_hz, config.channels
        return open_pipe(standard_input(), rate_hz, channels, source.sample_format, stop)

    def file(path: str) -> OpenStream:
        audio = AudioFile(path)
        for warning in audio.warnings:
            note(warning)
        return open_recording(file_source(audio, fast=False), stop)

    if source.demo:
        return lambda: open_recording(repeated(demo_source(DEMO_S, DEMO_SEED, fast=False)), stop)
    if source.stdin:
        return pipe
    return partial(file, source.path) if source.path is not None else None


def _tried_again(begin: Callable[[], OpenStream]) -> Callable[[], OpenStream]:
    """Report a source that cannot be opened as lost, so that it is tried again."""

    def start() -> OpenStream:
        try:
            return begin()
        except (AudioError, SettingsError) as error:
            raise StreamLostError(str(error)) from error

    return start
