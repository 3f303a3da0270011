"""Audacity label tracks."""

from __future__ import annotations

from birdedge.edge.formats.audacity import event_lines
from tests.support.tables import FIRST


def test_an_event_is_a_label_line_and_a_band_line_for_any_file_and_number() -> None:
    text = "0.2560\t1.5000\tbird 0.872\n\\\t2031.2\t4156.3\n"
    assert event_lines(FIRST, "tab\tfeed\n.wav", 1) == event_lines(FIRST, "dawn.wav", 7) == text
