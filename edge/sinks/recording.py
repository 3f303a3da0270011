"""The tables and the mask file of a recording, or of a live stream."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from types import TracebackType
from typing import Self

from birdedge.edge.formats.growing_mask import GrowingMaskFile
from birdedge.edge.formats.mask_npz import MaskFile
from birdedge.edge.formats.tables import FORMATS, TableName
from birdedge.edge.messages import EventDetected, FramesReady, Message, StreamEnded, StreamStarted
from birdedge.edge.models.card import ModelCard
from birdedge.edge.sinks.elapsed import ElapsedTime
from birdedge.edge.sinks.table_file import Table
from birdedge.edge.system.atomic_file import Existing, make_folder, output_errors, sync_folder
from birdedge.edge.times import Stamp

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutputSettings:
    """Which results to write, and where; None for none."""

    tables: Path | None = None  # folder
    formats: Sequence[TableName] = ()  # formats of the tables
    masks: Path | None = None  # folder
    force: bool = False  # let the results of a recording replace earlier files
    skip_existing: bool = False  # write only the results of a recording that do not exist yet

    def paths(self, stem: str) -> Iterator[Path]:
        """Yield the path of each result of the recording that `stem` names."""
        if self.tables:
            yield from (self.tables / (stem + FORMATS[name].suffix) for name in self.formats)
        if self.masks:
            yield self.masks / f"{stem}.npz"

    def missing(self, stem: str) -> OutputSettings:
        """Return the settings for the results of a recording that do not exist."""
        formats = [
            name
            for name in self.formats
            if self.tables and not os.path.lexists(self.tables / (stem + FORMATS[name].suffix))
        ]
        has_mask = self.masks is not None and os.path.lexists(self.masks / f"{stem}.npz")
        return replace(self, formats=formats, masks=None if has_mask else self.masks)


class RecordingSink:
    """Writes tables and a mask file; nothing is opened before the first message.

    The tables of a live stream are created with their first row, so that a stream without events leaves none.

    With `atomic`, for recordings, an error within `with` leaves no files. Without it, for live streams, the files hold
    what was heard so far, times are seconds since the first stream started, and a name in use gets a number. If a file
    cannot be opened, the next message tries again, and its mask starts there.

    Args:
        settings: what to write.
        stem: file name without suffix.
        card: the card of the model.
        atomic: whether to write all files or none.
        file: the name of the recording in tables; None for the name of the source.
        origin: the origin of all times, within the first stream that is written.

    Raises:
        OutputError: from `write`, `close` and on leaving `with`: something cannot be written.
    """

    def __init__(
        self,
        settings: OutputSettings,
        stem: str,
        card: ModelCard,
        *,
        atomic: bool,
        file: str | None = None,
        origin: Stamp | None = None,
    ) -> None:
        self._settings, self._stem, self._card = settings, stem, card
        self._atomic, self._file = atomic, file
        self._channel: int | None = None
        self._stem_is_free = False
        self._open = ExitStack()
        self._tables: list[Table] | None = None
        self._named_tables: list[Table] | None = None  # tables whose names are on disk
        self._masks: MaskFile | GrowingMaskFile | None = None
        self._elapsed = ElapsedTime(origin)
        self._first_s: float | None = None if origin else 0.0  # start of the first frame
        self._frames = 0  # frames of all streams, written or not
        self._gap_frames = 0  # frames of the latest gap

    def write(self, message: Message) -> None:
        """Write frames and events."""
        match message:
            case StreamStarted():
                self._start(message)
            case FramesReady(stamp, first_frame, output):
                if self._first_s is None:
                    self._first_s = self._elapsed.nominal_s(first_frame * self._card.grid.hop_s)
                self._skip(self._gap_frames)
                frames, self._frames = self._frames, self._frames + len(output.mask)
                # A gap is counted when it is over: the next frames may belong to another file.
                self._gap_frames = output.empty_frames
                self._open_masks(frames)
                if self._masks is not None:
                    self._masks.push(output.mask)
                    # So that the frames and the event of a sound have the same time, however far the crystal is off.
                    self._masks.hop_s = self._card.grid.hop_s * self._elapsed.stretch(stamp)
            case StreamEnded() if self._atomic:
                self._skip(self._gap_frames)
            case EventDetected():
                event = self._elapsed.event(message)
                for table in self._open_tables():
                    table.write(event, self._elapsed.start_utc_s(message))
            case _:
                pass

    def sync(self) -> None:
        """Wait until the files of a live stream are on disk; callable from any thread."""
        tables, folder = self._tables, self._settings.tables
        for table in tables or ():
            table.sync()
        if folder is not None and tables is not self._named_tables:
            with output_errors(folder):
                sync_folder(folder)
            self._named_tables = tables
        if isinstance(self._masks, GrowingMaskFile):
            self._masks.sync()

    def close(self) -> None:
        """Finish the files."""
        try:
            if not self._atomic:
                self.sync()
        finally:
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
        """Open the files; after an earlier stream, the mask continues with empty frames until now."""
        self._file, self._channel = self._file or stream.source, stream.channel
        start_s = self._elapsed.start(stream)
        if self._first_s is not None:
            self._skip(max(0, round((start_s - self._first_s) / self._card.grid.hop_s) - self._frames))
        self._open_masks(self._frames)
        if self._atomic:
            self._open_tables()
        elif folder := self._settings.tables:
            with output_errors(folder):  # a wrong folder is an error now, not at the first event
                make_folder(folder)

    def _skip(self, frames: int) -> None:
        self._frames += frames
        self._gap_frames = 0
        if self._masks is not None:
            self._masks.frames += frames  # frames that were never pushed are empty

    def _open_tables(self) -> list[Table]:
        settings = self._settings
        if not self._atomic and self._tables and any(table.is_moved() for table in self._tables):
            log.error("%s is no longer the file that was opened; a new one is started", self._tables[0].path)
            with suppress(OSError):
                for table in self._tables:
                    table.close()
            self._tables, self._stem_is_free = None, False
        if self._tables is None:
            self._choose_stem()
            with ExitStack() as stack:
                tables = [
                    stack.enter_context(
                        Table(
                            settings.tables,
                            self._stem,
                            name,
                            file=self._file or "",
                            channel=self._channel,
                            atomic=self._atomic,
                            force=settings.force,
                        )
                    )
                    for name in settings.formats
                    if settings.tables
                ]
                self._open.push(stack.pop_all())
            self._tables = tables
        return self._tables

    def _open_masks(self, first_frame: int) -> None:
        settings, grid = self._settings, self._card.grid
        if self._masks is None and settings.masks and self._first_s is not None:
            self._choose_stem()
            path, first_s = settings.masks / f"{self._stem}.npz", self._first_s + first_frame * grid.hop_s
            scales = grid.hop_s, grid.first_frame_s + first_s, grid.low_hz, grid.bin_hz, self._card.threshold
            if self._atomic:
                existing: Existing = "replace" if settings.force else "refuse"
                self._masks = self._open.enter_context(MaskFile(path, *scales, grid.bins, existing))
            else:
                self._masks = self._open.enter_context(GrowingMaskFile(path, *scales, grid.bins))

    def _choose_stem(self) -> None:
        """Before the first file of a live stream is opened, add a number to the stem if a file has its name."""
        if self._atomic or self._stem_is_free:
            return
        numbered = (f"{self._stem}-{number}" for number in count(2))
        for stem in chain([self._stem], numbered):
            if not any(map(os.path.lexists, self._settings.paths(stem))):
                self._stem, self._stem_is_free = stem, True
                return
