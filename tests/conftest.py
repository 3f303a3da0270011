"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import (
    VirtualMicrophone,
    missing_packages,
    running_virtual_microphone,
)

pytest_plugins = ["tests.support.cases", "tests.support.skips"]

# Set before torch reads it. On shared cores the threads of small networks wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The tests do not use what `birdedge bench` chose on this machine.
os.environ["BIRDEDGE_CONFIG"] = os.devnull
# nohup, or a shell that starts the tests in the background, ignores these signals, and commands would inherit that.
for _number in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def virtual_microphone() -> Iterator[VirtualMicrophone]:
    """Return the virtual microphone that all tests share. A test must leave it unchanged."""
    with _running_virtual_microphone() as microphone:
        yield microphone


@pytest.fixture
def breakable_microphone() -> Iterator[VirtualMicrophone]:
    """Return a virtual microphone for one test that breaks it."""
    with _running_virtual_microphone() as microphone:
        yield microphone


@contextmanager
def _running_virtual_microphone() -> Iterator[VirtualMicrophone]:
    if missing := missing_packages():
        pytest.skip(f"a virtual microphone needs system packages: apt install {' '.join(missing)}")
    with running_virtual_microphone() as microphone:
        yield microphone


@pytest.fixture
def one_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluate at one level only: six take six times as long, and have tests of their own."""
    monkeypatch.setattr("birdedge.train.evaluation.level_robustness.LEVELS_DB", (0,))


@pytest.fixture
def shared_data() -> Path:
    """Return the folder of recordings for training, which are not part of the project."""
    data = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("needs ../shared/data next to the checkout")
    return data
