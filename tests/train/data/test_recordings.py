"""The index is read with its units and paths, and unusable rows are refused or left out."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from birdedge.edge.errors import DataError
from birdedge.train.data.recordings import COLUMNS, read_index
from tests.support.indexes import index_row, many_rows, write_index


def test_a_row_is_read_with_its_units_and_its_path(tmp_path: Path) -> None:
    row = index_row("birds/a.flac", licence="CC0", xc="123", species="Turdus merula", snr90_db="18.5")
    (recording,) = read_index(write_index(tmp_path, [row]))
    assert recording.path == tmp_path / "birds" / "a.flac"
    assert (recording.licence, recording.xc, recording.species) == ("CC0", "123", "Turdus merula")
    assert recording.snr_db == 18.5
    (unknown,) = read_index(write_index(tmp_path, [index_row("birds/a.flac")]))
    assert math.isnan(unknown.snr_db)


@pytest.mark.parametrize(
    ("original", "number"),
    [("XC67332 - Meadow Pipit.mp3", "67332"), ("processed/639461.mp3", "639461"), ("tape 12.wav", "")],
)
def test_the_xeno_canto_number_is_taken_from_the_original_name(
    tmp_path: Path, original: str, number: str
) -> None:
    (recording,) = read_index(write_index(tmp_path, [index_row("birds/a.flac", original=original)]))
    assert recording.xc == number


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no index\.tsv; give the folder that contains it with --data"):
        read_index(tmp_path)


def test_an_index_without_a_column_is_refused_with_its_name(tmp_path: Path) -> None:
    columns = [c for c in COLUMNS if c != "species"]
    with pytest.raises(DataError, match="lacks the column 'species'; it needs file, kind, tier"):
        read_index(write_index(tmp_path, many_rows(3), columns))


def test_a_row_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path) -> None:
    rows = many_rows(3)
    rows[1]["snr90_db"] = "loud"
    with pytest.raises(
        DataError, match=r"index.tsv, line 3: snr90_db is 'loud'; it must be a number or empty"
    ):
        read_index(write_index(tmp_path, rows))


@pytest.mark.parametrize(
    ("known", "kept"),
    [
        ({"species": "wind"}, True),
        ({"original": "set/negative/1.wav", "species": "rain"}, True),
        ({"original": "set/negative/1.wav"}, False),
        ({"original": "set/negative/XC26332 - White-crowned Cuckoo.wav"}, False),
        ({"xc": "670314"}, False),
        ({"original": "Thunder/Sound Library - Thunder.mp3"}, False),
    ],
)
def test_noise_that_holds_birds_is_left_out(tmp_path: Path, known: dict[str, str], kept: bool) -> None:
    row = index_row("noise/a.ogg", **{"kind": "noise", "original": "a.wav", **known})
    assert bool(read_index(write_index(tmp_path, [row]))) == kept


@pytest.mark.parametrize(
    "file",
    [
        "birds/bird2-open-0001.flac",
        "boxes/box2-restricted-0191.flac",
        "noise/noise2-open-0307.flac",
        "noise/noise3-restricted-0034.flac",
        "soundscapes/scape2-restricted-0019.flac",
    ],
)
def test_the_second_part_of_the_shared_recordings_is_skipped_and_changes_no_split(
    tmp_path: Path, file: str
) -> None:
    rows = many_rows(60)
    before = {r.path: r.split for r in read_index(write_index(tmp_path, rows))}
    # It would join all families to one.
    rows = [{**row, "xc": f"9{i % 2}"} if i < 2 else row for i, row in enumerate(rows)]
    links = [index_row(file, xc=f"9{i}", species="Turdus merula") for i in range(2)]
    assert {r.path: r.split for r in read_index(write_index(tmp_path, [*links, *rows]))} == before


@pytest.mark.parametrize("file", ["noise/noise-open-0001.flac", "noise/noise2.flac", "noise2-open/1.flac"])
def test_recordings_with_similar_names_are_read(tmp_path: Path, file: str) -> None:
    assert [r.path for r in read_index(write_index(tmp_path, [index_row(file)]))] == [tmp_path / file]


def test_every_recording_of_the_second_part_is_recognised(shared_data: Path) -> None:
    listed = (shared_data / "index.tsv").read_text(encoding="utf-8").splitlines()[1:]
    first_part = [line for line in listed if line.split("-", 1)[0].split("/")[1].isalpha()]
    assert len(listed) - len(first_part) == 1083
    assert {r.path.name.split("-")[0] for r in read_index(shared_data)} == {
        Path(line).name.split("-")[0] for line in (row.split("\t")[0] for row in first_part)
    }
