"""The system checks test folder, disk and permissions, and leave no file."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from birdedge.edge.diagnostics import system_checks
from birdedge.edge.diagnostics.system_checks import folder_checks, permission_check, write_bytes_per_s

NOBODY = 65_534


@contextmanager
def as_nobody():
    """Run without root's rights, which ignore permissions."""
    if os.getuid():
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def public_folder():
    """A folder that every user can enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_writable_folder_passes_and_stays_empty(tmp_path):
    checks = list(folder_checks(tmp_path))
    assert [check.name for check in checks] == ["folder", "disk space", "disk speed"]
    assert checks[0].state == "ok"
    assert write_bytes_per_s(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []


def test_for_a_missing_folder_its_nearest_parent_is_checked(tmp_path):
    first = next(iter(folder_checks(tmp_path / "a" / "b")))
    assert (first.state, first.finding) == ("ok", f"{tmp_path} is writable")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_another_user_fails_with_a_fix(public_folder):
    public_folder.chmod(0o555)
    with as_nobody():
        folder, disk = folder_checks(public_folder / "data")
    assert (folder.state, disk.state) == ("fail", "skip")
    assert "Permission denied" in folder.finding
    assert f"chown $USER {public_folder}" in folder.fix


def test_a_file_in_place_of_the_folder_fails(tmp_path):
    (tmp_path / "data").touch()
    assert "Not a directory" in next(iter(folder_checks(tmp_path / "data"))).finding


def test_audio_devices_without_permission_fail_and_the_fix_names_the_group(public_folder):
    (public_folder / "by-path").mkdir()
    for name in ("pcmC1D0c", "timer"):
        (public_folder / name).touch()
        (public_folder / name).chmod(0o666)
    with as_nobody():
        assert permission_check(public_folder).state == "ok"
    (public_folder / "pcmC1D0c").chmod(0)
    with as_nobody():
        check = permission_check(public_folder)
    assert check.state == "fail"
    assert "not use pcmC1D0c in" in check.finding
    assert "usermod -aG audio" in check.fix
    assert permission_check(public_folder / "none").state == "ok"


@pytest.mark.parametrize(
    ("synchronized", "chip", "state", "words"),
    [
        (True, False, "ok", "synchronized"),
        (None, False, "warn", "compare it with another clock"),
        (False, True, "warn", "kept by a clock chip"),
        (False, False, "warn", "set the clock by hand at each start: `sudo date --utc --set "),
    ],
)
def test_the_clock_check_says_what_to_do_without_a_network(
    monkeypatch: pytest.MonkeyPatch, synchronized: bool | None, chip: bool, state: str, words: str
) -> None:
    monkeypatch.setattr(system_checks, "clock_synchronized", lambda: synchronized)
    monkeypatch.setattr(system_checks, "clock_chip_agrees", lambda: chip)
    check = system_checks.clock_check()
    assert check.state == state
    assert words in f"{check.finding}; {check.fix}"
