"""The kind of noise follows from the columns of a recording."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from birdedge.train.data.noise_kinds import KINDS, OTHER, noise_kind
from birdedge.train.data.recordings import Recording, read_index


@pytest.mark.parametrize(
    ("species", "original", "source", "kind"),
    [
        ("wind", "negative/20230325_000002.wav", "s", "wind"),
        ("rain", "audio/1-17367-A-10.wav", "ESC-50", "rain"),
        ("thunderstorm", "audio/1-1-A-19.wav", "ESC-50", "rain"),
        ("crying_baby", "audio/1-1-A-20.wav", "ESC-50", "speech"),
        ("clock_alarm", "audio/1-1-A-37.wav", "ESC-50", "household"),
        ("train", "audio/1-1-A-45.wav", "ESC-50", "engine"),
        ("", "noise/Heavy-Rain-Falling-Off-Roof-A1_01.wav", "s", "rain"),
        ("", "data/train/000123.wav", "s", OTHER),
        ("", "Old Faithful Geyser/Old Faithful.mp3", "s", "water"),
        ("", "data/raw/D_auratus.wav", "frog_calls", "frogs"),
        ("", "audio/5703-47212-0000.hq.ogg", "s", "speech"),
        ("", "Meerkat/test/VALP007_AL_6.wav", "s", "mammals"),
        ("", "noise/20240905_192122_01.WAV", "s", OTHER),
        # The species column comes before the name of the file.
        ("dog", "rain/1.wav", "s", "mammals"),
    ],
)
def test_a_recording_has_the_kind_in_its_names(species: str, original: str, source: str, kind: str) -> None:
    recording = Recording(Path("a.wav"), "noise", "open", "", source, original, "", species, math.nan)
    assert noise_kind(recording) == kind


def test_every_kind_is_among_the_shared_recordings(shared_data: Path) -> None:
    kinds = Counter(noise_kind(r) for r in read_index(shared_data) if r.kind == "noise")
    assert set(kinds) == {*KINDS, OTHER}
    assert kinds[OTHER] < 0.15 * kinds.total()
