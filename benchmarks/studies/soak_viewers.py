"""Run the recorder and the companion with viewers that come and go, and report continuity, memory and CPU time of both.

`python -m benchmarks.studies.soak_viewers --minutes 60 --page benchmarks/studies/SOAK_VIEWERS.md`

The recorder listens to a generated soundscape through a virtual microphone. The time is divided into equal parts with
0, 1 and 10 viewers, see `benchmarks/support/viewers.py`. In the middle of the last part the companion is stopped for
ten seconds, as happens on a machine that runs out of memory. Continuity comes from the recorder's own database.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TypedDict

import click

from benchmarks.report.circumstances import processor
from benchmarks.report.markdown import markdown_table
from benchmarks.studies.soak import playing
from benchmarks.studies.soak_figures import latest_health
from benchmarks.support.long_recording import scenes
from benchmarks.support.process_samples import ProcessSample, process_sample
from benchmarks.support.virtual_microphone import (
    VirtualMicrophone,
    missing_packages,
    running_virtual_microphone,
)
from birdedge.edge.database import coverage_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.errors import OutputError
from birdedge.edge.monitoring.coverage import coverage

ROOT = Path(__file__).parents[2]
VIEWERS = (0, 1, 10)
WARM_UP_S, STOPPED_S, START_S = 5.0, 10.0, 30.0
MAX_RECORDER_BYTES, MAX_COMPANION_BYTES = 110e6, 60e6


class Cost(TypedDict):
    """What a process used while a number of viewers watched."""

    viewers: int
    max_resident_bytes: int
    cpu_s_per_s: float


class ViewerFigures(TypedDict):
    """All figures."""

    heard_s: float
    continuity: float
    gaps: list[tuple[str, float]]
    overflows: int
    recorder: list[Cost]
    companion: list[Cost]


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(min=0.5), default=60.0, show_default=True, help="Length of the run."
)
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), help="Also write the page to this file."
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def main(minutes: float, page: Path | None, as_json: bool) -> None:
    """Measure what viewers cost a recorder and its companion.

    \b
    Example:
      python -m benchmarks.studies.soak_viewers --minutes 5
    """
    if missing := missing_packages():
        raise click.ClickException(f"no virtual microphone; run: sudo apt install {' '.join(missing)}")
    with tempfile.TemporaryDirectory(prefix="birdedge-soak-") as name:
        figures = watch_recorder(Path(name), minutes)
    text = viewers_page(figures, minutes)
    if page:
        page.write_text(text, encoding="utf-8")
    click.echo(json.dumps(figures) if as_json else text, nl=as_json)


def watch_recorder(folder: Path, minutes: float) -> ViewerFigures:
    """Run the recorder, the companion and the viewers, and return the figures.

    Raises:
        click.ClickException: A process ended early or did not start.
    """
    rate_hz = VirtualMicrophone.sample_rate_hz
    out, part_s = folder / "out", 60 * minutes / len(VIEWERS)
    with running_virtual_microphone() as microphone, playing(scenes(minutes + 1, rate_hz), microphone):
        environment = {
            **microphone.environment,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "RUNTIME_DIRECTORY": str(folder / "run"),
        }
        no_config = ("--config", os.devnull)
        listen = ("birdedge", "listen", "--quiet", "--out", str(out), *no_config)
        with _running(listen, environment, subprocess.DEVNULL) as recorder:
            _wait_for_audio(out, recorder)
            serve = ("birdedge", "serve", str(out), "--listen", "127.0.0.1:0", *no_config)
            with _running(serve, environment) as companion:
                url = _first_line(companion)
                costs = [_part(count, part_s, url, environment, recorder, companion) for count in VIEWERS]
    with reading(out) as db:
        spans = coverage_queries.spans(db)
        heard = coverage(db, spans[0].utc_s, max(span.utc_s + span.length_s for span in spans))
    return {
        "heard_s": heard.heard_s,
        "continuity": heard.share,
        "gaps": [(gap.cause, gap.known_s) for gap in heard.gaps if gap.utc_s >= spans[0].utc_s],
        "overflows": latest_health(out).overflows,
        "recorder": [recorder for recorder, _ in costs],
        "companion": [companion for _, companion in costs],
    }


def _part(
    count: int,
    part_s: float,
    url: str,
    environment: dict[str, str],
    recorder: subprocess.Popen[str],
    companion: subprocess.Popen[str],
) -> tuple[Cost, Cost]:
    viewers = ("benchmarks.support.viewers", url, str(count))
    with _running(viewers, environment):
        time.sleep(WARM_UP_S)
        samples: list[tuple[ProcessSample, ProcessSample]] = []
        deadline_s, is_last, was_stopped = time.monotonic() + part_s - WARM_UP_S, count == VIEWERS[-1], False
        while (left_s := deadline_s - time.monotonic()) > 0:
            for process in (recorder, companion):
                if process.poll() is not None:
                    raise click.ClickException("a process ended early; run the command again with its log")
            samples.append((process_sample(recorder.pid), process_sample(companion.pid)))
            time.sleep(min(1.0, left_s))
            if is_last and not was_stopped and left_s < part_s / 2:
                was_stopped = True
                companion.send_signal(signal.SIGSTOP)
                time.sleep(min(STOPPED_S, left_s / 2))
                companion.send_signal(signal.SIGCONT)
    click.echo(f"{count} viewers: measured for {part_s:.0f} s", err=True)
    first, second = zip(*samples, strict=True)
    return _cost(count, first), _cost(count, second)


def _cost(count: int, samples: tuple[ProcessSample, ...]) -> Cost:
    first, last = samples[0], samples[-1]
    return {
        "viewers": count,
        "max_resident_bytes": max(sample.resident_bytes for sample in samples),
        "cpu_s_per_s": (last.cpu_s - first.cpu_s) / (last.at_s - first.at_s),
    }


@contextmanager
def _running(
    module: tuple[str, ...], environment: dict[str, str], stdout: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Run `python -m` for the duration of the block."""
    command = [sys.executable, "-m", *module]
    with subprocess.Popen(command, env=environment, stdout=stdout, text=True) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=START_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for_audio(out: Path, recorder: subprocess.Popen[str]) -> None:
    deadline_s = time.monotonic() + START_S
    while True:
        with suppress(OutputError), reading(out) as db:
            if coverage_queries.spans(db):
                return
        if recorder.poll() is not None or time.monotonic() > deadline_s:
            raise click.ClickException("the recorder received no audio")
        time.sleep(0.2)


