"""Fixtures that several folders of tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import (
    VirtualMicrophone,
    missing_packages,
    running_virtual_microphone,
)

# Before torch is there to read it: threads of small networks wait for one another where cores are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nor is what `birdedge bench` chose on this machine the tests' business.
os.environ["BIRDEDGE_CONFIG"] = os.devnull


@pytest.fixture(scope="session")
def virtual_microphone() -> Iterator[VirtualMicrophone]:
    """One virtual microphone for all tests; leave it as it was found."""
    with _running_virtual_microphone() as microphone:
        yield microphone


@pytest.fixture
def breakable_microphone() -> Iterator[VirtualMicrophone]:
    """A virtual microphone of its own for a test that breaks it."""
    with _running_virtual_microphone() as microphone:
        yield microphone


@contextmanager
def _running_virtual_microphone() -> Iterator[VirtualMicrophone]:
    if missing := missing_packages():
        pytest.skip(f"a virtual microphone needs more system packages: apt install {' '.join(missing)}")
    with running_virtual_microphone() as microphone:
        yield microphone


@pytest.fixture
def shared_data() -> Path:
    """The recordings to learn from, which are no part of the project."""
    data = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not data.is_dir():
        pytest.skip("needs ../shared/data beside the checkout")
    return data
