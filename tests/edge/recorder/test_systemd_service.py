"""The unit as systemd reads it, and what install, status and remove ask of systemd."""

import getpass
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from birdedge.edge.cli.service import service
from birdedge.edge.errors import ServiceError, SettingsError
from birdedge.edge.recorder.systemd_service import CONFIG, DATA_DIR, UNIT, unit_data_dir, unit_text

FAKE = """\
#!/bin/sh
call="$(basename "$0") $*"
echo "$call" >> "{folder}/calls"
case "$call" in "$(cat "{folder}/fails")"*) echo "no luck" >&2; exit 3;; esac
case "$call" in
    "systemctl is-system-running") cat "{folder}/state"; exit 1;;
    "systemctl show"*) cat "{folder}/shown";;
    runuser*) shift 3; exec "$@";;
esac
"""
HARD_PATHS = ["/srv/birds", "/srv/my birds", "/srv/100% of $HOME", '/srv/a "b" \\c', "/srv/größte/;#'x'"]


class Machine:
    """systemctl, useradd and runuser that note how they are called; runuser runs its command as whoever tests."""

    def __init__(self, folder):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("systemctl", "useradd", "runuser"):
            (self.bin / name).write_text(FAKE.format(folder=folder), encoding="utf-8")
            (self.bin / name).chmod(0o755)
        self.fails("none")
        self.answers("running")
        self.executable = folder / "birdedge"
        self.executable.write_text("#!/bin/sh\n", encoding="utf-8")
        self.executable.chmod(0o755)
        self.config, self.data_dir, self.unit = (folder / name for name in ("c.toml", "birds", UNIT))
        self.options = ("--executable", self.executable, "--config", self.config, "--unit-dir", folder)

    def fails(self, call):
        (self.folder / "fails").write_text(call, encoding="utf-8")

    def answers(self, state, shown=""):
        (self.folder / "state").write_text(f"{state}\n", encoding="utf-8")
        (self.folder / "shown").write_text(shown, encoding="utf-8")

    def calls(self, *names):
        path = self.folder / "calls"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [line for line in lines if line.split()[0] in names]

    def install(self, *more):
        owner = ("--user", getpass.getuser())
        return run("install", *self.options, "--out", self.data_dir, *owner, *more)


