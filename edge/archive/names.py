"""File name stems for the results of many recordings."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from birdedge.edge.errors import SettingsError


def unique_stems(paths: Iterable[Path]) -> dict[Path, str]:
    """Return a stem for each recording, so that no result overwrites another.

    A recording keeps its own stem if it is unique. Otherwise parent folders are prepended until the stems differ
    (`north/dawn.wav` and `south/dawn.wav`: `north_dawn`, `south_dawn`). Recordings of one folder keep their suffix
    (`dawn.wav`, `dawn.flac`). Stems that differ only in case count as equal, as on the FAT file systems of memory
    cards. A recording given twice is listed once.

    Raises:
        SettingsError: Two recordings would have the same stem, such as `dawn.wav` and `Dawn.wav` in one folder.
    """
    given: dict[Path, Path] = {}
    for path in paths:
        # Not resolve(): several links to one file are separate recordings, each under its own name.
        given.setdefault(Path(os.path.abspath(path)), path)  # noqa: PTH100
    siblings = Counter(str(path.with_suffix("")).casefold() for path in given)
    parts = {
        path: (
            *(part.strip("/\\:") for part in path.parent.parts),
            path.stem if siblings[str(path.with_suffix("")).casefold()] == 1 else path.name,
        )
        for path in given
    }
    depth = dict.fromkeys(given, 1)
    while True:
        stems = {path: "_".join(parts[path][-depth[path] :]) for path in given}
        uses = Counter(stem.casefold() for stem in stems.values())
        clashing = [path for path in given if uses[stems[path].casefold()] > 1]
        if not clashing:
            return {given[path]: stem for path, stem in stems.items()}
        extendable = [path for path in clashing if depth[path] < len(parts[path])]
        if not extendable:
            stem = stems[clashing[0]]
            one, other, *_ = (given[path] for path in clashing if stems[path].casefold() == stem.casefold())
            raise SettingsError(f"{one} and {other} would both be written as {stem}: rename one of them")
        for path in extendable:
            depth[path] += 1
