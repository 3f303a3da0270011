"""`make` on a machine that lacks something."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.commands import ROOT


def test_a_missing_interpreter_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        ["make", "listen", "PYTHON=python-that-is-missing"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "There is no python-that-is-missing; run: sudo apt install python3 python3-venv" in done.stderr
