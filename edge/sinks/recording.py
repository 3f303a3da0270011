"""The tables and the mask file of a recording, or of a live stream."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from birdedge.edge.formats.mask_npz import MaskFile
from birdedge.edge.messages import EventDetected, FramesReady, Message, StreamStarted
from birdedge.edge.models.card import ModelCard
from birdedge.edge.sinks.elapsed import ElapsedTime
from birdedge.edge.sinks.table_file import Table
from birdedge.edge.system.atomic_file import output_errors


@dataclass(frozen=True)
class OutputSettings:
    """Which results to write, and where; None for none."""

    tables: Path | None = None  # folder
    formats: Sequence[str] = ()  # of the tables
    masks: Path | None = None  # folder


class RecordingSink:
    """Writes tables and a mask file; nothing is opened before the first message.

    The tables of a live stream are made with their first row, so that a stream without events leaves none.

    With `atomic`, for recordings, an error within `with` leaves nothing, and what is complete replaces earlier files.
    Without, for live streams, the files hold what was heard so far, and times are seconds since the first stream
    started. Where a file cannot be opened, the next message tries again, and its mask begins there.

    Args:
        settings: what to write.
        stem: file name without suffix.
        card: of the model.
        atomic: all or nothing.
        file: how tables name the recording; None for the name of the source.

    Raises:
        OutputError: from `write`, `close` and on leaving `with`: something cannot be written.
    """

    def __init__(
        self, settings: OutputSettings, stem: str, card: ModelCard, *, atomic: bool, file: str | None = None
    ) -> None:
        self._settings, self._stem, self._card = settings, stem, card
        self._atomic, self._file = atomic, file
        self._open = ExitStack()
        self._tables: list[Table] | None = None
        self._masks: MaskFile | None = None
        self._elapsed = ElapsedTime()
        self._frames = 0  # of all streams, written or not

    def write(self, message: Message) -> None:
        """Write frames and events."""
        match message:
            case StreamStarted():
                self._start(message)
            case FramesReady(stamp, output=output):
                frames, self._frames = self._frames, self._frames + len(output.mask)
                self._open_masks(frames)
                if self._masks is not None:
                    self._masks.push(output.mask)
                    # So that frame and event of one sound have one time, however far the crystal is off.
                    self._masks.hop_s = self._card.grid.hop_s * self._elapsed.stretch(stamp)
            case EventDetected():
                self._open_masks(self._frames)
                event = self._elapsed.event(message)
                for table in self._open_tables():
                    table.write(event)
            case _:
                pass

    def close(self) -> None:
        """Finish the files."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._atomic:
            self._open.__exit__(kind, error, trace)
        else:
            self.close()

    def _start(self, stream: StreamStarted) -> None:
        """Open the files; where an earlier stream ended, the mask continues with empty frames until now."""
        self._file = self._file or stream.source
        missing = max(0, round(self._elapsed.start(stream) / self._card.grid.hop_s) - self._frames)
        self._frames += missing
        if self._masks is not None:
            self._masks.frames += missing  # frames that were never pushed are empty
        self._open_masks(self._frames)
        if self._atomic:
            self._open_tables()
        elif folder := self._settings.tables:
            with output_errors(folder):  # a wrong folder is an error now, not at the first event
                folder.mkdir(parents=True, exist_ok=True)

    def _open_tables(self) -> list[Table]:
        settings = self._settings
        if self._tables is None:
            with ExitStack() as stack:
                tables = [
                    stack.enter_context(
                        Table(settings.tables, self._stem, name, file=self._file or "", atomic=self._atomic)
                    )
                    for name in settings.formats
                    if settings.tables
                ]
                self._open.push(stack.pop_all())
            self._tables = tables
        return self._tables

    def _open_masks(self, first_frame: int) -> None:
        settings, grid = self._settings, self._card.grid
        if self._masks is None and settings.masks:
            masks = MaskFile(
                settings.masks / f"{self._stem}.npz",
                grid.hop_s,
                grid.first_frame_s + first_frame * grid.hop_s,
                grid.low_hz,
                grid.bin_hz,
                self._card.threshold,
                grid.bins,
            )
            self._masks = self._open.enter_context(masks)
