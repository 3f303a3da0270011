"""Tables: the exact text of each format, whole or not at all, and names that do no harm."""

from __future__ import annotations

import csv
import json
import math
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.errors import DeviceLostError, OutputError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.sinks.table_file import FORMATS, Table, combined_raven, event_json
from birdedge.edge.system.atomic_file import unique_stems

FIRST = Event(
    0.256, 1.5, 2031.25, 4156.3, 3000.0, 0.87249, 412.5, 12.34, 32, 32, np.zeros((156, 34), np.uint8)
)
SECOND = Event(61.0, 61.04, 6968.75, 8031.25, 7500.0, 1.0, 3.5, -0.04, 7625, 111, np.zeros((5, 17), np.uint8))

VIEW = "\tSpectrogram 1\t1\t"
TEXTS = {
    "raven": (
        ".selections.txt",
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
        "\tBegin Path\tFile Offset (s)\tScore\tPeak Freq (Hz)\tSNR (dB)\tArea (Hz s)\n",
        f"1{VIEW}0.2560\t1.5000\t2031.2\t4156.3\t/a/dawn.wav\t0.2560\t0.872\t3000.0\t12.3\t412.5\n"
        f"2{VIEW}61.0000\t61.0400\t6968.8\t8031.2\t/a/dawn.wav\t61.0000\t1.000\t7500.0\t0.0\t3.5\n",
    ),
    "audacity": (
        ".labels.txt",
        "",
        "0.2560\t1.5000\tbird 0.872\n\\\t2031.2\t4156.3\n61.0000\t61.0400\tbird 1.000\n\\\t6968.8\t8031.2\n",
    ),
    "csv": (
        ".csv",
        "file,onset_s,offset_s,low_hz,high_hz,peak_hz,score,area_hz_s,snr_db\n",
        "/a/dawn.wav,0.2560,1.5000,2031.2,4156.3,3000.0,0.872,412.5,12.3\n"
        "/a/dawn.wav,61.0000,61.0400,6968.8,8031.2,7500.0,1.000,3.5,0.0\n",
    ),
    "jsonl": (
        ".jsonl",
        "",
        '{"file": "/a/dawn.wav", "onset_s": 0.256, "offset_s": 1.5, "low_hz": 2031.2, "high_hz": 4156.3, '
        '"peak_hz": 3000.0, "score": 0.872, "area_hz_s": 412.5, "snr_db": 12.3}\n'
        '{"file": "/a/dawn.wav", "onset_s": 61.0, "offset_s": 61.04, "low_hz": 6968.8, "high_hz": 8031.2, '
        '"peak_hz": 7500.0, "score": 1.0, "area_hz_s": 3.5, "snr_db": 0.0}\n',
    ),
}


def table(folder: Path, format: str = "csv", atomic: bool = True, file: str = "/a/dawn.wav") -> Table:
    return Table(folder, "dawn", format, file=file, atomic=atomic)


