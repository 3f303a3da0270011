"""What `birdedge listen` prints: its events, or the bird alone as raw sound."""

from __future__ import annotations

import sys
import threading

import click

from birdedge.edge.audio.writer import AudioWriter
from birdedge.edge.errors import OutputError, SettingsError
from birdedge.edge.formats import text_table as event_table
from birdedge.edge.formats.jsonl import event_json
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.system.stdout import print_line


class ConsoleSink:
    """Standard output while something is listened to; sets `stop` where nobody reads it any more.

    Args:
        as_json: JSON Lines, or a readable table; None for a table on a terminal alone.
        sound: the bird alone in place of events.

    Attributes:
        events: how many there were.

    Raises:
        SettingsError: both were asked for, or sound on a terminal.
    """

    def __init__(self, as_json: bool | None, sound: bool, stop: threading.Event) -> None:
        terminal = sys.stdout is not None and sys.stdout.isatty()
        if sound and as_json is not None:
            raise SettingsError(
                "standard output cannot take both events and the denoised sound; leave out --json and --table, or give "
                "--denoised a .wav or .flac file"
            )
        if sound and (terminal or sys.stdout is None):
            raise SettingsError(
                "the denoised sound is for a program to read; pipe it there, or give --denoised a .wav or .flac file"
            )
        self.events = 0
        self._table = terminal if as_json is None else not as_json
        self._sound = AudioWriter(None) if sound else None
        self._stop = stop

    def begin(self) -> None:
        """The head of the table, or what is there instead of one."""
        if self._sound is not None:
            click.echo(
                "birdedge: standard output is the bird alone, raw 16-bit PCM at the source's own rate and channels; "
                "events are not printed",
                err=True,
            )
        elif self._table:
            print_line(event_table.header())

    def print(self, found: PipelineOutput, name: str) -> None:
        """What was found in the recording of that name."""
        self.events += len(found.events)
        if self._sound is None:
            for event in found.events:
                if not print_line(event_table.row(event) if self._table else event_json(event, name)):
                    self._stop.set()
        elif found.denoised is not None:
            try:
                self._sound.write(found.denoised)
            except OutputError as error:
                if not isinstance(error.__cause__, BrokenPipeError):
                    raise
                self._stop.set()

    def end(self, pipeline: Pipeline | None) -> None:
        """How many events there were in how much sound, and all that was wrong with it, on standard error."""
        heard = "no sound" if pipeline is None else _heard(pipeline)
        click.echo(f"birdedge: {self.events} event(s) in {heard}", err=True)


def _heard(pipeline: Pipeline) -> str:
    rate_hz = pipeline.sample_rate_hz
    parts = [f"{pipeline.heard_samples / rate_hz:.1f} s of sound"]
    if pipeline.lost_samples:
        parts.append(f"{pipeline.lost_samples / rate_hz:.3f} s lost in {pipeline.gaps} gap(s)")
    for count, what in ((pipeline.nonfinite_samples, "sample(s)"), (pipeline.nonfinite_chunks, "chunk(s)")):
        if count:
            parts.append(f"{count} {what} that were no numbers")
    return ", ".join(parts)
