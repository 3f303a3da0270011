"""Each folder yields the labelled sets that it holds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from birdedge.edge.errors import DataError
from birdedge.train.data.recordings import BIRD_HEARD, NO_BIRD_HEARD, read_index
from birdedge.train.evaluation.datasets import read_sets
from tests.support.generated import write_noise

RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tNote\n"


def test_a_folder_with_an_index_gives_every_set_of_the_split(recordings: Path) -> None:
    sets = read_sets(recordings, "test", mixes=4)
    assert {name: len(clips) for name, clips in sets.masked.items()} == {
        "painted": 1,
        "mixes": 4,
        "focal": 4,
        "scenes": 4,
    }
    in_split = {r.path for r in read_index(recordings) if r.split == "test" and r.kind == "noise"}
    assert {file.path for file in sets.noise} == in_split != set()
    assert not sets.positives
    assert not sets.presence


def test_field_clips_are_the_recordings_of_the_split_that_people_listened_to(
    recordings: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(recordings, tmp_path / "recordings")
    index = folder / "index.tsv"
    text = index.read_text(encoding="utf-8")
    chosen = {}
    for split in ("train", "test"):
        for kind, species in (("birds", f"{BIRD_HEARD} (robin in {split})"), ("noise", NO_BIRD_HEARD)):
            recording = next(r for r in read_index(folder) if r.split == split and r.kind == kind)
            text = text.replace(f"\t{recording.species}\t", f"\t{species}\t")
            chosen[split, kind] = recording.path
    index.write_text(text, encoding="utf-8")
    assert {file.path: file.bird_heard for file in read_sets(folder, "test", mixes=1).presence} == {
        chosen["test", "birds"]: True,
        chosen["test", "noise"]: False,
    }


def test_a_folder_of_pictures_is_read_as_painted_clips(recordings: Path) -> None:
    sets = read_sets(recordings / "painted")
    assert [clip.name for clip in sets.masked["painted"]] == ["painted-0001"]
    assert not sets.noise


def test_a_folder_of_audio_alone_is_noise_of_the_kinds_in_the_file_names(tmp_path: Path) -> None:
    write_noise(tmp_path / "night" / "rain.wav")
    write_noise(tmp_path / "frogs.flac")
    assert {file.path.name: file.noise for file in read_sets(tmp_path).noise} == {
        "rain.wav": "rain",
        "frogs.flac": "frogs",
    }


@pytest.mark.parametrize("above", [True, False])
def test_annotations_in_the_folder_or_its_parent_give_boxes_and_notes(tmp_path: Path, above: bool) -> None:
    folder = tmp_path / "boxes"
    for name in ("a.wav", "b.wav", "unlabelled.wav"):
        write_noise(folder / name)
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


def test_a_raven_table_next_to_the_audio_gives_one_box_per_selection(tmp_path: Path) -> None:
    write_noise(tmp_path / "dawn.wav")
    (tmp_path / "dawn.Table.1.selections.txt").write_text(
        RAVEN + "1\tWaveform 1\t1\t0.10\t0.40\t0\t8000\t\n1\tSpectrogram 1\t1\t0.10\t0.40\t900\t2100\t\n"
        "2\tSpectrogram 1\t1\t0.50\t0.90\t3000\t4000\t\n",
        encoding="utf-8",
    )
    (file,) = read_sets(tmp_path).positives["boxes"]
    assert [(b.onset_s, b.low_hz, b.high_hz) for b in file.boxes] == [(0.1, 900, 2100), (0.5, 3000, 4000)]


def test_a_folder_with_nothing_to_score_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds nothing to score on; give a folder with index\.tsv, painted"):
        read_sets(tmp_path)