@contextmanager
def disk_of(free_bytes: int) -> Iterator[None]:
    """No file may grow beyond `free_bytes`: a write across the limit is cut short, the next fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("format", TEXTS)
def test_each_format_is_written_to_the_letter(tmp_path: Path, format: str, atomic: bool) -> None:
    suffix, header, lines = TEXTS[format]
    with table(tmp_path / "new" / "folder", format, atomic) as written:
        written.write(FIRST)
        written.write(SECOND)
    assert written.path == tmp_path / "new" / "folder" / f"dawn{suffix}"
    assert written.path.read_bytes().decode() == header + lines
    assert list(written.path.parent.iterdir()) == [written.path]


def test_there_is_a_text_for_every_format() -> None:
    assert list(TEXTS) == list(FORMATS)


@pytest.mark.parametrize("format", TEXTS)
def test_a_recording_without_events_gives_the_header_alone(tmp_path: Path, format: str) -> None:
    with table(tmp_path, format) as written:
        pass
    assert written.path.read_text() == TEXTS[format][1]


def test_a_raven_table_of_two_files_runs_on_in_time_and_says_where_in_which_file(tmp_path: Path) -> None:
    path = tmp_path / "all.selections.txt"
    combined_raven(
        path, [("/a/1.wav", 60.0, [FIRST]), ("/a/2.wav", 0.5, []), (Path("/a/3.wav"), 90.0, [SECOND])]
    )
    assert path.read_text() == TEXTS["raven"][1] + (
        f"1{VIEW}0.2560\t1.5000\t2031.2\t4156.3\t/a/1.wav\t0.2560\t0.872\t3000.0\t12.3\t412.5\n"
        f"2{VIEW}121.5000\t121.5400\t6968.8\t8031.2\t/a/3.wav\t61.0000\t1.000\t7500.0\t0.0\t3.5\n"
    )


@pytest.mark.parametrize("snr_db", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null_in_json_and_an_empty_cell_elsewhere(
    tmp_path: Path, snr_db: float
) -> None:
    event = replace(FIRST, snr_db=snr_db)
    assert json.loads(event_json(event, "a.wav"))["snr_db"] is None
    with table(tmp_path) as written:
        written.write(event)
    assert written.path.read_text().splitlines()[1].endswith(",412.5,")


def test_numpy_numbers_are_written_like_any_other() -> None:
    event = replace(FIRST, score=np.float32(0.87249), low_hz=np.float64(2031.25))
    assert event_json(event, "a.wav") == event_json(FIRST, "a.wav")


def test_an_error_leaves_the_earlier_table_and_nothing_half_written(tmp_path: Path) -> None:
    with table(tmp_path) as earlier:
        earlier.write(FIRST)

    def interrupted() -> None:
        with table(tmp_path) as later:
            later.write(SECOND)
            raise DeviceLostError("gone")

    with pytest.raises(DeviceLostError, match="gone"):
        interrupted()
    assert earlier.path.read_text() == TEXTS["csv"][1] + TEXTS["csv"][2].splitlines(keepends=True)[0]
    assert list(tmp_path.iterdir()) == [earlier.path]


def test_an_error_leaves_no_half_written_combined_table(tmp_path: Path) -> None:
    def recordings() -> Iterator[tuple[str, float, list[Event]]]:
        yield "1.wav", 60.0, [FIRST]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        combined_raven(tmp_path / "all.selections.txt", recordings())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", TEXTS)
def test_a_live_event_is_in_the_file_when_write_returns(tmp_path: Path, format: str) -> None:
    suffix, header, lines = TEXTS[format]
    live = table(tmp_path, format, atomic=False)
    assert (tmp_path / f"dawn{suffix}").read_text() == header
    live.write(FIRST)
    whole = (header + lines).splitlines(keepends=True)
    events_written = 1 if format in ("csv", "jsonl", "raven") else 2  # lines of one event
    assert live.path.read_text() == "".join(whole[: bool(header) + events_written])
    live.close()


def test_closing_twice_does_nothing_more(tmp_path: Path) -> None:
    written = table(tmp_path)
    written.close()
    written.path.unlink()
    written.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("atomic", [True, False])
def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, atomic: bool) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(OutputError) as caught:
        table(tmp_path / "out", atomic=atomic)
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'dawn.csv'} cannot be written (File exists): "
        "name a folder that can be written to and has room"
    )


@pytest.mark.parametrize("atomic", [True, False])
def test_a_table_whose_name_is_a_folder_is_an_output_error(tmp_path: Path, atomic: bool) -> None:
    (tmp_path / "dawn.csv").mkdir()
    with pytest.raises(OutputError, match="Is a directory"), table(tmp_path, atomic=atomic):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["dawn.csv"]


def test_a_full_disk_leaves_no_archive_table(tmp_path: Path) -> None:
    with (
        disk_of(100),
        pytest.raises(OutputError, match=r"dawn\.csv cannot be written"),
        table(tmp_path) as full,
    ):
        full.write(FIRST)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_whole_live_lines_and_the_next_event_fits_again(tmp_path: Path) -> None:
    _, header, lines = TEXTS["csv"]
    first, second = lines.splitlines(keepends=True)
    live = table(tmp_path, atomic=False)
    live.write(FIRST)
    with disk_of(len(header + first) + 10), pytest.raises(OutputError):
        live.write(SECOND)
    assert live.path.read_text() == header + first
    live.write(SECOND)
    live.close()
    assert live.path.read_text() == header + first + second


def test_an_unknown_format_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'xls' is unknown: use one of raven, audacity, csv, jsonl"):
        table(tmp_path, "xls")


ODD_NAMES = [
    "my garden.wav",
    "a.b.c.wav",
    "chörus 鳥.wav",
    "=starts.wav",
    "-1.wav",
    "tab\tline\nfeed\r\u2028.wav",
]


@pytest.mark.parametrize("name", [*ODD_NAMES, os.fsdecode(b"latin\xe9.wav")])
def test_an_odd_name_breaks_no_table(tmp_path: Path, name: str) -> None:
    for format in FORMATS:
        with Table(tmp_path, Path(name).stem, format, file=name, atomic=True) as written:
            written.write(FIRST)
        text = written.path.read_bytes().decode()
        if format == "raven":
            header, row = text.splitlines()
            assert [len(header.split("\t")), len(row.split("\t"))] == [13, 13]
            assert row.split("\t")[7][0] not in "=-"
        if format == "csv":
            with written.path.open(newline="") as file:
                (event,) = csv.DictReader(file)
            assert event["file"] == {"=starts.wav": "./=starts.wav", "-1.wav": "./-1.wav"}.get(
                name, name.encode(errors="backslashreplace").decode()
            )
            assert float(event["onset_s"]) == 0.256
        if format == "jsonl":
            assert text.isascii()
            assert json.loads(text)["file"] == name
    assert len(list(tmp_path.iterdir())) == 4


def stems(*paths: str) -> dict[str, str]:
    return {str(path): stem for path, stem in unique_stems(map(Path, paths)).items()}


def test_a_recording_keeps_its_stem_where_no_other_has_it() -> None:
    assert stems("north/dawn.wav", "south/dusk.flac", "a.b.wav") == {
        "north/dawn.wav": "dawn",
        "south/dusk.flac": "dusk",
        "a.b.wav": "a.b",
    }


def test_equal_stems_are_told_apart_by_as_many_folders_as_it_takes() -> None:
    assert stems("/p/1/north/dawn.wav", "/p/2/north/dawn.wav", "/p/2/south/DAWN.wav", "/p/noon.wav") == {
        "/p/1/north/dawn.wav": "1_north_dawn",
        "/p/2/north/dawn.wav": "2_north_dawn",
        "/p/2/south/DAWN.wav": "south_DAWN",
        "/p/noon.wav": "noon",
    }


def test_equal_stems_of_one_folder_keep_their_suffix() -> None:
    assert stems("p/dawn.wav", "p/dawn.flac") == {"p/dawn.wav": "dawn.wav", "p/dawn.flac": "dawn.flac"}


def test_a_recording_given_twice_is_named_once() -> None:
    assert stems("p/dawn.wav", "p/../p/dawn.wav") == {"p/dawn.wav": "dawn"}


def test_recordings_that_cannot_be_told_apart_are_an_error() -> None:
    with pytest.raises(SettingsError, match=r"/p/dawn\.wav and /p/Dawn\.wav would both be written as"):
        stems("/p/dawn.wav", "/q/x.wav", "/p/Dawn.wav")
