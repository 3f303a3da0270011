"""`birdedge doctor`: listen once, look at the machine, and print a line for each check."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np

from birdedge.edge.audio.devices import input_devices
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.diagnostics.checks import (
    Check,
    Heard,
    clock_check,
    device_check,
    folder_checks,
    model_check,
    sound_checks,
    sound_permission_check,
)
from birdedge.edge.errors import (
    AudioError,
    BirdedgeError,
    ExtraMissingError,
    PortAudioMissingError,
    SettingsError,
)
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.edge.recorder.config import Config, read_config
from birdedge.edge.system.clock import monotonic_s
from birdedge.edge.system.stdout import print_line

LISTENED_S = 8.0
LOADED_S = 4.0
MAX_S = 120.0  # what a picture shows
PICTURE = "birdedge-doctor.png"
SOUND_CHECKS = ("level", "clipping", "DC", "hum", "sample rate", "load")


@click.command()
@click.option("--device", help="Part of the microphone's name.  [default: the configuration's]")
@click.option(
    "--record",
    "record_s",
    type=click.FloatRange(2, MAX_S),
    help=f"Listen for so many seconds, and draw what was heard ({PICTURE} in --out).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder data will go to, whose disk is tried.  [default: this one]",
)
@click.option("--json", "as_json", is_flag=True, help="The checks as a JSON list.")
def doctor(device: str | None, record_s: float | None, out: Path, as_json: bool) -> None:
    """Find what keeps this machine from hearing, and say what mends it.

    Looks at the configuration, the model's speed, the clock, the disk, permissions and PortAudio, and listens to
    the microphone: its level, clipping, offset, hum and sample rate, and whether sound is lost while every core is
    busy. The exit code is 1 where a check fails.

    \b
    Example:
      birdedge doctor
      birdedge doctor --device "USB Audio" --record 10 --out /srv/birdedge
    """
    done: list[Check] = []
    for check in _checks(device, record_s, out):
        done.append(check)
        if not as_json and not print_line(_line(check)):
            return
    if as_json:
        print_line(json.dumps([asdict(check) for check in done], ensure_ascii=False))
    states = Counter(check.state for check in done)
    click.echo(
        f"birdedge: {states['ok']} ok, {states['warn']} warning(s), {states['fail']} failure(s)", err=True
    )
    if states["fail"]:
        sys.exit(1)


def _checks(device: str | None, record_s: float | None, out: Path) -> Iterator[Check]:
    config = Config()
    try:
        config = read_config()
    except SettingsError as error:
        yield Check("configuration", "fail", str(error), "correct it; until then the defaults are looked at")
    try:
        model = Model(config.model)
        yield model_check(model)
    except BirdedgeError as error:
        yield Check("model speed", "fail", str(error), "`birdedge models` lists those there are")
        model = Model()
    yield clock_check()
    yield from folder_checks(out)
    yield sound_permission_check()
    after_device = (*SOUND_CHECKS, *(["picture"] if record_s else []))
    try:
        yield Check("PortAudio", "ok", f"{len(input_devices())} microphone(s) offered")
    except PortAudioMissingError as error:
        found, _, mend = str(error).partition(": ")
        yield Check("PortAudio", "fail", found, mend)
        yield from (Check(name, "skip", "not heard without PortAudio") for name in ("device", *after_device))
        return
    listened_s = record_s or LISTENED_S
    click.echo(f"birdedge: listening for {listened_s + LOADED_S:g} s", err=True)
    try:
        heard = _hear(replace(config, device=device or config.device), listened_s, model)
    except (AudioError, SettingsError) as error:
        yield Check("device", "fail", str(error), "`birdedge devices` lists those there are")
        yield from (Check(name, "skip", "not heard without a microphone") for name in after_device)
        return
    yield device_check(heard, model.card.grid.sample_rate_hz)
    yield from sound_checks(heard)
    if record_s:
        yield _drawn(heard, model, out / PICTURE)


def _hear(config: Config, duration_s: float, model: Model) -> Heard:
    """Listen in peace, then while the network runs on as many threads as there are cores.

    Raises: AudioError, SettingsError where `birdedge listen` would.
    """
    networks = [Segmenter(Model(model.path)) for _ in range(os.cpu_count() or 1)]
    pieces, arrivals, count = [], [], 0
    with Microphone(
        config.device, channels=config.channels, sample_rate_hz=config.sample_rate_hz
    ) as microphone:
        Pipeline(model, microphone.sample_rate_hz, config.channels, config.channel)  # may refuse
        blocks = microphone.blocks(threading.Event())
        began_s = monotonic_s()
        for block in (whole.samples for whole in blocks):
            pieces.append(block.mean(axis=1) if config.channel is None else block[:, config.channel])
            count += len(block)
            arrivals.append((monotonic_s() - began_s, count))
            if arrivals[-1][0] >= duration_s:
                break
        with _working(networks):
            began_s = monotonic_s()
            for _ in blocks:
                if monotonic_s() - began_s >= LOADED_S:
                    break
    return Heard(
        device=microphone.device,
        sample_rate_hz=microphone.sample_rate_hz,
        samples=np.concatenate(pieces),
        arrivals=np.array(arrivals),
        loaded_s=LOADED_S,
        dropped_samples=microphone.dropped_samples,
    )


@contextmanager
def _working(networks: list[Segmenter]) -> Iterator[None]:
    stop = threading.Event()

    def work(network: Segmenter) -> None:
        while not stop.is_set():
            network.call()

    threads = [threading.Thread(target=work, args=(network,), daemon=True) for network in networks]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _drawn(heard: Heard, model: Model, path: Path) -> Check:
    """The picture of the sound in peace, as `birdedge plot` draws it."""
    from birdedge.edge.plots.figure import draw

    try:
        pipeline = Pipeline(model, heard.sample_rate_hz, 1)
        found = [pipeline.push(heard.samples[:, np.newaxis]), pipeline.flush()]
        events = [event for f in found for event in f.events]
        grid = model.card.grid
        draw(
            path,
            np.concatenate([f.level for f in found]) * np.float32(20 / np.log(10)),
            np.concatenate([f.mask for f in found]).astype(np.float32) / np.float32(255),
            events,
            grid.hop_s,
            grid.first_frame_s,
            grid.low_hz,
            grid.bin_hz,
            heard.device.name,
            model.card.threshold,
        )
    except ExtraMissingError as error:
        sentence, _, mend = str(error).partition(": ")
        return Check("picture", "warn", sentence, mend)
    except BirdedgeError as error:
        return Check("picture", "fail", str(error), "name another folder with --out")
    return Check("picture", "ok", f"{path}: {len(events)} event(s)")


def _line(check: Check) -> str:
    return f"{check.state:4} {check.name}: {check.found}" + (f"; {check.mend}" if check.mend else "")
