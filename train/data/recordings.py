"""The recordings of a data folder, as listed in its index.tsv.

`index.tsv` has one row per file; the README of the data describes its columns. Each recording gets its split from
`splits`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from birdedge.edge.errors import DataError
from birdedge.train.data.splits import assign_splits

COLUMNS = ("file", "kind", "tier", "licence", "source", "original", "native_hz", "xc", "species", "snr90_db")
NO_BIRD_HEARD = "field: hasbird=0"  # the species column of field clips in which people heard no bird
BIRD_HEARD = "human label: bird present"  # the prefix for those in which they heard one
WEATHER = ("wind", "rain", "sticks", "thunder")
BIRDS_IN_NOISE = (  # originals of noise recordings that contain birds, as seen in their spectrograms
    "assets/audio/background_music/menu.mp3",
    "Thunder/Sound Library - Thunder.mp3",
    "Bison (rut)/Sound Library - Bison.mp3",
    "Fountain Paint Pot/Sound Library - Fountain Paint Pot.mp3",
    "Yellowstone Lake (singing)/Sound Library - Singing Lake.mp3",
    "tests/audio/rugr_drum.wav",  # a grouse
    "rurunohinohi_augmentation_dataset/noise/20241208_213000_01.WAV",
    "audio/2-104877-A-3.wav",
    "audio/4-165845-B-45.wav",
    "audio/4-181955-C-3.wav",
    "audio/4-182314-A-7.wav",
    "Binary_Drone_Audio/unknown/3-136608-A-16[0-4].wav",
    "audio/2-103-B-3.wav",
    "audio/2-103-C-3.wav",
    "audio/2-103-D-3.wav",
    "public/audio/barking-treefrog/barking-treefrog-2.mp3",
)


@dataclass(frozen=True)
class Recording:
    """One audio file and its row of the index."""

    path: Path
    kind: str  # lasso, birds, notes, boxes, painted, noise, soundscapes
    tier: str  # open or restricted
    licence: str
    source: str
    original: str
    native_hz: float  # sample rate of the original, NaN if unknown
    xc: str  # xeno-canto number, "" if unknown
    species: str
    snr_db: float
    split: str = ""


def read_index(data: Path, tier: str | None = None) -> list[Recording]:
    """Return the recordings of `data/index.tsv` with their splits.

    Args:
        data: Folder with an index.tsv.
        tier: "open" leaves out restricted recordings. Splits do not depend on it.

    Raises:
        DataError: The folder has no index, or the index is malformed.
    """
    index = data / "index.tsv"
    if not index.is_file():
        raise DataError(f"{data} holds no index.tsv; give the folder that contains it with --data")
    recordings = []
    for row, where in _rows(index):
        recordings.append(
            Recording(
                path=data / row["file"],
                kind=row["kind"],
                tier=row["tier"],
                licence=row["licence"],
                source=row["source"],
                original=row["original"],
                native_hz=_number(row["native_hz"], f"{where}: native_hz"),
                xc=row["xc"] or _xeno_canto_number(row["original"]),
                species=row["species"],
                snr_db=_number(row["snr90_db"], f"{where}: snr90_db"),
            )
        )
    return [
        replace(recording, split=split)
        for recording, split in zip(recordings, assign_splits(recordings), strict=True)
        if (tier is None or recording.tier == tier) and not _noise_with_birds(recording)
    ]


def _rows(index: Path) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the rows of an index, each with its place for error messages."""
    try:
        with index.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, delimiter="\t")
            missing = [c for c in COLUMNS if c not in (rows.fieldnames or ())]
            if missing:
                raise DataError(f"{index} lacks the column {missing[0]!r}; it needs {', '.join(COLUMNS)}")
            for row in rows:
                where = f"{index}, line {rows.line_num}"
                cut = next((c for c in COLUMNS if row[c] is None), None)
                if cut is not None or not row["file"]:
                    raise DataError(f"{where} has no {cut or 'file'}; give all of {', '.join(COLUMNS)}")
                yield row, where
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{index} cannot be read as a table ({error}); give tab-separated UTF-8") from error


def bird_heard(recording: Recording) -> bool | None:
    """Return whether people heard a bird in a field clip, or None for any other recording."""
    if recording.kind == "birds" and recording.species.startswith(BIRD_HEARD):
        return True
    return False if recording.kind == "noise" and recording.species == NO_BIRD_HEARD else None


def _noise_with_birds(recording: Recording) -> bool:
    """Return whether a noise recording contains birds, judged by its spectrogram or its name.

    A recording with a xeno-canto number contains a bird. Files in "negative" folders are calls of anything but one
    target species; unless labelled as weather, most are other birds. If people heard no bird, their verdict counts.
    """
    if recording.kind != "noise" or recording.species == NO_BIRD_HEARD:
        return False
    other_call = "/negative/" in recording.original and recording.species not in WEATHER
    return bool(recording.xc) or other_call or recording.original in BIRDS_IN_NOISE


def _number(text: str, where: str) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        raise DataError(f"{where} is {text!r}; it must be a number or empty") from None


def _xeno_canto_number(name: str) -> str:
    """Return the xeno-canto number in a name like `XC67332 - Meadow Pipit.mp3` or `processed/639461.mp3`."""
    found = re.search(r"XC ?(\d{4,7})", name, re.IGNORECASE) or re.search(r"(?:^|/)(\d{5,6})\.\w+$", name)
    return found[1] if found else ""
