"""Recordings of an archive, and the units of work that they are divided into."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.system.printable import valid_unicode

KEY_BYTES = 16
UNIT_S = 900.0  # of audio per unit of work, roughly: long enough to be worth a task, short enough to repeat
# Usual bytes per second of audio, by the suffix of compressed files; others are 16-bit PCM at 48 kHz.
COMPRESSED_BYTES_PER_S = {
    ".flac": 50_000,
    **dict.fromkeys((".mp3", ".ogg", ".oga", ".opus"), 16_000),
}
PCM_BYTES_PER_S = 96_000
BLOCK_FILES = 4096  # in memory at once
Keys = NDArray[np.bytes_]  # of units, `S16`


@dataclass(frozen=True)
class PlannedFile:
    """A recording of an archive, as it was when it was planned."""

    path: str  # absolute, or a URL
    site: str
    size_bytes: int
    modified: str  # nanoseconds since 1970, or the version that an object store reports

    @property
    def name(self) -> str:
        """The path as valid Unicode, which names the recording in all results."""
        return valid_unicode(self.path)

    def digest(self, fingerprint: str) -> bytes:
        """Return a digest that changes with the file, and with the settings."""
        facts = "\0".join((fingerprint, self.path, str(self.size_bytes), self.modified))
        return blake2b(os.fsencode(facts), digest_size=KEY_BYTES).digest()


@dataclass(frozen=True)
class Unit:
    """Recordings that are segmented together: one, or short ones that add up to about a quarter of an hour."""

    key: str  # hexadecimal
    files: tuple[PlannedFile, ...]

    @property
    def size_bytes(self) -> int:
        """The total size of its recordings."""
        return sum(file.size_bytes for file in self.files)


def units_of(files: Iterable[PlannedFile]) -> Iterator[list[PlannedFile]]:
    """Yield files that are segmented together.

    A unit that is more than half full ends with its folder, so that recordings added later change few units.
    """
    unit, unit_s = list[PlannedFile](), 0.0
    for file in files:
        suffix = os.path.splitext(file.path)[1].lower()  # noqa: PTH122 - of a path or URL, 1,000,000 times
        file_s = file.size_bytes / COMPRESSED_BYTES_PER_S.get(suffix, PCM_BYTES_PER_S)
        is_elsewhere = bool(unit) and _folder(unit[-1].path) != _folder(file.path)
        if unit and (unit_s + file_s > UNIT_S or (is_elsewhere and unit_s > UNIT_S / 2)):
            yield unit
            unit, unit_s = [], 0.0
        unit.append(file)
        unit_s += file_s
    if unit:
        yield unit


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def without_repeats(files: Iterable[PlannedFile]) -> Iterator[PlannedFile]:
    """Yield each path once; only sorted digests of the earlier paths are kept, 16 bytes each."""
    seen = np.empty(0, f"S{KEY_BYTES}")
    for block in _blocks(files):
        digests = [blake2b(os.fsencode(file.path), digest_size=KEY_BYTES).digest() for file in block]
        first = {digest: place for place, digest in reversed(list(enumerate(digests)))}
        new = np.array(sorted(first), seen.dtype)
        known = is_in(new, seen)
        repeated = set(new[known].tolist())  # numpy strips their trailing zero bytes
        for place, (digest, file) in enumerate(zip(digests, block, strict=True)):
            if first[digest] == place and digest.rstrip(b"\0") not in repeated:
                yield file
        seen = np.insert(seen, np.searchsorted(seen, new[~known]), new[~known])


def is_in(keys: Keys, among: Keys) -> NDArray[np.bool_]:
    """Return a mask of the keys that are in `among`, which is sorted."""
    if not len(among):
        return np.zeros(len(keys), bool)
    places = np.minimum(np.searchsorted(among, keys), len(among) - 1)
    known: NDArray[np.bool_] = among[places] == keys
    return known


def _blocks(files: Iterable[PlannedFile]) -> Iterator[list[PlannedFile]]:
    block: list[PlannedFile] = []
    for file in files:
        block.append(file)
        if len(block) == BLOCK_FILES:
            yield block
            block = []
    if block:
        yield block
