"""Events by site and date: Parquet files in folders that DuckDB, polars and Arrow read as columns (hive partitions)."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from birdedge.edge.archive.parts import EVENT_FIELDS, TIMESTAMP
from birdedge.edge.system.atomic_file import output_errors

MAX_ROWS = 500_000  # in memory at once, over all partitions
UNKNOWN = "__HIVE_DEFAULT_PARTITION__"  # readers take it for a null
SCHEMA = pa.schema(
    [
        pa.field("recording", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("recording_start", TIMESTAMP),
        *(pa.field(name, kind) for name, kind in EVENT_FIELDS.items()),
        pa.field("polygon", pa.binary()),  # null; other programs may add the outlines of events
        pa.field("label", pa.string()),  # null; other programs may add names
    ]
)
_ESCAPED = "\"#%'*/:=?\\\x7f{[]^"  # as by Hive; other characters would make long names of few letters
_DAY_US, _NO_DAY = 86_400_000_000, np.iinfo(np.int64).min
Partition = tuple[str, int]  # site, and day since 1970 or _NO_DAY


class EventDataset:
    """A writer of the events of many parts below a folder, in as few files per site and date as possible.

    When more than MAX_ROWS rows are in memory, the partition that was least recently added to is written; the others
    are written at the end. The same parts in the same order give the same files.

    Raises:
        OutputError: From `add` and `close`: a file cannot be written.
    """

    def __init__(self, folder: Path, metadata: Mapping[str, str]) -> None:
        self.rows = 0
        self._folder, self._schema = folder, SCHEMA.with_metadata(dict(metadata))
        self._waiting: OrderedDict[Partition, list[pa.Table]] = OrderedDict()
        self._waiting_rows = 0
        self._files = Counter[Partition]()

    def add(self, part: pa.Table, sites: Sequence[str]) -> None:
        """Add the events of a part.

        Args:
            part: The part, as `read_part` returns it.
            sites: The site of each of its recordings.
        """
        events = part["events"].combine_chunks()
        parents = pc.list_parent_indices(events)
        fields = events.flatten()
        table = pa.table(
            {
                "recording": part["recording"].combine_chunks().take(parents),
                "recording_start": part["recording_start"].combine_chunks().take(parents),
                **{name: fields.field(name) for name in EVENT_FIELDS},
            }
        )
        days = _days(table)
        places = np.asarray(parents)
        for partition in dict.fromkeys(
            (sites[place], day) for place, day in zip(places.tolist(), days.tolist(), strict=True)
        ):
            is_site = np.array([site == partition[0] for site in sites])
            rows = table.filter(pa.array(is_site[places] & (days == partition[1])))
            self._waiting.setdefault(partition, []).append(rows)
            self._waiting.move_to_end(partition)
        self.rows += len(table)
        self._waiting_rows += len(table)
        while self._waiting_rows > MAX_ROWS:
            self._write_oldest()

    def close(self) -> None:
        """Write the rows that are still in memory."""
        while self._waiting:
            self._write_oldest()

    def _write_oldest(self) -> None:
        partition, tables = self._waiting.popitem(last=False)
        table = pa.concat_tables(tables)
        self._waiting_rows -= len(table)
        columns = {name: table[name] for name in table.column_names}
        columns["recording"] = table["recording"].combine_chunks().dictionary_encode()
        columns |= {name: pa.nulls(len(table), SCHEMA.field(name).type) for name in ("polygon", "label")}
        site, day = partition
        path = (
            self._folder / site_folder(site) / f"date={_date(day)}" / f"part-{self._files[partition]}.parquet"
        )
        self._files[partition] += 1
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(columns, self._schema), path, compression="zstd")


def site_folder(site: str) -> str:
    """Return the name of the folder of a site: as Hive and Spark write it, and every reader decodes it."""
    return "site=" + "".join(quote(c, safe="") if c in _ESCAPED or ord(c) < 32 else c for c in site)


def _days(table: pa.Table) -> NDArray[np.int64]:
    """Return the UTC day of the onset of each event, in days since 1970."""
    start = table["recording_start"].combine_chunks()
    start_us = np.asarray(start.cast(pa.int64()).fill_null(0))
    days = (start_us + np.round(np.asarray(table["onset_s"]) * 1e6).astype(np.int64)) // _DAY_US
    return np.where(np.asarray(start.is_null()), _NO_DAY, days)


def _date(day: int) -> str:
    if day == _NO_DAY:
        return UNKNOWN
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
