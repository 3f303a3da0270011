"""A file that `benchmarks/on_a_pi.sh` writes can be printed in the documentation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.studies import boards
from benchmarks.studies.boards import BoardFigures, boards_table, main, stored_boards
from tests.support.commands import ROOT

PI = "Raspberry Pi 4 Model B Rev 1.4"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the script writes into the working folder on this machine, as if it were a Raspberry Pi."""
    folder = tmp_path_factory.mktemp("board")
    vcgencmd = folder / "vcgencmd"
    vcgencmd.write_text("#!/bin/sh\necho throttled=0x50000\n", encoding="utf-8")
    vcgencmd.chmod(0o755)
    environment = {**os.environ, "PYTHON": sys.executable, "PATH": f"{folder}:{os.environ['PATH']}"}
    script = ["bash", str(ROOT / "benchmarks/on_a_pi.sh"), "--quick", "pi.json"]
    subprocess.run(script, cwd=folder, env=environment, check=True, timeout=120)
    figures = json.loads((folder / "pi.json").read_text(encoding="utf-8"))
    (folder / "pi.json").write_text(json.dumps({**figures, "board": PI}), encoding="utf-8")
    return folder / "pi.json"


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that adds a file and stores it in a separate folder; the documentation does not change."""
    monkeypatch.setattr(boards, "FOLDER", tmp_path / "boards")
    monkeypatch.setattr("benchmarks.studies.boards.subprocess.run", lambda *_, **__: None)

    def command(file: Path) -> Result:
        return CliRunner().invoke(main, ["add", str(file)])

    return command


def test_the_script_measures_the_pipeline_and_the_board(written: Path) -> None:
    figures: BoardFigures = json.loads(written.read_text(encoding="utf-8"))
    (model,) = figures["models"].values()
    stages = {stage: cost["median"] for stage, cost in model["stages_cpu_s_per_s"].items()}
    assert 0 < stages["network"] < stages["pipeline"] < 1
    assert figures["memory_bytes"] > 100e6
    assert [state["throttled"] for state in figures["health"].values()] == ["0x50000"] * 3
    assert figures["under_load"]["loaded"]["count"] == 5


def test_nothing_in_the_file_identifies_the_machine(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert f'"{os.uname().nodename}"' not in text
    assert str(Path.home()) not in text
    assert str(ROOT) not in text


def test_an_added_file_is_printed(written: Path, add: Any) -> None:
    assert add(written).exit_code == 0
    (stored,) = stored_boards()
    table = boards_table([stored])
    network_ms = 1e3 * stored["models"]["birdedge-int8"]["stages_cpu_s_per_s"]["network"]["median"]
    assert f"| {PI} | `birdedge-int8` | {network_ms:.2f} (" in table
    assert "throttling flags 0x50000" in table
    assert stored["circumstances"]["commit"] in table


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "was not written by benchmarks/on_a_pi.sh"),
        ("[]", "was not written by benchmarks/on_a_pi.sh"),
        ('{"board": "Pi"}', "KeyError: 'models'"),
    ],
)
def test_a_file_of_another_kind_is_an_error(text: str, message: str, add: Any, tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text(text, encoding="utf-8")
    outcome = add(file)
    assert outcome.exit_code == 1
    assert message in outcome.output
    assert stored_boards() == []


def test_a_machine_that_is_not_a_board_is_not_added(written: Path, add: Any, tmp_path: Path) -> None:
    file = tmp_path / "server.json"
    figures = json.loads(written.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**figures, "board": None}), encoding="utf-8")
    assert "does not name its board" in add(file).output
    assert stored_boards() == []


def test_without_a_measured_board_a_sentence_says_so() -> None:
    assert boards_table([]).startswith("No Raspberry Pi has been measured yet.")
