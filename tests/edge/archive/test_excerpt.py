"""An excerpt has the same frames as the whole recording, and every event that overlaps it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.archive.excerpt import judged_regions, segment_excerpt
from birdedge.edge.archive.segment import segment
from birdedge.edge.errors import AudioFileError, AudioFileMissingError, SettingsError
from birdedge.edge.models.model import Model
from tests.support.rejected import rejecting


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("birdedge-int8")


@pytest.mark.parametrize(("start_s", "duration_s"), [(0.0, 2.0), (4.0, 3.0), (3.9961, 0.01), (10.0, 5.0)])
def test_frames_equal_those_of_the_whole_recording(
    model: Model, dawn: Path, start_s: float, duration_s: float
) -> None:
    whole = segment(dawn, model)
    assert whole.mask is not None
    excerpt = segment_excerpt(model, dawn, start_s, duration_s)
    hop_s = model.card.grid.hop_s
    first = round(start_s / hop_s)
    last = min(len(whole.mask.mask), -(-round((start_s + duration_s) * 1e6) // round(hop_s * 1e6)))
    assert excerpt.first_frame == first
    np.testing.assert_array_equal(excerpt.mask, whole.mask.mask[first:last])
    assert excerpt.level.shape == excerpt.mask.shape
    assert excerpt.level.dtype == np.float32


def test_events_that_reach_into_the_excerpt_are_returned(model: Model, dawn: Path) -> None:
    events = list(segment(dawn, model).events)
    longest = max(events, key=lambda event: len(event.mask))
    assert len(longest.mask) > 4
    start_s = (longest.first_frame + len(longest.mask) // 2) * model.card.grid.hop_s
    excerpt = segment_excerpt(model, dawn, start_s, 0.016)
    first, last = excerpt.first_frame, excerpt.first_frame + len(excerpt.mask)
    expected = [e for e in events if e.first_frame < last and e.first_frame + len(e.mask) > first]
    assert longest.onset_s in [event.onset_s for event in expected]
    assert [event.onset_s for event in excerpt.events] == [event.onset_s for event in expected]
    for found, event in zip(excerpt.events, expected, strict=True):
        np.testing.assert_array_equal(found.mask, event.mask)  # whole, not cut at the border


def test_rejected_regions_that_reach_into_the_excerpt_are_returned(dawn: Path) -> None:
    model = rejecting(Model("birdedge-int8"), "frog")
    rejected = judged_regions(model, dawn).regions
    assert len(rejected) >= 5
    excerpt = segment_excerpt(model, dawn, 4.0, 3.0)
    first, last = excerpt.first_frame, excerpt.first_frame + len(excerpt.mask)
    expected = [r.onset_s for r in rejected if r.first_frame < last and r.first_frame + len(r.mask) > first]
    assert 0 < len(expected) < len(rejected)
    assert sorted(region.onset_s for region in excerpt.rejected) == expected
    assert {region.sound_class for region in excerpt.rejected} == {"frog"}
    assert excerpt.events == []


def test_neighbouring_excerpts_share_no_frame(model: Model, dawn: Path) -> None:
    parts = [segment_excerpt(model, dawn, start_s, 2.0) for start_s in (0.0, 2.0, 4.0)]
    for earlier, later in pairwise(parts):
        assert earlier.first_frame + len(earlier.mask) == later.first_frame


def test_a_recording_is_read_only_as_far_as_needed(model: Model, tmp_path: Path) -> None:
    samples = np.zeros(300 * 8000, np.float32)
    samples[-1] = np.nan  # an error for all who read it
    soundfile.write(tmp_path / "night.wav", samples, 8000, subtype="FLOAT")
    excerpt = segment_excerpt(model, tmp_path / "night.wav", 1.6, 3.2)
    assert len(excerpt.mask) == round(3.2 / model.card.grid.hop_s)
    with pytest.raises(AudioFileError):
        segment_excerpt(model, tmp_path / "night.wav", 297.0, 2.0)


def test_the_channel_can_be_chosen(model: Model, dawn: Path, tmp_path: Path) -> None:
    samples, rate_hz = soundfile.read(dawn, dtype="float32")
    stereo = tmp_path / "stereo.flac"
    soundfile.write(stereo, np.stack([np.zeros_like(samples), samples], axis=1), rate_hz, subtype="PCM_24")
    np.testing.assert_array_equal(
        segment_excerpt(model, stereo, 4.0, 3.0, channel=1).mask, segment_excerpt(model, dawn, 4.0, 3.0).mask
    )
    assert not segment_excerpt(model, stereo, 4.0, 3.0, channel=0).mask.any()


@pytest.mark.parametrize(
    ("start_s", "duration_s"),
    [(-0.1, 1.0), (0.0, 0.0), (0.0, -1.0), (float("nan"), 1.0), (0.0, float("inf")), (float("inf"), 1.0)],
)
def test_an_impossible_excerpt_is_refused(
    model: Model, dawn: Path, start_s: float, duration_s: float
) -> None:
    with pytest.raises(SettingsError, match="give a start of 0 s or more and a duration above 0 s"):
        segment_excerpt(model, dawn, start_s, duration_s)


def test_a_start_after_the_end_is_refused_with_the_length(model: Model, dawn: Path) -> None:
    with pytest.raises(AudioFileError, match=r"dawn\.flac is 12\.0 s long; give a --start before that"):
        segment_excerpt(model, dawn, 13.0, 1.0)


def test_a_missing_recording_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(AudioFileMissingError):
        segment_excerpt(model, tmp_path / "missing.wav", 0.0, 1.0)
