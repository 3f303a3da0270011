"""Board sensors, as reported by the kernel's files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from birdedge.edge.system.board_health import free_mb, temperature_c, throttled


def test_the_temperature_is_in_degrees_celsius(tmp_path: Path) -> None:
    (tmp_path / "temp").write_text("48312\n")
    assert temperature_c(tmp_path / "temp") == 48.312


@pytest.mark.parametrize(
    ("bits", "slowed"), [("0\n", False), ("1\n", True), ("4\n", True), ("50000\n", False), ("50005\n", True)]
)
def test_the_board_is_throttled_if_a_current_bit_is_set_and_not_if_only_a_past_one_is(
    tmp_path: Path, bits: str, slowed: bool
) -> None:
    (tmp_path / "throttled").write_text(bits)
    assert throttled(tmp_path / "throttled") is slowed


@pytest.mark.parametrize("text", [None, "", "warm"])
def test_a_missing_or_unreadable_sensor_is_none(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "sensor"
    if text is not None:
        path.write_text(text)
    assert temperature_c(path) is None
    assert throttled(path) is None


def test_free_space_is_measured_on_the_disk_of_the_folder_and_none_if_it_is_missing(tmp_path: Path) -> None:
    assert free_mb(tmp_path) == pytest.approx(shutil.disk_usage(tmp_path).free / 1e6, abs=200)
    assert free_mb(tmp_path / "none") is None
