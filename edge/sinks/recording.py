"""Everything that is kept of one recording: its tables, its mask file and the bird alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from birdedge.edge.audio.writer import AudioWriter
from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.formats.mask_npz import MaskFile
from birdedge.edge.models.card import ModelCard
from birdedge.edge.output import PipelineOutput
from birdedge.edge.sinks.table_file import Table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OutputSettings:
    """What to keep, and where."""

    tables: Path | None = None
    formats: Sequence[str] = ()
    masks: Path | None = None
    denoised: Path | None = None  # the file of the bird alone


class RecordingSink:
    """Writes what the pipeline finds in one recording.

    With `atomic` an error within `with` leaves nothing of tables and mask file, and all take the place of earlier
    ones; without, for a live stream, they hold what was heard until then. The mask file begins with `first_frame`.

    Raises:
        OutputError: something cannot be written; from `write` and on leaving `with` too.
    """

    def __init__(
        self,
        wanted: OutputSettings,
        stem: str,
        file: str,
        card: ModelCard,
        *,
        atomic: bool,
        first_frame: int = 0,
    ) -> None:
        grid = card.grid
        self._atomic = atomic
        with ExitStack() as stack:
            self._tables = [
                stack.enter_context(Table(wanted.tables, stem, name, file=file, atomic=atomic))
                for name in wanted.formats
                if wanted.tables
            ]
            self._masks = (
                stack.enter_context(
                    MaskFile(
                        wanted.masks / f"{stem}.npz",
                        grid.hop_s,
                        grid.first_frame_s + first_frame * grid.hop_s,
                        grid.low_hz,
                        grid.bin_hz,
                        card.threshold,
                        grid.bins,
                    )
                )
                if wanted.masks
                else None
            )
            self._denoised = (
                stack.enter_context(closing(AudioWriter(wanted.denoised, replace=atomic)))
                if wanted.denoised
                else None
            )
            self._open = stack.pop_all()

    def write(self, found: PipelineOutput) -> None:
        """Add the next frames, the events that closed with them and the sound that is known with them."""
        try:
            for table in self._tables:
                for event in found.events:
                    table.write(event)
        finally:
            if self._masks is not None:
                self._masks.push(found.mask)
        if self._denoised is not None and found.denoised is not None:
            self._denoised.write(found.denoised)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._atomic:
            self._open.__exit__(kind, error, trace)
        else:
            self._open.close()


class RetryingSink:
    """The output of a daemon, whose disk may fail: what it cannot take is left out, said once, and the next tried.

    Raises:
        OutputError: at the start, where no waiting would help.
    """

    def __init__(self, wanted: OutputSettings, stem: str, file: str, card: ModelCard) -> None:
        self._arguments = wanted, stem, file, card
        self._frames = 0
        self._told = ""
        self._output: RecordingSink | None = None
        try:
            self._output = self._opened()
        except DiskError as error:
            self._tell(error)

    def write(self, found: PipelineOutput) -> None:
        """As `RecordingSink.write`; an error is logged."""
        try:
            self._output = self._output or self._opened()
            self._output.write(found)
        except OutputError as error:
            self._tell(error)
        self._frames += len(found.mask)

    def close(self) -> None:
        """Finish what was opened; an error is logged."""
        try:
            if self._output is not None:
                self._output.__exit__(None, None, None)
        except OutputError as error:
            self._tell(error)

    def _opened(self) -> RecordingSink:
        return RecordingSink(*self._arguments, atomic=False, first_frame=self._frames)

    def _tell(self, error: OutputError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            log.error("%s", self._told)
