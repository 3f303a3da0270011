"""Clips in which people speak are dropped or lose the speech band; all others are written unchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import soundfile

from birdedge.edge.clips.clip import CutClip
from birdedge.edge.clips.file import write_clip
from birdedge.edge.clips.privacy import PrivacyFilter
from birdedge.edge.clips.settings import PrivacySettings
from birdedge.edge.clips.speech_band import without_speech_band
from birdedge.edge.errors import SettingsError
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.models.card import ModelCard
from tests.support.cut_clips import RATE_HZ, WAV, cut_clip

Speech = Literal["keep", "drop-clips", "erase-band"]
HOP_S = 0.008


class Filtered:
    """A filter, and the clips that passed it."""

    def __init__(self, card: ModelCard, speech: Speech) -> None:
        self.clips: list[CutClip] = []
        self.filter = PrivacyFilter(PrivacySettings(speech), card.grid, self.clips.append)
        self.frames = 0

    def hear(self, until_s: float, voice_s: tuple[float, float] = (0.0, 0.0)) -> None:
        """Push frames in which a voice lasts from one time to another."""
        times = np.arange(self.frames, round(until_s / HOP_S)) * HOP_S
        self.frames += len(times)
        # A frame represents the second before it.
        self.filter.push((times > voice_s[0]) & (times < voice_s[1] + 1.0) & (voice_s[1] > 0))

    def passed(self) -> list[tuple[float, bool]]:
        return [(clip.first_sample / RATE_HZ, clip.erase_speech) for clip in self.clips]


@pytest.mark.parametrize(
    ("speech", "passed", "dropped"),
    [
        ("keep", [(0.0, False), (10.0, False), (20.0, False)], 0),
        ("drop-clips", [(0.0, False), (20.0, False)], 1),
        ("erase-band", [(0.0, False), (10.0, True), (20.0, False)], 0),
    ],
)
def test_a_clip_with_a_voice_is_handled_according_to_the_settings(
    card: ModelCard, speech: Speech, passed: list[tuple[float, bool]], dropped: int
) -> None:
    filtered = Filtered(card, speech)
    filtered.hear(8.0)
    for at_s in (0.0, 10.0, 20.0):
        filtered.filter.put(cut_clip(card, at_s, 5.0))
    filtered.hear(40.0, voice_s=(12.0, 13.0))
    assert filtered.passed() == passed
    assert filtered.filter.dropped == dropped


@pytest.mark.parametrize(
    ("voice_s", "kept"),
    [((7.0, 8.9), True), ((9.0, 10.5), False), ((14.5, 16.0), False), ((16.5, 17.0), True)],
)
def test_a_voice_counts_only_if_it_touches_the_clip(
    card: ModelCard, voice_s: tuple[float, float], kept: bool
) -> None:
    filtered = Filtered(card, "drop-clips")
    filtered.filter.put(cut_clip(card, 10.0, 5.0))
    filtered.hear(30.0, voice_s)
    assert bool(filtered.clips) == kept


def test_a_clip_waits_until_all_voices_in_it_are_known(card: ModelCard) -> None:
    filtered = Filtered(card, "drop-clips")
    filtered.hear(15.5)
    filtered.filter.put(cut_clip(card, 10.0, 5.0))
    assert filtered.clips == []
    filtered.hear(16.1)
    assert len(filtered.clips) == 1
    filtered.filter.put(cut_clip(card, 16.0, 1.0))
    assert len(filtered.clips) == 1
    filtered.filter.end()
    assert len(filtered.clips) == 2


def test_voices_from_hours_ago_are_forgotten(card: ModelCard) -> None:
    filtered = Filtered(card, "drop-clips")
    for hour in range(24):
        for minute in range(60):
            at_s = 3600.0 * hour + 60.0 * minute
            filtered.hear(at_s + 60.0, (at_s + 10.0, at_s + 11.0))
    assert len(filtered.filter._voices) < 40


def test_the_speech_band_is_erased_and_the_audio_above_it_is_kept() -> None:
    rate_hz = 48_000
    times = np.arange(3 * rate_hz) / rate_hz
    tones = {hz: np.sin(2 * np.pi * hz * times) for hz in (150, 1000, 3000, 6000, 7000, 12_000)}
    audio = np.stack([np.rint(5000 * sum(tones.values()))] * 2, axis=1).astype(np.int16)
    audio[:, 1] //= 2
    erased = without_speech_band(audio, rate_hz).astype(float)
    assert erased.shape == audio.shape
    inner = slice(rate_hz // 2, -rate_hz // 2)
    for hz, tone in tones.items():
        level = 2 * np.mean(erased[inner, 0] * tone[inner])
        assert level == pytest.approx(5000 if hz > 6500 else 0, abs=30), hz  # in phase: no time shift
    assert np.abs(erased[inner, 1] - erased[inner, 0] / 2).max() < 2


@pytest.mark.parametrize("samples", [0, 1, 100, 70_000])
def test_nothing_remains_at_a_sample_rate_below_the_band(samples: int) -> None:
    noise = np.random.default_rng(1).integers(-9000, 9000, (samples, 1)).astype(np.int16)
    assert np.abs(without_speech_band(noise, 8000)).max(initial=0) <= 1


def test_no_file_of_an_erased_clip_contains_speech(card: ModelCard, tmp_path: Path) -> None:
    everything = replace(WAV, denoised=True)
    cut = replace(cut_clip(card), erase_speech=True)
    cut = replace(cut, mask=np.full_like(cut.mask, 255))
    clip = write_clip(cut, tmp_path, everything, {})
    for path in tmp_path.rglob("*.wav"):
        samples, rate_hz = soundfile.read(path, dtype="int16")
        assert rate_hz == RATE_HZ  # all of it lies in the band
        assert np.abs(samples).max() <= 1
    assert read_guano(clip.path)["birdedge|Speech"] == "erased below 6100 Hz"
    kept = write_clip(cut_clip(card, 10.0), tmp_path, WAV, {})
    assert "birdedge|Speech" not in read_guano(kept.path)


def test_coordinates_are_rounded() -> None:
    assert PrivacySettings(coordinate_decimals=2).rounded(52.51234) == 52.51
    assert PrivacySettings(coordinate_decimals=0).rounded(52.51234) == 53.0
    assert PrivacySettings().rounded(52.51234) == 52.51234
    with pytest.raises(SettingsError, match=r"coordinate_decimals is 7; it must lie in 0\.\.6"):
        PrivacySettings(coordinate_decimals=7)
