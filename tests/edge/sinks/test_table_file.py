"""Table files: exact content, complete or absent, and safe for any file name."""

from __future__ import annotations

import csv
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from birdedge.edge.errors import DeviceLostError, OutputError, SettingsError
from birdedge.edge.formats.raven import Recording
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.sinks.table_file import Table, combined_raven, holds_only
from tests.support.tables import FIRST, RAVEN_VIEW, RECORDING, SECOND, TABLE_TEXTS


def table(folder: Path, format: str = "csv", atomic: bool = True, force: bool = False) -> Table:
    return Table(folder, "dawn", format, file=RECORDING, atomic=atomic, force=force)


@contextmanager
def disk_of(free_bytes: int) -> Iterator[None]:
    """Limit files to `free_bytes`: a write across the limit is cut short, and the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("atomic", [True, False])
@pytest.mark.parametrize("format", TABLE_TEXTS)
def test_each_format_has_its_exact_file_name_and_content(tmp_path: Path, format: str, atomic: bool) -> None:
    suffix, header, lines = TABLE_TEXTS[format]
    with table(tmp_path / "new" / "folder", format, atomic) as written:
        written.write(FIRST)
        written.write(SECOND)
    assert written.path == tmp_path / "new" / "folder" / f"dawn{suffix}"
    assert written.path.read_bytes().decode() == header + lines
    assert list(written.path.parent.iterdir()) == [written.path]


@pytest.mark.parametrize("format", TABLE_TEXTS)
def test_a_recording_without_events_has_only_the_header(tmp_path: Path, format: str) -> None:
    with table(tmp_path, format) as written:
        pass
    assert written.path.read_text() == TABLE_TEXTS[format][1]


def test_a_combined_raven_table_has_cumulative_times_and_the_offset_in_each_file(tmp_path: Path) -> None:
    path = tmp_path / "all.selections.txt"
    combined_raven(
        path,
        [
            ("/a/1.wav", 60.0, [FIRST], None),
            ("/a/2.wav", 0.5, [], None),
            (Path("/a/3.wav"), 90.0, [SECOND], None),
        ],
    )
    assert path.read_text() == TABLE_TEXTS["raven"][1] + (
        f"1{RAVEN_VIEW}0.2560\t1.5000\t2031.2\t4156.3\t/a/1.wav\t0.2560\t1.wav\tbird\t0.872\t3000.0\t12.3\t412.5\t\n"
        f"2{RAVEN_VIEW}121.5000\t121.5400\t6968.8\t8031.2\t/a/3.wav\t61.0000\t3.wav\tbird\t1.000\t7500.0\t0.0\t3.5\t\n"
    )


def test_without_recordings_there_is_no_combined_table(tmp_path: Path) -> None:
    combined_raven(tmp_path / "all.selections.txt", [])
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_earlier_table_and_no_partial_file(tmp_path: Path) -> None:
    with table(tmp_path) as earlier:
        earlier.write(FIRST)

    def interrupted() -> None:
        with table(tmp_path, force=True) as later:
            later.write(SECOND)
            raise DeviceLostError("gone")

    with pytest.raises(DeviceLostError, match="gone"):
        interrupted()
    _, header, lines = TABLE_TEXTS["csv"]
    assert earlier.path.read_text() == header + lines.splitlines(keepends=True)[0]
    assert list(tmp_path.iterdir()) == [earlier.path]


def test_an_interrupted_combined_table_holds_the_finished_recordings(tmp_path: Path) -> None:
    def recordings() -> Iterator[Recording]:
        yield "1.wav", 60.0, [FIRST], None
        raise KeyboardInterrupt

    path = tmp_path / "all.selections.txt"
    with pytest.raises(KeyboardInterrupt):
        combined_raven(path, recordings())
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text().splitlines()[1:] == [
        f"1{RAVEN_VIEW}0.2560\t1.5000\t2031.2\t4156.3\t1.wav\t0.2560\t1.wav\tbird\t0.872\t3000.0\t12.3\t412.5\t"
    ]


def test_a_combined_table_is_numbered_unless_it_may_replace_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "all.selections.txt"
    for existing in ("number", "number", "replace"):
        combined_raven(path, [("/a/1.wav", 60.0, [FIRST], None)], existing)
    assert {path.name for path in tmp_path.iterdir()} == {"all.selections.txt", "all-2.selections.txt"}


def test_holds_only_reports_which_recordings_a_combined_table_holds(tmp_path: Path) -> None:
    path = tmp_path / "all.selections.txt"
    assert holds_only(path, [])
    combined_raven(path, [("/a/1.wav", 60.0, [FIRST], None), ("-2.wav", 60.0, [SECOND], None)])
    assert holds_only(path, ["/a/1.wav", "-2.wav", "/a/3.wav"])
    assert not holds_only(path, ["/a/1.wav"])
    path.write_text('"' + "a" * 200_000)
    assert not holds_only(path, ["/a/1.wav"])


@pytest.mark.parametrize("format", TABLE_TEXTS)
def test_a_live_event_is_in_the_file_when_write_returns(tmp_path: Path, format: str) -> None:
    suffix, header, lines = TABLE_TEXTS[format]
    live = table(tmp_path, format, atomic=False)
    assert (tmp_path / f"dawn{suffix}").read_text() == header
    live.write(FIRST)
    whole = (header + lines).splitlines(keepends=True)
    lines_per_event = 1 if format in ("csv", "jsonl", "raven") else 2
    assert live.path.read_text() == "".join(whole[: bool(header) + lines_per_event])
    live.close()


def test_a_second_close_does_nothing(tmp_path: Path) -> None:
    written = table(tmp_path)
    written.close()
    written.path.unlink()
    written.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("atomic", [True, False])
def test_a_folder_that_cannot_be_created_is_an_output_error(tmp_path: Path, atomic: bool) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(OutputError) as caught:
        table(tmp_path / "out", atomic=atomic)
    assert str(caught.value) == (
        f"{tmp_path / 'out' / 'dawn.csv'} cannot be written (File exists): "
        "name a folder that can be written to and has room"
    )


@pytest.mark.parametrize(("force", "problem"), [(False, "is a folder"), (True, "Is a directory")])
def test_a_table_whose_path_is_a_folder_is_an_output_error(tmp_path: Path, force: bool, problem: str) -> None:
    (tmp_path / "dawn.csv").mkdir()
    with pytest.raises(OutputError, match=problem), table(tmp_path, force=force):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["dawn.csv"]


def test_a_full_disk_leaves_no_atomic_table(tmp_path: Path) -> None:
    with (
        disk_of(100),
        pytest.raises(OutputError, match=r"dawn\.csv cannot be written"),
        table(tmp_path) as full,
    ):
        full.write(FIRST)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_complete_live_lines_and_the_event_can_be_written_later(tmp_path: Path) -> None:
    _, header, lines = TABLE_TEXTS["csv"]
    first, second = lines.splitlines(keepends=True)
    live = table(tmp_path, atomic=False)
    live.write(FIRST)
    with disk_of(len(header + first) + 10), pytest.raises(OutputError):
        live.write(SECOND)
    assert live.path.read_text() == header + first
    live.write(SECOND)
    live.close()
    assert live.path.read_text() == header + first + second


def test_the_error_for_an_unknown_format_lists_the_valid_ones(tmp_path: Path) -> None:
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
def test_a_combined_table_holds_a_recording_of_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "all.selections.txt"
    combined_raven(path, [(name, 60.0, [FIRST], None)])
    assert holds_only(path, [name])
    assert not holds_only(path, [f"other {name}"])


@pytest.mark.parametrize("name", [*ODD_NAMES, os.fsdecode(b"latin\xe9.wav")])
def test_any_file_name_gives_valid_tables(tmp_path: Path, name: str) -> None:
    for format in FORMATS:
        with Table(tmp_path, Path(name).stem, format, file=name, atomic=True) as written:
            written.write(FIRST)
        text = written.path.read_bytes().decode()
        if format == "raven":
            header, row = text.splitlines()
            assert [len(header.split("\t")), len(row.split("\t"))] == [16, 16]
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
