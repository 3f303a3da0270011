"""`.ci/run` lets a test be skipped only with CI_OPTIONAL=1."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import ROOT

MAKE = '#!/bin/sh\necho "make $*" >> "$CALLS"\nmkdir -p .venv/bin && ln -sf /bin/true .venv/bin/python\n'
INSTALLED = "#!/bin/sh\nprintf installed\n"
SETUP_FAILS = "exit 1\n"


def calls(folder: Path, optional: str, arm: str = "") -> tuple[int, list[str]]:
    """Run a copy of .ci/run in which every tool only records its calls; return the exit code and the calls."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci")
    tools = folder / "tools"
    tools.mkdir()
    for name, text in (("make", MAKE), ("dpkg-query", INSTALLED)):
        (tools / name).write_text(text, encoding="utf-8")
        (tools / name).chmod(0o755)
    for script, text in (("tests/aarch64/setup.sh", arm), ("tests/installs.sh", ""), ("tests/sbom.sh", "")):
        (folder / script).parent.mkdir(parents=True, exist_ok=True)
        (folder / script).write_text(text, encoding="utf-8")
    log = folder / "calls"
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "CALLS": str(log),
        "CI_OPTIONAL": optional,
    }
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=folder, env=environment, capture_output=True, timeout=60, check=False
    )
    return done.returncode, log.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("optional", "fails_on_skip"), [("", True), ("0", True), ("1", False)])
def test_a_skip_fails_every_pytest_run_unless_ci_optional_is_set(
    tmp_path: Path, optional: str, fails_on_skip: bool
) -> None:
    code, made = calls(tmp_path, optional)
    assert code == 0
    tests = [line for line in made if "test" in line]
    assert len(tests) == 2
    assert all(("ARGS=--fail-on-skip" in line) == fails_on_skip for line in tests)


@pytest.mark.parametrize(("optional", "code"), [("", 1), ("1", 0)])
def test_a_failed_setup_fails_the_run_unless_ci_optional_is_set(
    tmp_path: Path, optional: str, code: int
) -> None:
    assert calls(tmp_path, optional, SETUP_FAILS)[0] == code
