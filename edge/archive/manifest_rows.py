"""Rows of a manifest: planned recordings with the keys of their units, to Arrow tables and back."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from birdedge.edge.archive.units import BLOCK_FILES, KEY_BYTES, Keys, PlannedFile, units_of

SCHEMA = pa.schema(
    [
        pa.field("unit", pa.binary(KEY_BYTES), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("raw_path", pa.binary()),  # the bytes of a path that is not UTF-8
        pa.field("site", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("modified", pa.string(), nullable=False),
    ]
)


class EarlierFile(PlannedFile):
    """A recording from a manifest that is being replaced."""


def tables_of(files: Iterable[PlannedFile], fingerprint: str) -> Iterator[tuple[pa.Table, int]]:
    """Yield the rows of a manifest in tables of whole units, and how many of them are from an earlier one."""
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    earlier_files = 0
    for unit in units_of(files):
        digests = b"".join(file.digest(fingerprint) for file in unit)
        key = blake2b(digests, digest_size=KEY_BYTES).digest()
        for file in unit:
            earlier_files += isinstance(file, EarlierFile)
            raw = None if file.name == file.path else os.fsencode(file.path)
            values = (key, file.name, raw, file.site, file.size_bytes, file.modified)
            for column, value in zip(columns.values(), values, strict=True):
                column.append(value)
        if len(columns["unit"]) >= BLOCK_FILES:
            yield pa.table(columns, SCHEMA), earlier_files
            columns, earlier_files = {name: [] for name in SCHEMA.names}, 0
    if columns["unit"]:
        yield pa.table(columns, SCHEMA), earlier_files


def keys_of(batch: pa.RecordBatch) -> Keys:
    """Return the key of the unit of each row of a batch."""
    column = batch.column("unit")
    values = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * KEY_BYTES :][
        : len(column) * KEY_BYTES
    ]
    return values.view(f"S{KEY_BYTES}")


def rows_of(
    batches: Iterable[pa.RecordBatch], chosen: Iterable[NDArray[np.bool_]] | None = None
) -> Iterator[tuple[bytes, PlannedFile]]:
    """Yield the recordings, each with the key of its unit.

    Args:
        batches: Rows of a manifest.
        chosen: For each batch, a mask of the rows to take; None for all rows.
    """
    masks = iter(chosen) if chosen is not None else None
    for batch in batches:
        taken = batch if masks is None else batch.filter(pa.array(next(masks)))
        for row in taken.to_pylist():
            path = row["path"] if row["raw_path"] is None else os.fsdecode(row["raw_path"])
            yield row["unit"], PlannedFile(path, row["site"], row["bytes"], row["modified"])
