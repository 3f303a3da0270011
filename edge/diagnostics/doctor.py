"""All checks of a recording machine, in the order of `birdedge doctor`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from birdedge.edge.audio.devices import input_devices
from birdedge.edge.diagnostics import audio_checks
from birdedge.edge.diagnostics.check import Check, graded_check
from birdedge.edge.diagnostics.microphone_test import (
    MicrophoneRecording,
    MicrophoneSettings,
    record_microphone,
)
from birdedge.edge.diagnostics.speed import network_seconds
from birdedge.edge.diagnostics.stream_checks import stream_checks
from birdedge.edge.diagnostics.system_checks import clock_check, folder_checks, permission_check
from birdedge.edge.errors import (
    AudioError,
    BirdedgeError,
    ExtraMissingError,
    PortAudioMissingError,
    SettingsError,
)
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.segmenter import Segmenter

Draw = Callable[[MicrophoneRecording, Model], str]


def run_checks(
    model_name: str,
    microphone: MicrophoneSettings | None,
    out: Path,
    duration_s: float,
    draw: Draw | None = None,
    streams: Mapping[str, str] | None = None,
) -> Iterator[Check]:
    """Yield each check as it completes; a failed one does not end the others.

    Args:
        model_name: Name or path of the model, whose speed is checked.
        microphone: The microphone to record from; None for none.
        out: The data folder, whose disk is checked.
        duration_s: Recording time before the test under load.
        draw: Draws the recording and returns a description of the image; None for no image.
        streams: URLs of network streams by the names of their sources.
    """
    try:
        model = Model(model_name)
        yield model_check(model)
    except BirdedgeError as error:
        yield Check("model speed", "fail", str(error), "list the models with `birdedge models`")
        model = Model()
    yield clock_check()
    yield from folder_checks(out)
    yield from stream_checks(streams or {})
    if microphone is None:
        return
    yield permission_check()
    skipped = (*audio_checks.NAMES, *(["picture"] if draw else []))
    portaudio = portaudio_check()
    yield portaudio
    if portaudio.state != "ok":
        yield from (Check(name, "skip", "not tested: no PortAudio") for name in ("device", *skipped))
        return
    try:
        recording = record_microphone(microphone, duration_s, model)
    except (AudioError, SettingsError) as error:
        yield Check("device", "fail", str(error), "list the microphones with `birdedge devices`")
        yield from (Check(name, "skip", "not tested: no microphone") for name in skipped)
        return
    yield audio_checks.device_check(recording, model.card.grid.sample_rate_hz)
    yield from audio_checks.audio_checks(recording)
    if draw:
        yield _picture_check(draw, recording, model)


def model_check(model: Model) -> Check:
    """Check the share of a core that the network takes."""
    segmenter = Segmenter(model)
    share = statistics.median(network_seconds(segmenter) for _ in range(3))
    finding = f"{model.card.name} takes {share:.1%} of a core"
    fix = "run `birdedge bench` to choose the fastest model, and check power supply and cooling"
    return graded_check("model speed", share, (0.5, 0.9), finding, fix)


def portaudio_check() -> Check:
    """Check that PortAudio is installed."""
    try:
        return Check("PortAudio", "ok", f"{len(input_devices())} microphone(s) found")
    except PortAudioMissingError as error:
        finding, _, fix = str(error).partition(": ")
        return Check("PortAudio", "fail", finding, fix)


def _picture_check(draw: Draw, recording: MicrophoneRecording, model: Model) -> Check:
    try:
        return Check("picture", "ok", draw(recording, model))
    except ExtraMissingError as error:
        finding, _, fix = str(error).partition(": ")
        return Check("picture", "warn", finding, fix)
    except BirdedgeError as error:
        return Check("picture", "fail", str(error), "give another folder with --out")
