"""The options of the tests: `--fail-on-skip` and `--fewer-cases`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED_DATA = "@pytest.fixture\ndef shared_data(): pytest.skip('no recordings')\n"


def run(folder: Path, source: str, *options: str) -> str:
    """Return the closing lines of pytest on one file."""
    file = folder / "test_one.py"
    file.write_text(f"import pytest\n{source}", encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.support.skips",
            "-p",
            "tests.support.cases",
            "--rootdir",
            folder,
            *options,
            file,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


SKIPS = {
    "in the test": "def test_it(): pytest.skip('no sound server')",
    "in a fixture": "@pytest.fixture\ndef it(): pytest.skip('no sound server')\ndef test_it(it): pass",
    "by a mark": "@pytest.mark.skipif(True, reason='no sound server')\ndef test_it(): pass",
    "of the whole file": "pytest.skip('no sound server', allow_module_level=True)",
}


@pytest.mark.parametrize("source", SKIPS.values(), ids=SKIPS)
def test_a_skip_becomes_a_failure_with_its_reason(tmp_path: Path, source: str) -> None:
    assert "1 skipped" in run(tmp_path, source)
    printed = run(tmp_path, source, "--fail-on-skip")
    assert "no sound server" in printed
    assert "1 failed" in printed or "1 error" in printed


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        (SHARED_DATA + "def test_it(shared_data): pass", "1 skipped"),
        ("@pytest.mark.xfail\ndef test_it(): assert False", "1 xfailed"),
        ("@pytest.mark.xfail(run=False)\ndef test_it(): assert False", "1 xfailed"),
        ("def test_it(): pass", "1 passed"),
    ],
    ids=["without recordings", "expected failure", "expected failure that is not run", "pass"],
)
def test_other_outcomes_are_unchanged(tmp_path: Path, source: str, outcome: str) -> None:
    assert outcome in run(tmp_path, source, "--fail-on-skip")


def test_fewer_cases_are_the_first_and_the_last_of_each_test(tmp_path: Path) -> None:
    source = "@pytest.mark.parametrize('x', [0, 1, 1, 3, 4])\ndef test_it(x): assert x in (0, 4)\n"
    source += "def test_other(): pass\n"
    assert "3 failed, 3 passed" in run(tmp_path, source)
    assert "3 passed, 3 deselected" in run(tmp_path, source, "--fewer-cases")
