"""Labelled clips lie on their grid of seconds and hertz, and unreadable files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from matplotlib.image import imsave

from birdedge.edge.errors import AudioFileError, DataError
from birdedge.train.data.recordings import read_index
from birdedge.train.data.sound_bank import load_sound_bank
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.labelled_audio import (
    SCENE_MIXING,
    SCENE_SEED,
    MaskedClip,
    audio_files,
    centres,
    mixed_clips,
    painted_clips,
    resampled,
)
from tests.support.generated import write_noise


def test_a_mask_resampled_to_its_own_grid_is_unchanged() -> None:
    mask = np.random.default_rng(1).random((40, 256), np.float32)
    times_s = centres(GRID.first_frame_s, GRID.hop_s, 40)
    frequencies_hz = centres(GRID.low_hz, GRID.bin_hz, 256)
    assert np.abs(resampled(mask, times_s, frequencies_hz) - mask).max() < 1e-5


def test_a_mask_is_interpolated_linearly_between_frames_and_bins() -> None:
    mask = np.zeros((2, 256), np.float32)
    mask[1, 10] = 1.0
    halfway_s = np.array([GRID.first_frame_s + 0.5 * GRID.hop_s])
    value = resampled(mask, halfway_s, np.array([GRID.low_hz + 10.5 * GRID.bin_hz]))
    assert value.item() == pytest.approx(0.25)


def test_a_painted_picture_is_mapped_to_seconds_and_hertz(tmp_path: Path) -> None:
    """Row 64 is 2 kHz, column 10 is 176 ms."""
    picture = np.zeros((256, 60))
    picture[64, 10] = 1.0
    imsave(tmp_path / "clip.png", picture, cmap="gray")
    write_noise(tmp_path / "clip.flac")
    (clip,) = painted_clips(tmp_path)
    assert clip.target.shape == (60, 256)
    ((column, row),) = np.argwhere(clip.target)
    assert (clip.times_s[column], clip.frequencies_hz[row]) == pytest.approx((0.176, 2000.0))


def test_a_mix_depends_on_its_number_alone(recordings: Path) -> None:
    sound_bank = load_sound_bank([r for r in read_index(recordings) if r.split == "test"])
    three, again = mixed_clips(sound_bank, 3), mixed_clips(sound_bank, 3)
    for one, other in zip(three, again, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
        np.testing.assert_array_equal(one.target, other.target)
    np.testing.assert_array_equal(mixed_clips(sound_bank, 1)[0].samples, three[0].samples)
    assert all(np.isfinite(clip.snr_db) for clip in three)


def test_a_damaged_picture_or_one_without_audio_is_refused(tmp_path: Path) -> None:
    imsave(tmp_path / "clip.png", np.zeros((4, 4)), cmap="gray")
    with pytest.raises(DataError, match=r"clip.png has no audio file next to it; give clip.flac"):
        painted_clips(tmp_path)
    write_noise(tmp_path / "clip.wav")
    for damaged in (b"\x89PNG\r\n\x1a\n", b"no picture"):
        (tmp_path / "clip.png").write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read as a picture"):
            painted_clips(tmp_path)
    imsave(tmp_path / "clip.png", np.zeros((4, 4)), cmap="gray")
    (tmp_path / "clip.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioFileError):
        painted_clips(tmp_path)


def test_audio_of_a_recorder_with_capital_suffixes_is_found_next_to_a_picture(tmp_path: Path) -> None:
    imsave(tmp_path / "20240501_043000.png", np.zeros((4, 4)), cmap="gray")
    write_noise(tmp_path / "clip.wav").rename(tmp_path / "20240501_043000.WAV")
    assert [clip.name for clip in painted_clips(tmp_path)] == ["20240501_043000"]


def test_a_folder_is_searched_for_audio_as_segment_does_and_unreadable_files_are_named_before_scoring(
    tmp_path: Path,
) -> None:
    write_noise(tmp_path / "a.WAV")
    (tmp_path / "._a.WAV").write_bytes(b"resource fork of macOS")
    assert audio_files(tmp_path) == [tmp_path / "a.WAV"]
    soundfile.write(tmp_path / "b.wav", np.zeros(0), 16000)
    (tmp_path / "c.wav").write_bytes(b"text")
    with pytest.raises(DataError, match=r"b\.wav contains no samples.* \(and 1 more\); repair or move"):
        audio_files(tmp_path)


def test_the_phrases_of_each_bird_span_pauses_up_to_a_third_of_a_second() -> None:
    """Two birds at the same time in different bands; the first pauses for 0.32 s, then for 0.33 s."""
    first, second = np.zeros((400, 256), bool), np.zeros((400, 256), bool)
    first[10:30, 40:50] = first[70:90, 40:50] = first[131:150, 42:48] = True
    second[20:60, 100:110] = True
    times_s = centres(GRID.first_frame_s, GRID.hop_s, 400)
    frequencies_hz = centres(GRID.low_hz, GRID.bin_hz, 256)
    clip = MaskedClip(
        "scene",
        np.zeros(1, np.float32),
        32_000,
        first | second,
        None,
        times_s,
        frequencies_hz,
        birds=(first, second),
    )
    boxes = [
        (
            round((p.onset_s - times_s[0]) / 0.008 + 0.5),
            round((p.offset_s - times_s[0]) / 0.008 + 0.5),
            p.low_hz,
            p.high_hz,
        )
        for p in clip.phrases
    ]
    assert boxes == [
        (10, 90, 62.5 * 40.5, 62.5 * 50.5),
        (131, 150, 62.5 * 42.5, 62.5 * 48.5),
        (20, 60, 62.5 * 100.5, 62.5 * 110.5),
    ]
    assert (
        MaskedClip("mix", np.zeros(1, np.float32), 32_000, first, None, times_s, frequencies_hz).phrases == []
    )


def test_scenes_have_birds_that_sing_again_and_again(recordings: Path) -> None:
    sound_bank = load_sound_bank(read_index(recordings))
    (scene,) = mixed_clips(sound_bank, 1, SCENE_MIXING, SCENE_SEED)
    assert len(scene.target) == 3752
    assert scene.birds
    np.testing.assert_array_equal(np.any(scene.birds, axis=0) & ~scene.target, False)
    assert len(scene.phrases) > len(scene.birds)
