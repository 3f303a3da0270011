"""Labelled sound is read as its formats say, and what cannot be read is refused in a sentence."""

import numpy as np
import pytest
import soundfile
from matplotlib.image import imsave

from birdedge.edge.errors import AudioFileError, DataError
from birdedge.train.data.recordings import read_index
from birdedge.train.data.sound_bank import load_sound_bank
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.annotations import read_annotations, read_raven
from birdedge.train.evaluation.datasets import read_sets
from birdedge.train.evaluation.labelled_audio import mixed_clips, painted_clips, resampled

RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tNote\n"


def a_sound(path, duration_s=1.0, rate_hz=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, int(duration_s * rate_hz)), rate_hz)
    return path


def test_a_mask_resampled_to_its_own_grid_is_itself():
    mask = np.random.default_rng(1).random((40, 256), np.float32)
    times_s = GRID.first_frame_s + GRID.hop_s * np.arange(40)
    frequencies_hz = GRID.low_hz + GRID.bin_hz * np.arange(256)
    np.testing.assert_allclose(resampled(mask, times_s, frequencies_hz), mask, atol=1e-5)


def test_between_frames_and_bins_a_mask_is_linear():
    mask = np.zeros((2, 256), np.float32)
    mask[1, 10] = 1.0
    halfway_s = np.array([GRID.first_frame_s + 0.5 * GRID.hop_s])
    value = resampled(mask, halfway_s, np.array([GRID.low_hz + 10.5 * GRID.bin_hz]))
    assert value.item() == pytest.approx(0.25)


def test_a_painted_picture_stands_for_seconds_and_hertz(tmp_path):
    """Row 64 is 2 kHz, column 10 is 176 ms."""
    picture = np.zeros((256, 60))
    picture[64, 10] = 1.0
    imsave(tmp_path / "clip.png", picture, cmap="gray")
    a_sound(tmp_path / "clip.flac")
    (clip,) = painted_clips(tmp_path)
    assert clip.target.shape == (60, 256)
    ((column, row),) = np.argwhere(clip.target)
    assert (clip.times_s[column], clip.frequencies_hz[row]) == pytest.approx((0.176, 2000.0))


def test_a_mix_is_the_same_each_time_and_does_not_depend_on_those_before_it(recordings):
    bank = load_sound_bank([r for r in read_index(recordings) if r.split == "test"])
    three, again = mixed_clips(bank, 3), mixed_clips(bank, 3)
    for one, other in zip(three, again, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
        np.testing.assert_array_equal(one.target, other.target)
    np.testing.assert_array_equal(mixed_clips(bank, 1)[0].samples, three[0].samples)
    assert all(np.isfinite(clip.snr_db) for clip in three)


def test_our_own_layout_gives_every_set_of_the_split(recordings):
    sets = read_sets(recordings, "test", mixes=4)
    assert {name: len(clips) for name, clips in sets.masked.items()} == {"painted": 1, "mixes": 4, "focal": 4}
    in_split = {r.path for r in read_index(recordings) if r.split == "test" and r.kind == "noise"}
    assert {file.path for file in sets.noise} == in_split != set()
    assert not sets.positives


def test_a_folder_of_pictures_is_painted(recordings):
    sets = read_sets(recordings / "painted")
    assert [clip.name for clip in sets.masked["painted"]] == ["painted-0001"]
    assert not sets.noise


def test_a_folder_of_sound_alone_is_free_of_birds_and_its_names_tell_the_kind(tmp_path):
    a_sound(tmp_path / "night" / "rain.wav")
    a_sound(tmp_path / "frogs.flac")
    assert {file.path.name: file.noise for file in read_sets(tmp_path).noise} == {
        "rain.wav": "rain",
        "frogs.flac": "frogs",
    }


@pytest.mark.parametrize("above", [True, False])
def test_annotations_in_the_folder_or_above_it_label_boxes_and_notes(tmp_path, above):
    folder = tmp_path / "boxes"
    for name in ("a.wav", "b.wav", "unlabelled.wav"):
        a_sound(folder / name)
    prefix = "boxes/" if above else ""
    table = (tmp_path if above else folder) / "annotations.tsv"
    table.write_text(
        "file\tonset_s\toffset_s\tlow_hz\thigh_hz\tlabel\n"
        f"{prefix}a.wav\t0.1\t0.4\t1000\t2000\tx\n{prefix}b.wav\t0.2\t0.3\t\t\tnote\n",
        encoding="utf-8",
    )
    sets = read_sets(folder)
    ((box,),) = [file.boxes for file in sets.positives["boxes"]]
    assert (box.onset_s, box.offset_s, box.low_hz, box.high_hz) == (0.1, 0.4, 1000.0, 2000.0)
    assert [file.path.name for file in sets.positives["notes"]] == ["b.wav"]
    assert not sets.noise


def test_a_raven_table_beside_the_sound_labels_it_once_for_each_selection(tmp_path):
    a_sound(tmp_path / "dawn.wav")
    (tmp_path / "dawn.Table.1.selections.txt").write_text(
        RAVEN + "1\tWaveform 1\t1\t0.10\t0.40\t0\t8000\t\n1\tSpectrogram 1\t1\t0.10\t0.40\t900\t2100\t\n"
        "2\tSpectrogram 1\t1\t0.50\t0.90\t3000\t4000\t\n",
        encoding="utf-8",
    )
    (file,) = read_sets(tmp_path).positives["boxes"]
    assert [(b.onset_s, b.low_hz, b.high_hz) for b in file.boxes] == [(0.1, 900, 2100), (0.5, 3000, 4000)]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("a.wav\tsoon\t1\t2\t3", "line 2: onset_s is 'soon'; it must be a number"),
        ("a.wav\t1\t0.5\t2\t3", "line 2: the box ends before it begins"),
        ("a.wav\t1", "line 2 ends before offset_s"),
        ("a.wav\t\t1\t2\t3", "line 2: the box ends before it begins"),
    ],
)
def test_an_annotation_that_cannot_be_is_refused_with_its_line(tmp_path, row, sentence):
    table = tmp_path / "annotations.tsv"
    table.write_text(f"file\tonset_s\toffset_s\tlow_hz\thigh_hz\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        read_annotations(table)


def test_a_table_without_a_column_or_that_is_no_table_is_refused(tmp_path):
    table = tmp_path / "a.txt"
    table.write_text("Begin Time (s)\n0.1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"lacks the column 'End Time \(s\)'"):
        read_raven(table)
    table.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DataError, match="cannot be read as a table"):
        read_raven(table)


def test_a_folder_with_nothing_to_score_on_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds nothing to score on; give a folder with index\.tsv, painted"):
        read_sets(tmp_path)


def test_a_picture_without_its_sound_or_damaged_is_refused(tmp_path):
    imsave(tmp_path / "clip.png", np.zeros((4, 4)), cmap="gray")
    with pytest.raises(DataError, match=r"clip.png has no sound beside it; give clip.flac"):
        read_sets(tmp_path)
    a_sound(tmp_path / "clip.wav")
    for damaged in (b"\x89PNG\r\n\x1a\n", b"no picture"):
        (tmp_path / "clip.png").write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read as a picture"):
            read_sets(tmp_path)
    imsave(tmp_path / "clip.png", np.zeros((4, 4)), cmap="gray")
    (tmp_path / "clip.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioFileError):
        read_sets(tmp_path)
