"""The examples on the page about large archives run as printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.archive.finish import finish
from tests.support.archives import do, plan, write_forest

PAGE = Path(__file__).parents[2] / "docs" / "archives.md"


def test_the_examples_for_duckdb_and_polars_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "forest").mkdir()
    manifest = plan(tmp_path / "forest-run", write_forest(tmp_path / "forest"))
    do(manifest)
    finish(manifest)
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        names: dict[str, Any] = {}
        exec(example, names)
    printed = capsys.readouterr().out
    assert "events_per_hour" in printed
    assert "onset_utc" in printed
