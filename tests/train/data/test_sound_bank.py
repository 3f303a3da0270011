"""A sound bank holds the usable birds and noises of a folder, and unlabelled recordings on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.errors import DataError
from birdedge.train.data.recordings import read_index
from birdedge.train.data.sound_bank import load_sound_bank
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


def test_recordings_without_a_usable_bird_or_noise_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(32_000), 32_000)
    birds = a_recording(tmp_path / "quiet.wav", "birds", snr_db=40.0)
    with pytest.raises(DataError, match="give 0 usable bird sounds and 0 noises; give at least one of each"):
        load_sound_bank([birds])


def test_a_file_that_is_not_audio_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("not audio")
    noise = a_recording(tmp_path / "notes.wav", "noise")
    with pytest.raises(DataError, match=r"notes\.wav cannot be read as audio"):
        load_sound_bank([noise])