def _first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line of a process, which it prints once it works."""
    assert process.stdout
    line = process.stdout.readline().strip()
    if not line:
        raise click.ClickException("a process ended before it printed anything")
    return line


def viewers_page(figures: ViewerFigures, minutes: float) -> str:
    """Return the page."""
    costs = [
        (
            f"{recorder['viewers']}",
            *(
                cell
                for cost in (recorder, companion)
                for cell in (
                    f"{cost['max_resident_bytes'] / 1e6:.1f} MB",
                    f"{100 * cost['cpu_s_per_s']:.1f} %",
                )
            ),
        )
        for recorder, companion in zip(figures["recorder"], figures["companion"], strict=True)
    ]
    head = ("viewers", "recorder, max memory", "recorder, CPU", "companion, max memory", "companion, CPU")
    rows = [
        ("heard", f"{figures['heard_s']:.2f} s"),
        ("continuity (target: 100 %)", f"{100 * figures['continuity']:.4f} %"),
        ("gaps", "; ".join(f"{cause}, {length_s:.3f} s" for cause, length_s in figures["gaps"]) or "none"),
        ("audio overflows", f"{figures['overflows']}"),
    ]
    return "\n".join(
        [
            "# A recorder with viewers that come and go",
            "",
            f"`python -m benchmarks.studies.soak_viewers --minutes {minutes:g}`, {date.today():%d %B %Y}, "
            f"{processor()}, Python {platform.python_version()}.",
            "",
            *markdown_table(("", ""), rows),
            "",
            *markdown_table(head, costs),
            "",
            f"The memory targets are {MAX_RECORDER_BYTES / 1e6:.0f} MB for the recorder and "
            f"{MAX_COMPANION_BYTES / 1e6:.0f} MB for the companion. CPU time is a share of one core. One viewer in "
            f"five never reads its live view, and the companion is stopped for up to {STOPPED_S:.0f} s.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
