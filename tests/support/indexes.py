"""Index tables of made-up recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from birdedge.train.data.recordings import COLUMNS, Recording

Row = dict[str, str]


def index_row(file: str, **known: str) -> Row:
    """A row of index.tsv: a bird recording with an open licence, without the columns that are not `known`."""
    row = dict.fromkeys(COLUMNS, "")
    return {**row, "file": file, "kind": "birds", "tier": "open", "source": "s", "original": file, **known}


def a_recording(path: Path, kind: str, **known: Any) -> Recording:
    """A recording with an open licence, of which only the given columns are known."""
    unknown = {
        "licence": "",
        "source": "s",
        "original": path.name,
        "native_hz": math.nan,
        "xc": "",
        "species": "",
    }
    return Recording(path, kind, "open", **{**unknown, "snr_db": math.nan, **known})


def many_rows(count: int, **known: str) -> list[Row]:
    """Rows of recordings without a common origin."""
    return [
        index_row(f"birds/{i:04}.flac", original=f"recording {chr(97 + i % 26)}{i}x", **known)
        for i in range(count)
    ]


def write_index(folder: Path, rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> Path:
    """Write index.tsv and return its folder."""
    lines = ["\t".join(columns), *("\t".join(row[c] for c in columns) for row in rows)]
    (folder / "index.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
