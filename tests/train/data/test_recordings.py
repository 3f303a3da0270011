"""The index is read with its units and paths, and unusable rows are refused or left out."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from birdedge.edge.errors import DataError
from birdedge.train.data.recordings import BIRDS_IN_NOISE, COLUMNS, NO_BIRD_HEARD, read_index
from tests.support.indexes import index_row, many_rows, write_index


def test_a_row_is_read_with_its_units_and_its_path(tmp_path: Path) -> None:
    row = index_row("birds/a.flac", licence="CC0", xc="123", species="Turdus merula", snr90_db="18.5")
    row["native_hz"] = "44100"
    (recording,) = read_index(write_index(tmp_path, [row]))
    assert recording.path == tmp_path / "birds" / "a.flac"
    assert (recording.licence, recording.xc, recording.species) == ("CC0", "123", "Turdus merula")
    assert (recording.native_hz, recording.snr_db) == (44100.0, 18.5)
    (unknown,) = read_index(write_index(tmp_path, [index_row("birds/a.flac")]))
    assert math.isnan(unknown.native_hz)
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


def test_an_index_that_lacks_a_column_is_refused_with_the_column_name(tmp_path: Path) -> None:
    columns = [c for c in COLUMNS if c != "species"]
    with pytest.raises(DataError, match="lacks the column 'species'; it needs file, kind, tier"):
        read_index(write_index(tmp_path, many_rows(3), columns))


@pytest.mark.parametrize("column", ["native_hz", "snr90_db"])
def test_an_unreadable_row_is_refused_with_its_line_number(tmp_path: Path, column: str) -> None:
    rows = many_rows(3)
    rows[1][column] = "high"
    with pytest.raises(
        DataError, match=f"index.tsv, line 3: {column} is 'high'; it must be a number or empty"
    ):
        read_index(write_index(tmp_path, rows))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"noise/x.flac\tnoise\topen\n", r"index\.tsv, line 5 has no licence; give all of file, kind, "),
        (b"\t" * (len(COLUMNS) - 1) + b"\n", r"index\.tsv, line 5 has no file; "),
        (b"noise/\xe9.flac\tnoise\n", r"index\.tsv cannot be read as a table \(.*; give tab-separated UTF-8"),
    ],
)
def test_a_short_row_or_another_encoding_is_refused(tmp_path: Path, line: bytes, sentence: str) -> None:
    index = write_index(tmp_path, many_rows(3)) / "index.tsv"
    index.write_bytes(index.read_bytes() + line)
    with pytest.raises(DataError, match=sentence):
        read_index(tmp_path)


def test_an_index_from_a_spreadsheet_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    index = write_index(tmp_path, many_rows(3)) / "index.tsv"
    index.write_bytes(b"\xef\xbb\xbf" + index.read_bytes())
    assert len(read_index(tmp_path)) == 3


@pytest.mark.parametrize(
    ("known", "kept"),
    [
        ({"species": "wind"}, True),
        ({"original": "set/negative/1.wav", "species": "rain"}, True),
        ({"original": "set/negative/1.wav"}, False),
        ({"original": "set/negative/XC26332 - White-crowned Cuckoo.wav"}, False),
        ({"xc": "670314"}, False),
        ({"original": "Thunder/Sound Library - Thunder.mp3"}, False),
        # The name looks like a xeno-canto number, and people heard no bird.
        ({"original": "soundData/train/126824.wav", "species": "field: hasbird=0"}, True),
        ({"original": "soundData/train/126824.wav", "species": "field: hasbird=1"}, False),
        ({"original": "soundData/train/126824.wav"}, False),
    ],
)
def test_noise_that_contains_birds_is_left_out(tmp_path: Path, known: dict[str, str], kept: bool) -> None:
    row = index_row("noise/a.ogg", **{"kind": "noise", "original": "a.wav", **known})
    assert bool(read_index(write_index(tmp_path, [row]))) == kept


def test_all_recordings_of_the_second_part_are_read(shared_data: Path) -> None:
    lines = (shared_data / "index.tsv").read_text(encoding="utf-8").splitlines()
    column = lines[0].split("\t").index("original")
    originals = {shared_data / row[0]: row[column] for row in (line.split("\t") for line in lines[1:])}
    second_part = {file for file in originals if file.name.split("-")[0][-1].isdecimal()}
    assert len(second_part) == 1083
    recordings = {r.path: r for r in read_index(shared_data)}
    with_birds = {file for file in second_part if originals[file] in BIRDS_IN_NOISE}
    assert second_part - recordings.keys() == with_birds
    assert len(with_birds) == 5
    field_clips = [r for r in recordings.values() if r.species == NO_BIRD_HEARD]
    assert len(field_clips) == 93
    assert sum(r.xc != "" for r in field_clips) > 50  # their names look like it
    rates_hz = [r.native_hz for r in recordings.values() if r.path.name.startswith("noise2-")]
    assert min(rates_hz) == 8000
    assert rates_hz.count(16000) == 324 - 1  # one holds a bird
