"""A clip has the audio of the stream bit for bit, and its companions show the same time and frequencies."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from birdedge.edge.clips.folder import companions
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.models.card import ModelCard
from tests.support.clips import (
    RATE_HZ,
    STREAM_START,
    event,
    noise,
    played,
    settings,
    spans,
    written_once,
)


@pytest.mark.parametrize("kind", ["flac", "wav"])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_clip_has_the_audio_around_its_event_bit_for_bit(
    tmp_path: Path, card: ModelCard, kind: str, channels: int
) -> None:
    audio = noise(20, channels)
    (clip,) = played(tmp_path, card, settings(format=kind), audio, [event(8.0, 9.5)])
    assert spans([clip]) == [(5.0, 12.5, (0,))]
    saved, rate_hz = soundfile.read(clip.path, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    assert np.array_equal(saved, audio[5 * RATE_HZ : round(12.5 * RATE_HZ)])
    assert (clip.utc, clip.lost_samples, clip.score) == (STREAM_START + timedelta(seconds=5), 0, 0.9)
    assert clip.size_bytes == clip.path.stat().st_size


def test_the_companion_files_show_the_time_and_frequencies_of_the_event(
    tmp_path: Path, card: ModelCard
) -> None:
    t = np.arange(20 * RATE_HZ) / RATE_HZ
    inside, outside = 0.25 * np.sin(2 * np.pi * 2500 * t), 0.25 * np.sin(2 * np.pi * 600 * t)
    audio = (inside + outside).astype(np.float32)[:, np.newaxis]
    chosen = settings(denoised=True, mask=True, picture=True)
    (clip,) = played(tmp_path, card, chosen, audio, [event(8, 10)])
    denoised, mask, picture = companions(clip.path)
    assert sorted(clip.path.parent.iterdir()) == sorted((clip.path, denoised, mask, picture))
    assert clip.size_bytes == sum(file.stat().st_size for file in clip.path.parent.iterdir())

    masks = read_mask_file(mask)
    frames, bins = np.nonzero(masks.mask)
    times_s = masks.first_frame_s + frames * masks.hop_s
    assert 0 <= masks.first_frame_s < masks.hop_s
    assert abs(len(masks.mask) * masks.hop_s - 8.0) < masks.hop_s
    assert (times_s.min(), times_s.max()) == pytest.approx((3.0, 5.0), abs=0.01)
    assert (masks.low_hz + bins.min() * masks.bin_hz, masks.low_hz + bins.max() * masks.bin_hz) == (
        2000.0,
        2937.5,
    )

    alone = soundfile.read(denoised)[0]
    assert read_guano(denoised) == read_guano(clip.path)
    assert len(alone) == clip.samples
    middle, silence = alone[round(3.5 * RATE_HZ) : round(4.5 * RATE_HZ)], alone[: round(2.9 * RATE_HZ)]
    assert np.abs(silence).max() == 0
    level = np.abs(np.fft.rfft(middle)) / (len(middle) / 2)  # 1 Hz per bin
    assert level[2500] == pytest.approx(0.25, abs=0.005)
    assert level[600] < 1e-3

    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape == (64, 1001, 3)  # a row per bin up to 4 kHz, a column per hop
    rows, columns = np.nonzero(np.all(pixels == (79, 227, 255), axis=2))
    assert (columns.min() * 0.008, columns.max() * 0.008) == pytest.approx((3.0, 5.0), abs=0.02)
    assert ((64 - rows.max()) * 62.5, (64 - rows.min()) * 62.5) == pytest.approx((2000, 2937.5), abs=63)
    tone = pixels[:, 100].astype(int).sum(axis=1)
    assert set(np.argsort(tone)[-2:]) <= {64 - 40, 64 - 9, 64 - 10}  # 2500 Hz; 600 Hz is between two bins


def test_a_second_clip_of_the_same_moment_is_numbered(tmp_path: Path, card: ModelCard) -> None:
    for _ in range(3):
        written_once(tmp_path, card, settings())
    stem = "20261123T041500.250Z_2000-3000Hz_0.90"
    names = sorted(path.name for path in (tmp_path / "2026-11-23").iterdir())
    assert names == [f"{stem}.wav", f"{stem}_2.wav", f"{stem}_3.wav"]
