"""Installation, state and removal of the service on a machine whose systemd records its calls."""

import getpass
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from birdedge.edge.cli.service import service
from birdedge.edge.errors import ServiceError, SettingsError
from birdedge.edge.integrations.web_token import new_token, token_path
from birdedge.edge.recorder import companion_unit
from birdedge.edge.recorder.config import template
from birdedge.edge.recorder.systemd_unit import DATA_DIR, UNIT, unit_data_dir, unit_text

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


class Machine:
    """A fake systemctl, useradd and runuser that record their calls; runuser runs its command as the current user."""

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
    """Return the output and the exit code of a command; errors are raised."""
    result = CliRunner().invoke(service, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output, result.exit_code


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with systemd, on which the current user counts as root."""
    machine = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{machine.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return machine


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
    assert machine.config.read_text(encoding="utf-8") == template()
    assert machine.data_dir.is_dir()
    assert machine.data_dir.stat().st_mode & 0o777 == 0o750
    assert not machine.calls("useradd")


def test_the_companion_has_a_unit_of_its_own(machine):
    token_path(machine.config).parent.mkdir(exist_ok=True)
    new_token(token_path(machine.config))
    output, code = machine.install("--companion")
    assert code == 0
    assert f"shows {machine.data_dir}" in output
    unit = machine.folder / companion_unit.UNIT
    paths = (machine.executable, machine.config, machine.data_dir)
    assert unit.read_text(encoding="utf-8") == companion_unit.unit_text(*paths, getpass.getuser())
    assert machine.calls("systemctl")[-1] == f"systemctl restart {companion_unit.UNIT}"
    assert not machine.unit.exists()
    assert token_path(machine.config).stat().st_uid == os.getuid()
    output, _ = run("remove", "--companion", "--unit-dir", machine.folder)
    assert output.startswith(f"{companion_unit.UNIT}: removed")
    assert not unit.exists()


def test_the_token_of_the_companion_belongs_to_its_user(machine, monkeypatch):
    given = []
    monkeypatch.setattr(os, "chown", lambda path, *owner: given.append((path, *owner)))
    new_token(token_path(machine.config))
    machine.install("--companion")
    assert (token_path(machine.config), os.getuid(), os.getgid()) in given


def test_the_state_of_the_companion_is_shown(machine):
    machine.answers("running", "LoadState=not-found\n")
    assert run("status", "--companion") == (f"{companion_unit.UNIT}: not installed\n", 1)


def test_install_again_takes_new_options_and_keeps_configuration_and_data(machine):
    machine.config.write_text("model = 'birdedge-fp32'\n", encoding="utf-8")
    machine.data_dir.mkdir(mode=0o700)
    machine.install()
    machine.install("--out", machine.folder)
    assert unit_data_dir(machine.unit.read_text(encoding="utf-8")) == machine.folder
    assert machine.calls("systemctl")[-1] == f"systemctl restart {UNIT}"
    assert machine.config.read_text(encoding="utf-8") == "model = 'birdedge-fp32'\n"
    assert machine.data_dir.stat().st_mode & 0o777 == 0o700


def test_a_missing_user_is_created(machine):
    run("install", *machine.options, "--out", DATA_DIR, "--user", "birdedge-not-there")
    (made,) = machine.calls("useradd")
    assert "--system" in made
    assert made.endswith("--shell /usr/sbin/nologin birdedge-not-there")


def test_without_systemd_the_command_to_run_is_printed_and_nothing_changes(machine, monkeypatch):
    line = f"{machine.executable} listen --config {machine.config} --out {machine.data_dir}"
    machine.answers("offline")
    with pytest.raises(ServiceError, match=f"systemd does not run on this machine: .*{re.escape(line)}"):
        machine.install()
    monkeypatch.setenv("PATH", str(machine.folder))
    with pytest.raises(ServiceError, match=f"systemd does not run on this machine: .*{re.escape(line)}"):
        machine.install()
    assert not any(path.exists() for path in (machine.unit, machine.config, machine.data_dir))


def test_a_user_other_than_root_is_shown_the_command_with_sudo(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for command in (machine.install, lambda: run("remove", "--unit-dir", machine.folder)):
        with pytest.raises(ServiceError, match=r"only root .*: run sudo /"):
            command()
    assert not any(path.exists() for path in (machine.unit, machine.config, machine.data_dir))


def test_an_invalid_configuration_is_refused_before_anything_changes(machine):
    machine.config.write_text("modell = 'x'\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="did you mean 'model'"):
        machine.install()
    assert not machine.unit.exists()
    assert machine.calls("systemctl", "useradd", "runuser") == ["systemctl is-system-running"]


def test_a_missing_permission_of_the_user_is_reported_before_the_unit_is_written(machine):
    for call, may_not in (("--version", "run it"), ("test -r", "read it"), ("test -w", "write to it")):
        command = f"{machine.executable} {call}" if call == "--version" else call
        machine.fails(f"runuser -u {getpass.getuser()} -- {command}")
        with pytest.raises(ServiceError, match=rf"\(no luck\): user .* must be able to {may_not}"):
            machine.install()
    assert not machine.unit.exists()


def test_an_executable_in_a_private_home_is_reported(machine, monkeypatch):
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


def test_a_service_that_does_not_start_is_reported_and_restarted(machine):
    machine.fails("systemctl restart")
    with pytest.raises(
        ServiceError, match=r"\(no luck\): systemd keeps restarting it.* journalctl -u birdedge"
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
def test_status_is_one_line_with_exit_code_0_only_if_the_service_runs(machine, load, active, line, code):
    shown = f"LoadState={load}\nActiveState={active}\nSubState=running\nNRestarts=2\nStatusText=heard\n"
    machine.answers("degraded", shown + "StateChangeTimestamp=Mon 2026-11-23 05:18:47 UTC\n")
    output, ended = run("status")
    assert output.startswith(line)
    assert output.count("\n") == 1
    assert ended == code


def test_remove_stops_the_service_and_keeps_the_data(machine):
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


def test_a_service_that_is_not_installed_cannot_be_removed(machine):
    with pytest.raises(ServiceError, match="the service is not installed"):
        run("remove", "--unit-dir", machine.folder)
