"""A sound bank holds the usable birds, boxes and noises of a folder, and unlabelled recordings on request."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.errors import DataError
from birdedge.train.data.annotations import Box
from birdedge.train.data.noise_kinds import OTHER
from birdedge.train.data.recordings import Recording, read_index
from birdedge.train.data.sound_bank import SoundBank, load_sound_bank
from tests.support.generated import write_noise
from tests.support.indexes import a_recording


def test_isolated_birds_are_loaded_with_their_phrases(recordings: Path) -> None:
    files = [r for r in read_index(recordings) if r.split == "train"]
    sound_bank = load_sound_bank(files)
    assert 0 < len(sound_bank.isolated_birds) <= sum(r.kind == "birds" for r in files)
    assert sum(map(len, sound_bank.noises.values())) == sum(r.kind == "noise" for r in files)
    for bird in sound_bank.isolated_birds:
        assert np.abs(bird.samples).max() <= 17_000
        for start, stop in bird.phrases:
            assert 0 <= start < stop <= len(bird.samples)
            assert np.abs(bird.samples[start:stop]).max() > 0


def test_unlabelled_recordings_are_read_only_on_request(field_recordings: Path) -> None:
    files = [r for r in read_index(field_recordings) if r.split == "train"]
    counts = {kind: sum(r.kind == kind for r in files) for kind in ("soundscapes", "birds")}
    noisy = sum(r.kind == "birds" and r.snr_db < 25 for r in files)
    assert min(noisy, counts["soundscapes"]) > 0
    plain, more = load_sound_bank(files), load_sound_bank(files, unlabelled=True)
    assert plain.unlabelled == []
    assert len(more.unlabelled) == counts["soundscapes"] + counts["birds"] - len(more.focal_recordings)
    assert len(more.unlabelled) >= counts["soundscapes"] + noisy
    assert (len(more.isolated_birds), len(more.noises)) == (len(plain.isolated_birds), len(plain.noises))


def a_bank(recordings: Path, *more: Recording, boxes: dict[Path, tuple[Box, ...]] | None = None) -> SoundBank:
    """The sound bank of a few synthetic recordings and of additional ones."""
    return load_sound_bank([*read_index(recordings)[:4], *more], boxes=boxes)


def test_noises_are_grouped_by_kind_with_their_class_and_cutoff_frequency(
    recordings: Path, tmp_path: Path
) -> None:
    path = write_noise(tmp_path / "noise.wav")
    known: list[tuple[str, float]] = [
        ("frog: green-frog", 44_100.0),
        ("frog: wood-frog", 16_000.0),
        ("field: hasbird=0", 32_000.0),
        ("machine: engine", 11_025.0),
        ("alarm: siren", math.nan),
    ]
    added = [a_recording(path, "noise", species=species, native_hz=rate) for species, rate in known]
    noises = a_bank(recordings, *added).noises
    found = {kind: [(n.sound_class, n.cutoff_hz) for n in noises[kind]] for kind in ("frogs", "engine")}
    assert found == {
        "frogs": [("frog", None), ("frog", 8000.0)],
        "engine": [("machine", 5512.5), ("machine", None)],
    }
    # The names of the synthetic noises give no kind.
    assert {(n.sound_class, n.cutoff_hz) for n in noises[OTHER]} == {(None, None)}
    assert len(noises[OTHER]) == 3
    assert np.abs(noises["frogs"][0].samples).max() == 16_000


def test_a_boxed_recording_is_loaded_with_only_its_boxes_that_have_a_band(
    recordings: Path, tmp_path: Path
) -> None:
    paths = [write_noise(tmp_path / f"{name}.wav") for name in ("both", "without", "unlisted")]
    timed, banded = Box(0.2, 0.4), Box(0.5, 0.7, 2000.0, 3000.0)
    boxes = {paths[0]: (timed, banded), paths[1]: (timed,)}
    added = [a_recording(path, "boxes") for path in paths]
    (boxed,) = a_bank(recordings, *added, boxes=boxes).boxed_recordings
    assert boxed.boxes == (banded,)
    assert len(boxed.samples) == 32_000
    assert a_bank(recordings, *added).boxed_recordings == []


def test_recordings_without_a_usable_bird_or_noise_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(32_000), 32_000)
    birds = a_recording(tmp_path / "quiet.wav", "birds", snr_db=40.0)
    with pytest.raises(DataError, match="give 0 usable bird sounds and 0 noises; give at least one of each"):
        load_sound_bank([birds])


def test_the_error_names_a_file_that_is_not_audio(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("not audio")
    noise = a_recording(tmp_path / "notes.wav", "noise")
    with pytest.raises(DataError, match=r"notes\.wav cannot be read as audio"):
        load_sound_bank([noise])
