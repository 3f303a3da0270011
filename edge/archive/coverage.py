"""The coverage of an archive: one row per recording and hour of the day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from birdedge.edge.archive.parts import TIMESTAMP
from birdedge.edge.archive.units import BLOCK_FILES
from birdedge.edge.system.atomic_file import output_errors

SCHEMA = pa.schema(
    [
        pa.field("site", pa.string(), nullable=False),
        pa.field("recording", pa.string(), nullable=False),
        pa.field("recording_start", TIMESTAMP),
        pa.field("hour", TIMESTAMP),  # its start, UTC
        pa.field("heard_s", pa.float64(), nullable=False),
        pa.field("events", pa.int32(), nullable=False),
        pa.field("error", pa.string()),
    ]
)
_HOUR_S = 3600


class CoverageTable:
    """A writer of the rows of many recordings to one Parquet file.

    Raises:
        OutputError: The file cannot be written; from every method.
    """

    def __init__(self, path: Path, metadata: dict[str, str]) -> None:
        self._path, self._rows = path, list[tuple[Any, ...]]()
        with output_errors(path):
            self._writer = pq.ParquetWriter(path, SCHEMA.with_metadata(metadata), compression="zstd")

    def add(self, row: dict[str, Any], site: str) -> None:
        """Add a recording.

        Args:
            row: The row of the recording, from a part.
            site: The site of the recording.
        """
        facts, start = (site, row["recording"]), row["recording_start"]
        onsets_s = np.array([event["onset_s"] for event in row["events"]])
        if start is None or not row["heard_s"]:
            first = None if start is None else _hour(int(start.timestamp() // _HOUR_S))
            self._rows.append((*facts, start, first, row["heard_s"], len(onsets_s), row["error"]))
        else:
            start_s = start.timestamp()
            end_s = start_s + row["heard_s"]
            hours = range(int(start_s // _HOUR_S), int(np.ceil(end_s / _HOUR_S)))
            places = np.minimum((start_s + onsets_s) // _HOUR_S - hours.start, len(hours) - 1).astype(int)
            events = np.bincount(places, minlength=len(hours))
            for hour, count in zip(hours, events.tolist(), strict=True):
                heard_s = min(end_s, (hour + 1) * _HOUR_S) - max(start_s, hour * _HOUR_S)
                self._rows.append((*facts, start, _hour(hour), heard_s, count, row["error"]))
        if len(self._rows) >= BLOCK_FILES:
            self._write()

    def close(self) -> None:
        """Write the remaining rows and close the file."""
        self._write()
        with output_errors(self._path):
            self._writer.close()

    def _write(self) -> None:
        columns = list(zip(*self._rows, strict=True)) or [()] * len(SCHEMA)
        with output_errors(self._path):
            self._writer.write_table(
                pa.table(dict(zip(SCHEMA.names, columns, strict=True)), self._writer.schema)
            )
        self._rows = []


def _hour(hour: int) -> datetime:
    return datetime.fromtimestamp(hour * _HOUR_S, UTC)
