"""All regions of a recording are returned in time order, events or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.archive.excerpt import judged_regions
from birdedge.edge.archive.segment import segment
from birdedge.edge.errors import AudioFileError, AudioFileMissingError, SettingsError
from birdedge.edge.models.model import Model
from tests.support.rejected import rejecting


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("birdedge-int8-256")


def test_the_events_equal_those_of_segment_in_time_order(model: Model, dawn: Path) -> None:
    events = list(segment(dawn, model).events)
    found = judged_regions(model, dawn)
    passed = [region.onset_s for region in found.regions if not region.reason]
    assert len(passed) >= 5
    assert passed == sorted(event.onset_s for event in events)
    onsets = [region.onset_s for region in found.regions]
    assert onsets == sorted(onsets)
    assert found.duration_s == pytest.approx(12.0, abs=0.01)


def test_rejected_regions_are_returned_with_their_class(dawn: Path) -> None:
    found = judged_regions(rejecting(Model("birdedge-int8-256"), "insect"), dawn)
    assert len(found.regions) >= 5
    assert {(region.sound_class, region.reason) for region in found.regions} == {("insect", "other sound")}


def test_a_part_has_the_regions_that_reach_into_it(model: Model, dawn: Path) -> None:
    regions = judged_regions(model, dawn).regions
    longest = max(regions, key=lambda region: len(region.mask))
    hop_s = model.card.grid.hop_s
    start_s = (longest.first_frame + len(longest.mask) // 2) * hop_s
    part = judged_regions(model, dawn, start_s, 2 * hop_s)
    first, last = round(start_s / hop_s), round(start_s / hop_s) + 2
    expected = [r.onset_s for r in regions if r.first_frame < last and r.first_frame + len(r.mask) > first]
    assert longest.onset_s in expected
    assert [region.onset_s for region in part.regions] == expected
    assert part.duration_s == pytest.approx(2 * hop_s)


@pytest.mark.parametrize(("start_s", "duration_s"), [(0.0, None), (4.0, 3.0), (11.5, 2.0)])
def test_the_highest_probability_is_taken_from_the_part(
    model: Model, dawn: Path, start_s: float, duration_s: float | None
) -> None:
    whole = segment(dawn, model).mask
    assert whole is not None
    hop_s = model.card.grid.hop_s
    first = round(start_s / hop_s)
    last = (
        len(whole.mask) if duration_s is None else min(len(whole.mask), round((start_s + duration_s) / hop_s))
    )
    part = whole.mask[first:last]
    found = judged_regions(model, dawn, start_s, duration_s)
    assert found.highest == part.max() / 255
    frame = round((found.highest_s - whole.first_frame_s) / whole.hop_s)
    place = round((found.highest_hz - whole.low_hz) / whole.bin_hz)
    assert first <= frame < last
    assert whole.mask[frame, place] == part.max()
    assert found.duration_s == pytest.approx((last - first) * hop_s)


def test_a_recording_is_read_only_as_far_as_needed(model: Model, tmp_path: Path) -> None:
    samples = np.zeros(300 * 8000, np.float32)
    samples[-1] = np.nan  # an error for all who read it
    soundfile.write(tmp_path / "night.wav", samples, 8000, subtype="FLOAT")
    assert judged_regions(model, tmp_path / "night.wav", 1.0, 2.0).regions == []
    with pytest.raises(AudioFileError):
        judged_regions(model, tmp_path / "night.wav", 1.0)


@pytest.mark.parametrize(
    ("start_s", "duration_s"), [(-0.1, 1.0), (0.0, 0.0), (float("nan"), None), (0.0, float("nan"))]
)
def test_an_impossible_part_is_refused(model: Model, dawn: Path, start_s: float, duration_s: float) -> None:
    with pytest.raises(SettingsError, match="give a start of 0 s or more and a duration above 0 s"):
        judged_regions(model, dawn, start_s, duration_s)


def test_a_start_after_the_end_is_refused_with_the_length(model: Model, dawn: Path) -> None:
    with pytest.raises(AudioFileError, match=r"dawn\.flac is 12\.0 s long; give a time before that"):
        judged_regions(model, dawn, 13.0)


def test_a_missing_recording_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(AudioFileMissingError):
        judged_regions(model, tmp_path / "missing.wav")
