"""The table of regions has one aligned line per region, with the decision."""

from birdedge.edge.formats.region_table import header, row
from tests.support.rejected import region


def test_a_region_is_a_line_with_its_class_its_history_and_the_decision() -> None:
    line = row(region(61.5, busy_10_s=0.3, busy_30_s=0.166, busy_60_s=0.0), "rejected: frog 0.60")
    assert line.split() == [
        *("01:01.500", "01:01.700", "2.0-3.0", "kHz", "0.10", "frog", "0.60", "30/17/0", "%", "4"),
        *("rejected:", "frog", "0.60"),
    ]


def test_columns_are_under_their_titles() -> None:
    titles = header()
    busiest = region(35_990.0, busy_10_s=1.0, busy_30_s=1.0, busy_60_s=1.0, sound_class="machine", alike=999)
    for line in (row(region(), "event"), row(busiest, "event")):
        assert line.index("event") == titles.index("decision")
        for title in ("onset", "offset", "band", "score", "alike", "busy 10/30/60 s"):
            end = titles.index(title) + len(title)
            assert line[end - 1] != " "
            assert line[end : end + 2] == "  "
    assert row(busiest, "event").lstrip().startswith("9:59:50.000  9:59:50.200")
