"""The unit as systemd reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.recorder import companion_unit
from birdedge.edge.recorder.systemd_unit import CONFIG, DATA_DIR, unit_data_dir, unit_text

CHECKED = "checked.service"
HARD_PATHS = ["/srv/birds", "/srv/my birds", "/srv/100% of $HOME", '/srv/a "b" \\c', "/srv/größte/;#'x'"]


def analyzed(tmp_path, unit, *arguments):
    """Return the output of systemd-analyze for the unit, and its exit code."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze: apt install systemd")
    path = tmp_path / CHECKED
    path.write_text(unit, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", *arguments, path], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr, done.returncode


@pytest.fixture(params=[unit_text, companion_unit.unit_text], ids=["recorder", "companion"])
def made(request):
    """Both kinds of units."""
    return request.param


@pytest.fixture(params=["birdedge", "my $HOME 100% birds"])
def text(request, tmp_path, made):
    """A unit with plain paths, and one with paths that need quoting."""
    executable = tmp_path / request.param.replace("$", "") / "birdedge"
    executable.parent.mkdir()
    executable.write_text("#!/bin/sh\n", encoding="utf-8")
    executable.chmod(0o755)
    return made(executable, Path("/etc", request.param, "c.toml"), Path("/srv", request.param), "root")


def test_systemd_accepts_the_unit(tmp_path, text):
    said, code = analyzed(tmp_path, text, "verify", "--man=no")
    assert (code, [line for line in said.splitlines() if CHECKED in line]) == (0, [])


def test_systemd_reports_a_misspelt_directive(tmp_path, text):
    said, _ = analyzed(tmp_path, text.replace("LimitCORE=", "LimitCORES="), "verify", "--man=no")
    assert "LimitCORES" in said


def test_systemd_rates_the_exposure_of_the_unit_at_most_2_5(tmp_path, text):
    said, code = analyzed(tmp_path, text, "security", "--offline=yes", "--threshold=25", "--no-pager")
    if "--offline" in said:
        pytest.skip("needs systemd 250 or newer")
    assert code == 0, said[-200:]


@pytest.mark.parametrize("path", HARD_PATHS)
def test_the_data_folder_is_read_back_from_the_unit(path, made):
    unit = made(Path(path, "birdedge"), Path(path, "c.toml"), Path(path), "birdedge")
    assert unit_data_dir(unit) == Path(path)


@pytest.mark.parametrize("path", ["birds", "/srv/a\nUser=root", "/srv/\0"])
def test_a_relative_or_unprintable_path_is_refused(path, made):
    with pytest.raises(SettingsError, match="must be an absolute path of printable characters"):
        made(Path("/opt/birdedge"), CONFIG, Path(path), "birdedge")


def test_home_folders_are_visible_only_if_a_path_is_in_one(made):
    opt, home = Path("/opt/birdedge"), Path("/home/pi/birdedge")
    assert "ProtectHome=yes\n" in made(opt, CONFIG, DATA_DIR, "birdedge")
    for paths in ((home, CONFIG, DATA_DIR), (opt, home, DATA_DIR), (opt, CONFIG, home)):
        assert "ProtectHome=read-only\n" in made(*paths, "birdedge")


def test_systemd_creates_the_default_data_folder_and_another_may_be_missing():
    assert "StateDirectory=birdedge\n" in unit_text(Path("/opt/birdedge"), CONFIG, DATA_DIR, "birdedge")
    other = unit_text(Path("/opt/birdedge"), CONFIG, Path("/mnt/my birds"), "birdedge")
    assert 'ReadWritePaths="-/mnt/my birds"\n' in other
    assert "StateDirectory=birdedge\n" in other  # for data that cannot be stored there


def test_the_service_starts_after_its_data_drive_is_mounted_but_does_not_require_it():
    unit = unit_text(Path("/opt/birdedge"), CONFIG, Path("/media/../media/USB-1/my birds"), "birdedge")
    names = r"media.mount media-USB\x2d1.mount media-USB\x2d1-my\x20birds.mount"
    assert f"\nWants={names}\nAfter={names}\n" in unit
    directives = [line.partition("=")[0] for line in unit.splitlines()]
    assert not {"Requires", "RequiresMountsFor", "BindsTo"} & set(directives)


@pytest.mark.parametrize(
    "path", ["/mnt/my birds", "/media/pi/USB-1/.x", "/.hidden/\u00e4%b", "/mnt/b'i\"\\x"]
)
def test_mount_names_are_escaped_as_by_systemd(path):
    if shutil.which("systemd-escape") is None:
        pytest.skip("systemd-escape is missing: apt install systemd")
    command = ["systemd-escape", "--path", "--suffix=mount", path]
    expected = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    unit = unit_text(Path("/opt/birdedge"), CONFIG, Path(path), "birdedge")
    (after,) = (line for line in unit.splitlines() if line.startswith("Wants="))
    assert after.split()[-1] == expected


def test_the_companion_has_low_priority_and_never_writes_to_clips():
    unit = companion_unit.unit_text(Path("/opt/birdedge"), CONFIG, Path("/mnt/my birds"), "birdedge")
    directives = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and line[0] != "#")
    assert (
        directives["ExecStart"]
        == '"/opt/birdedge" serve --config "/etc/birdedge/config.toml" "/mnt/my birds"'
    )
    assert directives["ProtectSystem"] == "strict"
    assert directives["ReadWritePaths"] == '"-/mnt/my birds"'
    assert directives["ReadOnlyPaths"] == '"-/mnt/my birds/clips"'
    assert (directives["Nice"], directives["MemoryMax"]) == ("10", "300M")
    assert "Requires" not in directives
    assert directives["PrivateDevices"] == "yes"
