"""The page of the soak with viewers."""

from __future__ import annotations

import re

from benchmarks.studies.soak_viewers import Cost, ViewerFigures, viewers_page


def test_the_page_has_a_row_for_each_number_of_viewers() -> None:
    recorder: list[Cost] = [
        {"viewers": n, "max_resident_bytes": 100_000_000 + n, "cpu_s_per_s": 0.01 + n / 1000}
        for n in (0, 1, 10)
    ]
    companion: list[Cost] = [
        {"viewers": n, "max_resident_bytes": 40_000_000 + n, "cpu_s_per_s": n / 100} for n in (0, 1, 10)
    ]
    figures: ViewerFigures = {
        "heard_s": 299.5,
        "continuity": 299.5 / 300.0,
        "gaps": [("overrun", 0.5)],
        "overflows": 1,
        "recorder": recorder,
        "companion": companion,
    }
    page = viewers_page(figures, 5)
    assert "`python -m benchmarks.studies.soak_viewers --minutes 5`" in page
    assert "99.8333 %" in page
    assert "overrun, 0.500 s" in page
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)
    assert rows[-1] == ("10", "100.0 MB | 2.0 % | 40.0 MB | 10.0 %")
    assert [viewers for viewers, _ in rows] == ["0", "1", "10"]
