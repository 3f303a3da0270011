"""Run the daemon for hours and report what it did.

`python -m benchmarks.studies.soak --minutes 60 --page benchmarks/studies/SOAK.md`

The real daemon hears a generated soundscape from a virtual microphone, over and over, without a pause. How much it
heard comes from its own database; that this book is right is shown beside it, by the samples that had come against
the time that had passed. Latency runs from an event's last moment to the arrival of its line on standard output.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click
import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.studies.soak_figures import (
    Figures,
    book_figures,
    last_state,
    markdown,
    process_figures,
    process_sample,
)
from benchmarks.support.virtual_microphone import (
    VirtualMicrophone,
    missing_packages,
    running_virtual_microphone,
)
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.system.clock import monotonic_s

ROOT = Path(__file__).parents[2]
BIRDEDGE = (sys.executable, "-m", "birdedge")
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
RATE_HZ = VirtualMicrophone.sample_rate_hz
SCENE_S, MAX_SCENES = 60.0, 5
Int16 = NDArray[np.int16]


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Sound to hear."
)
@click.option(
    "--fast", is_flag=True, help="One file of that length as fast as it goes, with `birdedge segment`."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Keep the recorder's folder here."
)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="Write the page here too.")
@click.option("--json", "as_json", is_flag=True, help="The figures as JSON.")
def main(minutes: float, fast: bool, out: Path | None, page: Path | None, as_json: bool) -> None:
    """Measure continuity, latency, memory and load of a recorder that runs for long."""
    with tempfile.TemporaryDirectory(prefix="birdedge-soak-") as name:
        folder = Path(name)
        figures = segmented(folder, minutes) if fast else listened(folder, out or folder / "out", minutes)
    text = markdown(figures, minutes, fast)
    if page:
        page.write_text(text, encoding="utf-8")
    click.echo(json.dumps(figures) if as_json else text, nl=as_json)


def listened(folder: Path, out: Path, minutes: float) -> Figures:
    """Listens for so long to what is played; the database stays in `out`.

    Raises:
        click.ClickException: there is no virtual microphone, `out` holds an earlier run, or a process ended early.
    """
    if missing := missing_packages():
        raise click.ClickException(f"there is no virtual microphone: run apt install {' '.join(missing)}")
    if out.exists() and any(out.iterdir()):
        raise click.ClickException(f"{out} is not empty: name a new folder, or old gaps would count")
    log = folder / "log"
    lines: list[tuple[float, bytes]] = []
    scenes = _scenes(minutes)
    with (
        running_virtual_microphone() as microphone,
        _playing(scenes, microphone) as player,
        log.open("wb") as said,
    ):
        # An empty configuration, not the user's own.
        command = [*BIRDEDGE, "listen", "--json", "--config", os.devnull, "--out", str(out)]
        command += ["--duration", str(60 * minutes)]
        environment = {**microphone.environment, **ENVIRONMENT}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said) as recorder:
            reader = threading.Thread(target=read_lines, args=(recorder, lines), daemon=True)
            reader.start()
            try:
                samples = []
                for sample in _watched(recorder, log, min(10.0, 3 * minutes)):
                    if player.poll() is not None:
                        raise click.ClickException("the player ended: see whether PulseAudio still runs")
                    samples.append({**sample, "backlog_s": last_state(out).get("backlog_s", 0.0)})
                    if len(samples) % 6 == 0:
                        click.echo(json.dumps(samples[-1]), err=True)
            finally:
                recorder.kill()
            reader.join()
    return {**process_figures(samples), **book_figures(out, lines)}


def segmented(folder: Path, minutes: float, sample_rate_hz: int = RATE_HZ) -> Figures:
    """Segments a file of so many minutes, written into `folder`.

    Raises:
        click.ClickException: `birdedge segment` failed.
    """
    path, log = folder / "long.wav", folder / "log"
    with soundfile.SoundFile(
        path, "w", sample_rate_hz, 1, "PCM_16", format="RF64"
    ) as file:  # WAV beyond 4 GB
        left = round(60 * minutes * sample_rate_hz)
        for scene in _scenes(minutes, sample_rate_hz):
            file.write(scene[:left])
            left -= len(scene)
            if left <= 0:
                break
    began_s = time.monotonic()
    with log.open("wb") as said, (folder / "events").open("wb") as events:
        command = [*BIRDEDGE, "segment", str(path)]
        with subprocess.Popen(
            command, env={**os.environ, **ENVIRONMENT}, stdout=events, stderr=said
        ) as process:
            samples = list(_watched(process, log, 0.05))
    speed = 60 * minutes / (time.monotonic() - began_s)
    count = len((folder / "events").read_text(encoding="utf-8").splitlines())
    return {**process_figures(samples, speed), "heard_s": 60 * minutes, "speed": speed, "events": count}


def _scenes(minutes: float, sample_rate_hz: int = RATE_HZ) -> Iterator[Int16]:
    """Birds and weather without end, some minutes of it over and over; [samples] each."""
    seeds = range(min(math.ceil(60 * minutes / SCENE_S), MAX_SCENES))
    sounds = [soundscape(SCENE_S, seed, sample_rate_hz=sample_rate_hz).samples for seed in seeds]
    return itertools.cycle([np.round(sound * 32767).astype(np.int16) for sound in sounds])


@contextmanager
def _playing(scenes: Iterator[Int16], microphone: VirtualMicrophone) -> Iterator[subprocess.Popen[bytes]]:
    """The player, while it plays the scenes in turn without a pause."""
    command = ["pacat", "--raw", "--format=s16ne", f"--rate={RATE_HZ}", "--channels=1"]
    with subprocess.Popen(command, env=microphone.environment, stdin=subprocess.PIPE) as player:
        feeder = threading.Thread(target=_feed, args=(player, scenes), daemon=True)
        feeder.start()
        try:
            yield player
        finally:
            player.kill()
            feeder.join()


def _feed(player: subprocess.Popen[bytes], scenes: Iterator[Int16]) -> None:
    assert player.stdin
    with suppress(BrokenPipeError), player.stdin:  # broken when the soak is over
        for scene in scenes:
            player.stdin.write(scene.data)  # waits while the player has enough


def read_lines(process: subprocess.Popen[bytes], lines: list[tuple[float, bytes]]) -> None:
    """Adds what a process says on standard output, each line with the moment it came, until the process ends."""
    assert process.stdout
    lines.extend((monotonic_s(), line) for line in process.stdout)


def _watched(process: subprocess.Popen[bytes], log: Path, every_s: float) -> Iterator[Figures]:
    """What the process takes and how busy the machine is, until it has ended as it should."""
    while process.poll() is None:
        sample = process_sample(process.pid)
        if sample["resident_bytes"]:  # none where it ended just now
            yield sample
        with suppress(subprocess.TimeoutExpired):
            process.wait(every_s)
    if process.returncode:
        raise click.ClickException(f"birdedge failed: {log.read_text(encoding='utf-8').strip()[-1000:]}")


if __name__ == "__main__":
    main()
