"""Run the daemon for hours and report continuity, latency, memory and load.

`python -m benchmarks.studies.soak --minutes 60 --page benchmarks/studies/SOAK.md`

The daemon listens to a generated soundscape that plays without a pause through a virtual microphone. Coverage comes
from its own database; the page checks it by comparing the number of samples received with the time elapsed. Latency
runs from the end of an event to the arrival of its line on standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.studies.soak_figures import SoakFigures, database_figures, latest_health
from benchmarks.studies.soak_page import listen_page, segment_page
from benchmarks.support.long_recording import Int16, scenes, segment_long_recording
from benchmarks.support.process_output import TimedLine, read_lines
from benchmarks.support.process_samples import ProcessSample, process_figures, watch_process
from benchmarks.support.virtual_microphone import (
    VirtualMicrophone,
    missing_packages,
    running_virtual_microphone,
)

ROOT = Path(__file__).parents[2]
SAMPLE_RATE_HZ = VirtualMicrophone.sample_rate_hz
PROGRESS_SAMPLES = 6  # between two lines of progress


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Length of the audio."
)
@click.option(
    "--fast", is_flag=True, help="Run `birdedge segment` on one file of that length as fast as possible."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the recorder's output in this new or empty folder.",
)
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), help="Also write the page to this file."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(minutes: float, fast: bool, out: Path | None, page: Path | None, as_json: bool) -> None:
    """Measure continuity, latency, memory and load of a long-running recorder.

    \b
    Example:
      python -m benchmarks.studies.soak --minutes 60 --page benchmarks/studies/SOAK.md
      python -m benchmarks.studies.soak --minutes 60 --fast
    """
    figures: object
    try:
        with tempfile.TemporaryDirectory(prefix="birdedge-soak-") as name:
            folder = Path(name)
            if fast:
                segmented = figures = segment_long_recording(folder, minutes, SAMPLE_RATE_HZ)
                text = segment_page(segmented, minutes)
            else:
                listened = figures = listen_to_scenes(folder, out or folder / "out", minutes)
                text = listen_page(listened, minutes)
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"birdedge failed: {error.stderr.strip()[-1000:]}") from error
    if page:
        page.write_text(text, encoding="utf-8")
    click.echo(json.dumps(figures) if as_json else text, nl=as_json)


def listen_to_scenes(folder: Path, out: Path, minutes: float) -> SoakFigures:
    """Run `birdedge listen` on the virtual microphone and return the figures; its database stays in `out`.

    Raises:
        click.ClickException: The virtual microphone is unavailable, `out` is not empty, or the player ended early.
        subprocess.CalledProcessError: `birdedge listen` failed.
    """
    if missing := missing_packages():
        raise click.ClickException(f"no virtual microphone; run: sudo apt install {' '.join(missing)}")
    if out.exists() and any(out.iterdir()):
        raise click.ClickException(f"{out} is not empty; name a new folder, because its old gaps would count")
    log = folder / "log"
    lines: list[TimedLine] = []
    samples: list[ProcessSample] = []
    max_backlog_s = 0.0
    with (
        running_virtual_microphone() as microphone,
        playing(scenes(minutes, SAMPLE_RATE_HZ), microphone) as player,
        log.open("wb") as errors,
    ):
        command = [sys.executable, "-m", "birdedge", "listen", "--json", "--out", str(out)]
        # An empty configuration in place of the user's.
        command += ["--config", os.devnull, "--duration", str(60 * minutes)]
        environment = {**microphone.environment, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors) as recorder:
            reader = threading.Thread(target=read_lines, args=(recorder, lines), daemon=True)
            reader.start()
            try:
                for sample in watch_process(recorder, log, min(10.0, 3 * minutes)):
                    if player.poll() is not None:
                        raise click.ClickException("the player ended early; check that PulseAudio is running")
                    samples.append(sample)
                    max_backlog_s = max(max_backlog_s, latest_health(out).backlog_s)
                    if len(samples) % PROGRESS_SAMPLES == 0:
                        click.echo(json.dumps(asdict(sample)), err=True)
            finally:
                recorder.kill()
            reader.join()
    return {**process_figures(samples), **database_figures(out, lines), "max_backlog_s": max_backlog_s}


@contextmanager
def playing(scenes: Iterator[Int16], microphone: VirtualMicrophone) -> Iterator[subprocess.Popen[bytes]]:
    """Play the scenes without a pause for the duration of the block."""
    command = ["pacat", "--raw", "--format=s16ne", f"--rate={SAMPLE_RATE_HZ}", "--channels=1"]
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
    with suppress(BrokenPipeError), player.stdin:  # the pipe breaks when the player is killed
        for scene in scenes:
            player.stdin.write(scene.data)  # blocks while the player's buffer is full


if __name__ == "__main__":
    main()