def run(*arguments):
    """What a command prints and its exit code; an error is raised."""
    result = CliRunner().invoke(service, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output, result.exit_code


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with systemd, and root at it."""
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{machine.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return machine


def analyzed(tmp_path, unit, *arguments):
    """What systemd-analyze says of the unit, and its exit code."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze: apt install systemd")
    path = tmp_path / UNIT
    path.write_text(unit, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", *arguments, path], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr, done.returncode


@pytest.fixture(params=["birdedge", "my $HOME 100% birds"])
def text(request, tmp_path):
    """A unit whose paths are plain, and one whose are not."""
    executable = tmp_path / request.param.replace("$", "") / "birdedge"
    executable.parent.mkdir()
    executable.write_text("#!/bin/sh\n", encoding="utf-8")
    executable.chmod(0o755)
    return unit_text(executable, Path("/etc", request.param, "c.toml"), Path("/srv", request.param), "root")


def test_systemd_finds_no_fault_in_the_unit(tmp_path, text):
    said, code = analyzed(tmp_path, text, "verify", "--man=no")
    assert (code, [line for line in said.splitlines() if UNIT in line]) == (0, [])


def test_systemd_would_find_a_fault(tmp_path, text):
    said, _ = analyzed(tmp_path, text.replace("WatchdogSec=", "WatchdogSecs="), "verify", "--man=no")
    assert "WatchdogSecs" in said


def test_systemd_rates_the_unit_as_little_exposed(tmp_path, text):
    said, code = analyzed(tmp_path, text, "security", "--offline=yes", "--threshold=25", "--no-pager")
    if "--offline" in said:
        pytest.skip("needs systemd 250 or newer")
    assert code == 0, said[-200:]


@pytest.mark.parametrize("path", HARD_PATHS)
def test_the_data_folder_is_read_back_from_the_unit(path):
    unit = unit_text(Path(path, "birdedge"), Path(path, "c.toml"), Path(path), "birdedge")
    assert unit_data_dir(unit) == Path(path)


@pytest.mark.parametrize("path", ["birds", "/srv/a\nUser=root", "/srv/\0"])
def test_a_path_that_is_not_whole_or_not_one_line_is_refused(path):
    with pytest.raises(SettingsError, match="give a whole path"):
        unit_text(Path("/opt/birdedge"), CONFIG, Path(path), "birdedge")


def test_homes_are_seen_only_where_something_of_the_service_is_in_one():
    opt, home = Path("/opt/birdedge"), Path("/home/pi/birdedge")
    assert "ProtectHome=yes\n" in unit_text(opt, CONFIG, DATA_DIR, "birdedge")
    for paths in ((home, CONFIG, DATA_DIR), (opt, home, DATA_DIR), (opt, CONFIG, home)):
        assert "ProtectHome=read-only\n" in unit_text(*paths, "birdedge")


def test_the_default_data_folder_is_systemds_to_make_and_another_may_be_absent():
    assert "StateDirectory=birdedge\n" in unit_text(Path("/opt/birdedge"), CONFIG, DATA_DIR, "birdedge")
    other = unit_text(Path("/opt/birdedge"), CONFIG, Path("/mnt/my birds"), "birdedge")
    assert 'ReadWritePaths="-/mnt/my birds"\n' in other
    assert "StateDirectory" not in other


def test_print_prints_the_unit_and_changes_nothing(machine):
    output, code = machine.install("--print")
    assert code == 0
    assert output == unit_text(machine.executable, machine.config, machine.data_dir, getpass.getuser())
    assert not machine.calls("systemctl", "useradd", "runuser")
    assert not machine.unit.exists()


def test_install_writes_the_unit_and_starts_it(machine):
    output, code = machine.install()
    assert code == 0
    assert f"writes to {machine.data_dir}" in output
    unit = machine.unit.read_text(encoding="utf-8")
    assert unit == unit_text(machine.executable, machine.config, machine.data_dir, getpass.getuser())
    assert machine.calls("systemctl")[1:] == [
        "systemctl daemon-reload",
        f"systemctl enable {UNIT}",
        f"systemctl restart {UNIT}",
    ]
    assert machine.config.read_text(encoding="utf-8").startswith("#")
    assert machine.data_dir.is_dir()
    assert machine.data_dir.stat().st_mode & 0o777 == 0o750
    assert not machine.calls("useradd")


def test_install_again_takes_new_options_and_keeps_configuration_and_data(machine):
    machine.config.write_text("model = 'birdedge-fp32'\n", encoding="utf-8")
    machine.data_dir.mkdir(mode=0o700)
    machine.install()
    machine.install("--out", machine.folder)
    assert unit_data_dir(machine.unit.read_text(encoding="utf-8")) == machine.folder
    assert machine.calls("systemctl")[-1] == f"systemctl restart {UNIT}"
    assert machine.config.read_text(encoding="utf-8") == "model = 'birdedge-fp32'\n"
    assert machine.data_dir.stat().st_mode & 0o777 == 0o700


def test_a_user_who_is_not_there_is_made(machine):
    run("install", *machine.options, "--out", DATA_DIR, "--user", "birdedge-not-there")
    (made,) = machine.calls("useradd")
    assert "--system" in made
    assert made.endswith("--shell /usr/sbin/nologin birdedge-not-there")


def test_where_systemd_does_not_run_it_says_what_to_run_and_changes_nothing(machine, monkeypatch):
    line = f"{machine.executable} listen --config {machine.config} --out {machine.data_dir}"
    machine.answers("offline")
    with pytest.raises(ServiceError, match=f"systemd does not run here: .*{re.escape(line)}"):
        machine.install()
    monkeypatch.setenv("PATH", str(machine.folder))
    with pytest.raises(ServiceError, match=f"systemd does not run here: .*{re.escape(line)}"):
        machine.install()
    assert not any(path.exists() for path in (machine.unit, machine.config, machine.data_dir))


def test_who_is_not_root_is_told_the_line_with_sudo(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for command in (machine.install, lambda: run("remove", "--unit-dir", machine.folder)):
        with pytest.raises(ServiceError, match=r"only root .*: run sudo /"):
            command()
    assert not any(path.exists() for path in (machine.unit, machine.config, machine.data_dir))


def test_a_wrong_configuration_is_refused_before_anything_is_changed(machine):
    machine.config.write_text("modell = 'x'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="did you mean 'model'"):
        machine.install()
    assert not machine.unit.exists()
    assert machine.calls("systemctl", "useradd", "runuser") == ["systemctl is-system-running"]


def test_what_the_user_may_not_do_is_said_before_the_unit_is_written(machine):
    for call, may_not in (("--version", "run it"), ("test -r", "read it"), ("test -w", "write to it")):
        command = f"{machine.executable} {call}" if call == "--version" else call
        machine.fails(f"runuser -u {getpass.getuser()} -- {command}")
        with pytest.raises(ServiceError, match=rf"\(no luck\): user .* must be able to {may_not}"):
            machine.install()
    assert not machine.unit.exists()


def test_an_executable_in_a_closed_home_is_found_out(machine, monkeypatch):
    if os.getuid() != 0 or shutil.which("runuser", path="/usr/sbin:/sbin") is None:
        pytest.skip("needs root and runuser: only root can try what another user may do")
    (machine.bin / "runuser").unlink()
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin:/sbin")
    with tempfile.TemporaryDirectory(prefix="birdedge-") as name:
        home = Path(name)
        shutil.copy(machine.executable, home / "birdedge")
        paths = ("--executable", home / "birdedge", "--config", home / "c.toml", "--unit-dir", machine.folder)
        with pytest.raises(ServiceError, match=r"Permission denied.*user nobody must be able to run it"):
            run("install", *paths, "--user", "nobody")
        home.chmod(0o755)
        assert run("install", *paths, "--user", "nobody")[1] == 0
        with pytest.raises(ServiceError, match="user nobody must be able to write to it"):
            run("install", *paths, "--user", "nobody", "--out", home)


def test_a_service_that_does_not_start_is_told_and_tried_on(machine):
    machine.fails("systemctl restart")
    with pytest.raises(
        ServiceError, match=r"\(no luck\): it is tried again for ever.* journalctl -u birdedge"
    ):
        machine.install()
    assert machine.unit.exists()
    machine.fails("systemctl daemon-reload")
    with pytest.raises(ServiceError, match=r"`systemctl daemon-reload` failed \(no luck\)"):
        machine.install()


@pytest.mark.parametrize(
    ("load", "active", "line", "code"),
    [
        (
            "loaded",
            "active",
            f"{UNIT}: active (running) since Mon 2026-11-23 05:18:47 UTC, 2 restart(s): heard",
            0,
        ),
        ("loaded", "activating", f"{UNIT}: activating (running) since Mon", 1),
        ("loaded", "failed", f"{UNIT}: failed (running) since Mon", 1),
        ("not-found", "inactive", f"{UNIT}: not installed", 1),
    ],
)
def test_status_is_one_line_and_its_exit_code_0_only_where_it_runs(machine, load, active, line, code):
    shown = f"LoadState={load}\nActiveState={active}\nSubState=running\nNRestarts=2\nStatusText=heard\n"
    machine.answers("degraded", shown + "StateChangeTimestamp=Mon 2026-11-23 05:18:47 UTC\n")
    output, ended = run("status")
    assert output.startswith(line)
    assert output.count("\n") == 1
    assert ended == code


def test_remove_stops_the_service_and_leaves_the_data(machine):
    machine.install()
    before = len(machine.calls("systemctl"))
    output, code = run("remove", "--unit-dir", machine.folder)
    assert code == 0
    assert str(machine.data_dir) in output
    assert machine.data_dir.is_dir()
    assert not machine.unit.exists()
    calls = machine.calls("systemctl")[before + 1 :]
    assert calls == [f"systemctl disable --now {UNIT}", "systemctl daemon-reload"]


def test_a_service_that_cannot_be_stopped_stays_installed(machine):
    machine.install()
    machine.fails("systemctl disable")
    with pytest.raises(ServiceError, match="no luck"):
        run("remove", "--unit-dir", machine.folder)
    assert machine.unit.exists()


def test_what_is_not_installed_is_not_removed(machine):
    with pytest.raises(ServiceError, match="nothing is to be removed"):
        run("remove", "--unit-dir", machine.folder)
