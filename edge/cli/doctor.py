"""`birdedge doctor`: check this machine, one line per check."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from birdedge.edge.cli.options import NumberRange
from birdedge.edge.system.stdout import print_line

if TYPE_CHECKING:  # loads onnxruntime
    from birdedge.edge.diagnostics.check import Check
    from birdedge.edge.diagnostics.microphone_test import MicrophoneRecording
    from birdedge.edge.models.model import Model

RECORDED_S = 8.0
MAX_S = 120.0  # of audio in a figure
PICTURE = "birdedge-doctor.png"


@click.command()
@click.option("--device", help="Part of the microphone's name.  [default: the configuration's]")
@click.option(
    "--record",
    "record_s",
    type=NumberRange(2, MAX_S),
    help=f"Record for this many seconds, and draw the recording ({PICTURE} in --out).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Data folder whose disk is checked.  [default: the current folder]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the checks as a JSON list.")
def doctor(device: str | None, record_s: float | None, out: Path, as_json: bool) -> None:
    """Check microphone, clock and disk, and suggest fixes.

    Checks the configuration, the speed of the model, the clock, the disk, permissions and PortAudio; then records from
    the microphone and checks level, clipping, DC offset, hum and sample rate, and whether samples are lost while every
    core is busy. If the configuration lists sources, the network streams and the first microphone are checked.
    The exit code is 1 if a check fails.

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
    """Yield the configuration check if it fails, then all other checks."""
    from birdedge.edge.diagnostics.check import Check
    from birdedge.edge.diagnostics.doctor import run_checks
    from birdedge.edge.diagnostics.microphone_test import LOADED_S, MicrophoneSettings
    from birdedge.edge.errors import SettingsError
    from birdedge.edge.plots.samples import draw_samples
    from birdedge.edge.recorder.config import Config, read_config, source_config
    from birdedge.edge.system.atomic_file import with_free_name

    config = Config()
    try:
        config = read_config()
    except SettingsError as error:
        yield Check("configuration", "fail", str(error), "correct it; the defaults are checked instead")
    streams = {source.name: source.url for source in config.source if source.url is not None}
    microphone = None
    if device or not config.source or any(source.is_microphone for source in config.source):
        first = next((source.name for source in config.source if source.is_microphone), None)
        heard = config if first is None else source_config(config, first)
        microphone = MicrophoneSettings(
            device or heard.device, heard.channels, heard.channel, heard.sample_rate_hz
        )

    def draw(recording: MicrophoneRecording, model: Model) -> str:
        path, _ = with_free_name(out / PICTURE, _require_free)
        rate_hz = recording.sample_rate_hz
        events = draw_samples(path, model, recording.samples, rate_hz, recording.device.name)
        return f"{path}: {events} event(s)"

    duration_s = record_s or RECORDED_S
    total_s = duration_s + LOADED_S
    records = f"; records from the microphone for {total_s:g} s" if microphone else ""
    click.echo(f"birdedge: checking this machine{records}", err=True)
    yield from run_checks(config.model, microphone, out, duration_s, draw if record_s else None, streams)


def _line(check: Check) -> str:
    return f"{check.state:4} {check.name}: {check.finding}" + (f"; {check.fix}" if check.fix else "")


def _require_free(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError
