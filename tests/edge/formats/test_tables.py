"""The text of each table format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from birdedge.edge.formats.tables import FORMATS, TABLE_NAMES, TableName
from tests.support.tables import FIRST, RECORDING, SECOND, TABLE_TEXTS


def test_there_is_an_expected_text_for_every_format() -> None:
    assert list(TABLE_TEXTS) == list(FORMATS)


@pytest.mark.parametrize("name", TABLE_NAMES)
def test_each_format_has_its_exact_suffix_header_and_lines(name: TableName) -> None:
    format = FORMATS[name]
    lines = format.event_lines(FIRST, RECORDING, 1, None, None) + format.event_lines(
        SECOND, RECORDING, 2, None, None
    )
    assert (format.suffix, format.header, lines) == TABLE_TEXTS[name]


def test_the_formats_do_not_load_numpy() -> None:
    code = "import sys, birdedge.edge.formats.tables; print('numpy' in sys.modules)"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
