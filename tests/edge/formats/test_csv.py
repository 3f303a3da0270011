"""Tables of comma-separated values."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest

from birdedge.edge.formats.csv import event_lines, header
from tests.support.tables import FIRST


@pytest.mark.parametrize(
    "name",
    ["my garden.wav", 'a "quoted", name.wav', "chörus 鳥.wav", "tab\tline\nfeed\r\u2028.wav", "return\r.wav"],
)
def test_a_csv_reader_gets_the_file_name_back(name: str) -> None:
    (row,) = csv.DictReader(io.StringIO(header() + event_lines(FIRST, name, 1), newline=""))
    assert row["file"] == name
    assert float(row["onset_s"]) == 0.256
    assert len(row) == 11


@pytest.mark.parametrize("snr_db", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_empty_cells(snr_db: float) -> None:
    assert event_lines(replace(FIRST, snr_db=snr_db), "a.wav", 1).endswith(",412.5,,,\n")
