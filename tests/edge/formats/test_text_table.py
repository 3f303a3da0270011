"""The table on a terminal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from birdedge.edge.event import Event
from birdedge.edge.formats.text_table import header, row


def event(
    onset_s: float = 12.344, length_s: float = 0.52, score: float = 0.87, snr_db: float = 12.34
) -> Event:
    mask = np.zeros((1, 1), np.uint8)
    return Event(onset_s, onset_s + length_s, 2093.75, 4593.75, 3250.0, score, 400.0, snr_db, 0, 0, mask)


def test_header_and_rows_align_in_columns() -> None:
    assert [
        header(),
        row(event()),
        row(event(3723.5, 10.0, 1.0, -0.02)),
        row(event(0.0, 0.04, 0.5, 7.0)),
    ] == [
        "        onset    length            band       peak  score                 SNR",
        "    00:12.344    0.52 s     2.1-4.6 kHz   3.25 kHz  0.87 #########    12.3 dB",
        "  1:02:03.500   10.00 s     2.1-4.6 kHz   3.25 kHz  1.00 ##########    0.0 dB",
        "    00:00.000    0.04 s     2.1-4.6 kHz   3.25 kHz  0.50 #####         7.0 dB",
    ]


@pytest.mark.parametrize(
    ("onset_s", "clock"),
    [(59.9994, "00:59.999"), (59.9996, "01:00.000"), (3599.9996, "1:00:00.000"), (360000.0, "100:00:00.000")],
)
def test_the_clock_carries_into_minutes_and_hours(onset_s: float, clock: str) -> None:
    assert row(event(onset_s)).split()[0] == clock


@pytest.mark.parametrize("snr_db", [math.nan, math.inf])
def test_an_unknown_snr_is_a_dash(snr_db: float) -> None:
    assert row(event(snr_db=snr_db)).split()[-1] == "-"


def test_the_largest_values_stay_aligned_ascii_and_under_100_columns() -> None:
    mask = np.zeros((1, 1), np.uint8)
    widest = Event(3.5e6, 3.5e6 + 999.99, 10031.25, 15968.75, 12000.0, 1.0, 1e6, -99.9, 0, 0, mask)
    assert len(row(widest)) == len(header()) < 100
    assert row(widest).isascii()
