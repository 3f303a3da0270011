"""Splits into training, validation and test recordings, by origin.

Recordings that share a xeno-canto number, a species or an original recording form a family, and a family lies in
one split. The recordings to validate and test on are a fixed list, `test_sets.tsv` (names only): a family with a
listed recording gets that recording's split, so that files added to a folder cannot move tested sounds into training.
The split of any other family is a hash of its name.

Families without such a link can still come from one recording session, which file names reveal. Recordings that share a
session with another split are "left out": neither scored nor used for training.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `recordings` fills in the splits, so it imports this file
    from birdedge.train.data.recordings import Recording

SPLITS = ("train", "validation", "test")
LEFT_OUT = "left out"
DUPLICATED = ("sound library - sandhill crane",)  # the same recording under two folders


def assign_splits(recordings: Iterable[Recording]) -> list[str]:
    """Return the split of each recording: the listed one, else 80 % train, 10 % validation, 10 % test by family.

    A family with recordings listed for both validation and test goes into test.
    """
    files = list(recordings)
    listed = listed_splits()
    splits = [""] * len(files)
    for family in _families(files):
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


def held_out_recordings(recordings: Iterable[Recording], split: str) -> list[Recording]:
    """Return the recordings of a split to score models on: the listed ones only, if there are any.

    This keeps figures comparable when files are added to a folder.
    """
    files = [r for r in recordings if r.split == split]
    listed = listed_splits()
    return [r for r in files if (r.source, r.original) in listed] or files


@cache
def listed_splits() -> dict[tuple[str, str], str]:
    """Return the splits of `test_sets.tsv` by source and original."""
    text = (resources.files("birdedge.train.data") / "test_sets.tsv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {(row["source"], row["original"]): row["split"] for row in rows}


def family_marks(recording: Recording) -> list[str]:
    """Return the marks that link a recording to its family: original, xeno-canto number, species, species folder."""
    marks = [f"original {recording.source} {_original(recording.original)}"]
    if recording.xc:
        marks.append(f"xc {recording.xc}")
    if recording.kind in ("birds", "lasso", "boxes") and recording.species:
        marks.append(f"species {recording.species.lower().replace('_', ' ')}")
    species_folder = re.search(r"/vocalisations/([a-z]{3,6}\d)/", recording.original)
    if species_folder:
        marks.append(f"species code {species_folder[1]}")
    return marks


def session(recording: Recording) -> str:
    """Return the part of the name that files of one source and recording session share, or "".

    A date, a time or a long number identifies a session; the numbered cuts of a session differ only after it.
    """
    name = recording.original.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower().removesuffix(".hq")
    if name in DUPLICATED:
        return f"{recording.source} {name}"
    stem = re.sub(r"([_ -][0-9]{1,3})+$", "", name)
    return f"{recording.source} {stem}" if re.search(r"\d{5}", stem) else ""


def _families(files: list[Recording]) -> list[list[int]]:
    """Return the indices of each family: the connected components of recordings with a mark in common."""
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
    return list(members.values())


def _leave_out_shared_sessions(files: list[Recording], splits: list[str]) -> None:
    """Leave out test recordings from a training session, and validation recordings from a training or test session."""
    sessions = [session(recording) for recording in files]
    taken = {s for s, split in zip(sessions, splits, strict=True) if split == "train"}
    for held_out in ("test", "validation"):
        in_split = [i for i, split in enumerate(splits) if split == held_out]
        for i in in_split:
            if sessions[i] and sessions[i] in taken:
                splits[i] = LEFT_OUT
        taken |= {sessions[i] for i in in_split}


def _original(name: str) -> str:
    """Return the original recording of a cut; trailing numbers belong to the cut."""
    stem = name.rsplit(".", 1)[0]
    esc50 = re.match(r".*/\d-(\d+)-[A-Z]-\d+$", stem)  # fold-freesound id-take-class
    return esc50[1] if esc50 else re.sub(r"(_\d{1,3})+$", "", stem)
