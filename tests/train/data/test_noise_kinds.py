"""The kind and the class of a noise follow from the columns of a recording."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from birdedge.edge.sound_classes import BIRD, SOUND_CLASSES
from birdedge.train.data.noise_kinds import (
    CLASS_OF_KIND,
    GROUPS,
    KINDS,
    OTHER,
    noise_class,
    noise_kind,
)
from birdedge.train.data.recordings import read_index
from tests.support.indexes import a_recording


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
def test_the_kind_of_a_recording_follows_from_its_names(
    species: str, original: str, source: str, kind: str
) -> None:
    recording = a_recording(Path("a.wav"), "noise", source=source, original=original, species=species)
    assert noise_kind(recording) == kind


@pytest.mark.parametrize(
    ("species", "kind", "sound_class"),
    [
        ("frog: green-frog", "frogs", "frog"),
        ("frog: spring-peeper", "frogs", "frog"),  # not a spring of water
        ("frog: eastern-cricket-frog", "frogs", "frog"),
        ("insect: Stemborer", "insects", "insect"),
        ("insect: ?", "insects", "insect"),
        ("mammal: elephant", "mammals", "mammal"),
        ("mammal: fish", "mammals", "mammal"),
        ("human: snoring", "speech", "voice"),
        ("human: footsteps", "household", "other"),
        ("speech: noise diffuse", "speech", "voice"),
        ("alarm: siren", "engine", "machine"),
        ("alarm: church_bells", "household", "other"),
        ("machine: aircon 2", "engine", "machine"),
        ("machine: washing_machine", "household", "other"),
        ("fire: crackling_fire", "household", "other"),
        ("handling: laptopmic tap", "household", "other"),
        ("wind: blizzard", "wind", "weather"),
        ("rain: water_drops", "water", "weather"),
        ("field: hasbird=0", OTHER, None),
        ("bird: wood frog", "frogs", "frog"),  # not a known group, so all words count
    ],
)
def test_the_group_of_a_recording_in_the_second_part_gives_its_kind_and_class(
    species: str, kind: str, sound_class: str | None
) -> None:
    # The names of the file and of its source do not count.
    recording = a_recording(Path("a.wav"), "noise", species=species, original="rain/1.wav", source="rain")
    assert (noise_kind(recording), noise_class(recording)) == (kind, sound_class)


def test_every_kind_has_a_class_that_networks_tell_apart_other_than_bird() -> None:
    assert set(CLASS_OF_KIND) == set(KINDS)
    assert set(CLASS_OF_KIND.values()) == set(SOUND_CLASSES) - {BIRD}
    assert set(GROUPS.values()) <= {*KINDS, OTHER}


def test_every_kind_is_among_the_shared_recordings(shared_data: Path) -> None:
    kinds = Counter(noise_kind(r) for r in read_index(shared_data) if r.kind == "noise")
    assert set(kinds) == {*KINDS, OTHER}
    assert kinds[OTHER] < 0.15 * kinds.total()
