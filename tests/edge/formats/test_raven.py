"""Raven selection tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from birdedge.edge.formats.raven import COLUMNS, HEADER, Recording, event_lines, sequence_lines
from tests.support.tables import FIRST, RAVEN_VIEW, SECOND


def test_times_of_a_file_sequence_are_cumulative_and_offsets_are_those_of_each_file() -> None:
    recordings: list[Recording] = [
        ("/a/1.wav", 60.0, [FIRST], 1_714_537_800.0),
        ("/a/2.wav", 0.5, [], None),
        (Path("/a/3.wav"), 90.0, [SECOND], None),
    ]
    assert list(sequence_lines(recordings)) == [
        HEADER,
        f"1{RAVEN_VIEW}0.2560\t1.5000\t2031.2\t4156.3\t/a/1.wav\t0.2560\t1.wav\tbird\t0.872\t3000.0\t12.3\t412.5\t2024-05-01T04:30:00.256Z\n",
        f"2{RAVEN_VIEW}121.5000\t121.5400\t6968.8\t8031.2\t/a/3.wav\t61.0000\t3.wav\tbird\t1.000\t7500.0\t0.0\t3.5\t\n",
    ]


def test_a_sequence_without_events_is_the_header_and_one_without_recordings_is_empty() -> None:
    assert list(sequence_lines([("/a/1.wav", 60.0, [], None)])) == [HEADER]
    assert list(sequence_lines([])) == []


@pytest.mark.parametrize(("channel", "view_channel"), [(None, "1"), (0, "1"), (1, "2"), (7, "8")])
def test_channels_count_from_1(channel: int | None, view_channel: str) -> None:
    lines = [
        event_lines(FIRST, "1.wav", 1, channel),
        list(sequence_lines([("1.wav", 9.0, [FIRST], None)], channel))[1],
    ]
    assert [line.split("\t")[2] for line in lines] == [view_channel] * 2


def test_a_recording_is_read_only_when_its_lines_are_due() -> None:
    def recordings() -> Iterator[Recording]:
        yield "1.wav", 60.0, [FIRST], None
        raise KeyboardInterrupt

    lines = sequence_lines(recordings())
    assert next(lines) == HEADER
    assert next(lines) == event_lines(FIRST, "1.wav", 1)
    with pytest.raises(KeyboardInterrupt):
        next(lines)


@pytest.mark.parametrize("name", ["tab\tline\nfeed\r\u2028.wav", "\x85.wav", "=1+1.wav", "my garden.wav"])
def test_an_odd_file_name_breaks_neither_a_cell_nor_a_line(name: str) -> None:
    (line,) = event_lines(FIRST, name, 1).splitlines()
    cells = line.split("\t")
    assert len(cells) == len(COLUMNS) == 16
    assert cells[7][0] not in "=-"
