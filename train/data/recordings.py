"""The recordings to learn from, and which of them the network never sees while it learns.

`index.tsv` has a row a file; see its own README for the columns. Files that share a xeno-canto number, a
species or an original recording form one family, and a family lies whole in one split. What models are tested
and validated on is a fixed list, `test_sets.tsv` (names only): a family that holds a listed recording lies in
that recording's split, so that no addition to a folder can move a tested sound into training. The split of
any other family is a hash of its name.

Families that share no such mark may still have been recorded in one session, told by the file name. What is
tested then stands aside, "left out": it is neither scored nor learned from.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from birdedge.edge.errors import DataError

SPLITS = ("train", "validation", "test")
LEFT_OUT = "left out"
COLUMNS = ("file", "kind", "tier", "licence", "source", "original", "xc", "species", "snr90_db")


WEATHER = ("wind", "rain", "sticks", "thunder")
SEEN_WITH_BIRDS = (  # originals
    "assets/audio/background_music/menu.mp3",
    "Thunder/Sound Library - Thunder.mp3",
    "Bison (rut)/Sound Library - Bison.mp3",
    "tests/audio/rugr_drum.wav",  # a grouse
)
HELD_TWICE = ("sound library - sandhill crane",)  # the same sound under two folders


@dataclass(frozen=True)
class Recording:
    """One audio file and what is known of it."""

    path: Path
    kind: str  # lasso, birds, notes, boxes, painted, noise, soundscapes
    tier: str  # open or restricted
    licence: str
    source: str
    original: str
    xc: str
    species: str
    snr_db: float
    split: str = ""


def read_index(data: Path, tier: str | None = None) -> list[Recording]:
    """Every recording of `data/index.tsv`, with its split; `tier="open"` leaves the restricted ones out.

    Raises: DataError where the folder has no index or the index lacks a column.
    """
    index = data / "index.tsv"
    if not index.is_file():
        raise DataError(f"{data} holds no index.tsv; give the folder that has it, with --data")
    with index.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        missing = [c for c in COLUMNS if c not in (rows.fieldnames or ())]
        if missing:
            raise DataError(f"{index} lacks the column {missing[0]!r}; it needs {', '.join(COLUMNS)}")
        recordings = [
            Recording(
                path=data / row["file"],
                kind=row["kind"],
                tier=row["tier"],
                licence=row["licence"],
                source=row["source"],
                original=row["original"],
                xc=row["xc"] or _xeno_canto_number(row["original"]),
                species=row["species"],
                snr_db=_number(row["snr90_db"], f"{index}, line {rows.line_num}: snr90_db"),
            )
            for row in rows
        ]
    split = assign_splits(recordings)
    return [
        Recording(**{**vars(r), "split": split[i]})
        for i, r in enumerate(recordings)
        if (tier is None or r.tier == tier) and not _noise_with_birds(r)
    ]


def _noise_with_birds(recording: Recording) -> bool:
    """Noise that is not free of birds: seen in its spectrogram, or said by its name.

    A xeno-canto number is a bird's. "negative" calls were cut out as not of one wanted species: those that
    are not said to be weather are mostly of other birds.
    """
    if recording.kind != "noise":
        return False
    cut_call = "/negative/" in recording.original and recording.species not in WEATHER
    return bool(recording.xc) or cut_call or recording.original in SEEN_WITH_BIRDS


def held_out_recordings(recordings: Iterable[Recording], split: str) -> list[Recording]:
    """Those of a split to score a model on: the listed ones alone, where the folder holds any.

    So figures stay comparable when a folder grows.
    """
    files = [r for r in recordings if r.split == split]
    listed = listed_splits()
    return [r for r in files if (r.source, r.original) in listed] or files


@cache
def listed_splits() -> dict[tuple[str, str], str]:
    """`test_sets.tsv`: the split of a recording by its source and original."""
    text = (resources.files("birdedge.train.data") / "test_sets.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {(row["source"], row["original"]): row["split"] for row in rows}


def assign_splits(recordings: Iterable[Recording]) -> list[str]:
    """The split of each recording: as listed; of the other families 80 % train, 10 % validate, 10 % test.

    A family that holds listed recordings of both is tested on.
    """
    files = list(recordings)
    listed = listed_splits()
    parent = list(range(len(files)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    holders: dict[str, int] = {}
    for i, recording in enumerate(files):
        for mark in family_marks(recording):
            parent[root(i)] = root(holders.setdefault(mark, i))
    members = defaultdict(list)
    for i in range(len(files)):
        members[root(i)].append(i)
    splits = [""] * len(files)
    for family in members.values():
        fixed = {listed.get((files[i].source, files[i].original)) for i in family} - {None}
        if fixed:
            chosen = "test" if "test" in fixed else "validation"
        else:
            name = min(f"{files[i].source}/{files[i].original}" for i in family)
            share = zlib.crc32(name.encode()) % 100
            chosen = "train" if share < 80 else "validation" if share < 90 else "test"
        for i in family:
            splits[i] = chosen
    _leave_out_shared_sessions(files, splits)
    return splits


def _leave_out_shared_sessions(files: list[Recording], splits: list[str]) -> None:
    """A tested recording gives way to a session learned from, a validating one to a session tested on as well."""
    sessions = [session(recording) for recording in files]
    taken = {s for s, split in zip(sessions, splits, strict=True) if split == "train"}
    for held_out in ("test", "validation"):
        mine = [i for i, split in enumerate(splits) if split == held_out]
        for i in mine:
            if sessions[i] and sessions[i] in taken:
                splits[i] = LEFT_OUT
        taken |= {sessions[i] for i in mine}


def session(recording: Recording) -> str:
    """What the names of one source's files from one recording session have in common; "" where a name tells none.

    A date, a time or a long number makes a session; numbered cuts of it differ in what follows.
    """
    name = recording.original.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower().removesuffix(".hq")
    if name in HELD_TWICE:
        return f"{recording.source} {name}"
    stem = re.sub(r"([_ -][0-9]{1,3})+$", "", name)
    return f"{recording.source} {stem}" if re.search(r"\d{5}", stem) else ""


def _number(text: str, where: str) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        raise DataError(f"{where} is {text!r}; it must be a number or empty") from None


def family_marks(recording: Recording) -> list[str]:
    """What ties a file to others: an original, a xeno-canto number, a species or a folder of one species."""
    marks = [f"original {recording.source} {_original(recording.original)}"]
    if recording.xc:
        marks.append(f"xc {recording.xc}")
    if recording.kind in ("birds", "lasso", "boxes") and recording.species:
        marks.append(f"species {recording.species.lower().replace('_', ' ')}")
    species_folder = re.search(r"/vocalisations/([a-z]{3,6}\d)/", recording.original)
    if species_folder:
        marks.append(f"species code {species_folder[1]}")
    return marks


def _original(name: str) -> str:
    """The original recording behind a cut: trailing part numbers say which cut it is."""
    stem = name.rsplit(".", 1)[0]
    esc50 = re.match(r".*/\d-(\d+)-[A-Z]-\d+$", stem)  # fold-freesound id-take-class
    return esc50[1] if esc50 else re.sub(r"(_\d{1,3})+$", "", stem)


def _xeno_canto_number(name: str) -> str:
    """The xeno-canto number in a file name such as `XC67332 - Meadow Pipit.mp3` or `processed/639461.mp3`."""
    found = re.search(r"XC ?(\d{4,7})", name, re.IGNORECASE) or re.search(r"(?:^|/)(\d{5,6})\.\w+$", name)
    return found[1] if found else ""
