"""Classical masks find a loud call, lie on the recorder's grid, and are tuned on given clips."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import pytest

from birdedge.edge.errors import ExtraMissingError
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.baselines import BASELINES, tuned_baseline
from birdedge.train.evaluation.labelled_audio import MaskedClip, centres


def a_clip(seed: int, duration_s: float = 4.0) -> MaskedClip:
    scene = soundscape(duration_s, seed=seed, calls_per_minute=60, snr_db=(20.0, 25.0), rain_db=None)
    times_s = centres(GRID.first_frame_s, GRID.hop_s, len(scene.mask))
    frequencies_hz = centres(GRID.low_hz, GRID.bin_hz, GRID.bins)
    return MaskedClip(str(seed), scene.samples, 32000, scene.mask, None, times_s, frequencies_hz)


@pytest.fixture(scope="module")
def clips() -> list[MaskedClip]:
    return [a_clip(seed) for seed in (1, 2, 3)]


@pytest.mark.parametrize("name", BASELINES)
def test_a_tuned_baseline_marks_loud_calls_where_they_are(name: str, clips: list[MaskedClip]) -> None:
    detector = tuned_baseline(name, clips)
    overlap: Counter[tuple[int, int]] = Counter()
    union, heard = 0, 0
    for clip in clips:
        mask, events = detector.run(clip.samples, clip.sample_rate_hz)
        assert mask.shape == clip.target.shape
        assert mask.min() >= 0
        assert mask.max() <= 1
        found = mask >= detector.threshold
        for shift in ((0, 0), (20, 0), (0, 12)):
            overlap[shift] += (np.roll(found, shift, axis=(0, 1)) & clip.target).sum()
        union += (found | clip.target).sum()
        heard += len(events)
    assert overlap[0, 0] == max(overlap.values())
    print(f"{name}: IoU {overlap[0, 0] / union:.2f} at {detector.threshold:.2f}, {heard} events")
    assert heard >= 3
    assert overlap[0, 0] / union > (0.25 if name == "energy-threshold" else 0.3)  # the weakest baseline


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("samples", [1, 512, 513, 32000])
def test_a_baseline_finds_nothing_in_silence_and_accepts_the_shortest_audio(
    name: str, samples: int, clips: list[MaskedClip]
) -> None:
    detector = tuned_baseline(name, clips[:1])
    mask, events = detector.run(np.zeros(samples, np.float32), 32000)
    assert not mask.any()
    assert not events
    noise = np.random.default_rng(1).normal(0, 0.1, samples).astype(np.float32)
    assert detector.run(noise, 32000)[0].shape == mask.shape == (GRID.frames(samples), 256)


def test_a_baseline_puts_another_sample_rate_on_the_same_grid(clips: list[MaskedClip]) -> None:
    half = clips[0].samples[::2]
    mask, _ = tuned_baseline("median-threshold", clips[:1]).run(half, 16000)
    assert mask.shape == clips[0].target.shape


def test_the_threshold_is_the_best_on_the_clips_it_was_tuned_on(clips: list[MaskedClip]) -> None:
    detector = tuned_baseline("median-threshold", clips)
    masks = [detector.run(clip.samples, 32000)[0] for clip in clips]

    def pooled_iou(threshold: float) -> float:
        both = sum(((m >= threshold) & c.target).sum() for m, c in zip(masks, clips, strict=True))
        either = sum(((m >= threshold) | c.target).sum() for m, c in zip(masks, clips, strict=True))
        return float(both / either)

    best = max(pooled_iou(step / 255) for step in range(1, 256, 4))
    assert pooled_iou(detector.threshold) > best - 0.005


def test_the_error_for_a_missing_package_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, clips: list[MaskedClip]
) -> None:
    for package in ("maad", "noisereduce"):
        monkeypatch.setitem(sys.modules, package, None)
    for name in ("scikit-maad", "noisereduce"):
        with pytest.raises(ExtraMissingError, match=r"pip install 'birdedge\[evaluate\]'"):
            tuned_baseline(name, clips[:1])
