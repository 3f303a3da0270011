"""Installation, state and removal of the recorder as a systemd service."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from birdedge.edge.errors import ServiceError
from birdedge.edge.integrations.web_token import token_path
from birdedge.edge.recorder import companion_unit
from birdedge.edge.recorder.config import read_config, write_template
from birdedge.edge.recorder.systemd_unit import DATA_DIR, UNIT, memory_max_mb, unit_data_dir, unit_text
from birdedge.edge.system.atomic_file import output_errors, replacing

UNIT_DIR = Path("/etc/systemd/system")


def install(
    executable: Path,
    config: Path,
    data_dir: Path,
    user: str,
    unit_dir: Path = UNIT_DIR,
    *,
    companion: bool = False,
) -> None:
    """Write the unit, enable it at boot, and start or restart it.

    The user, the configuration and the data folder are created if they do not exist.

    Args:
        executable: The `birdedge` command.
        config: The configuration file.
        data_dir: The folder for results.
        user: The user of the service.
        unit_dir: The folder of systemd's units.
        companion: Whether the service is the companion instead of the recorder.

    Raises:
        ServiceError: systemd does not run, this process is not root, the user lacks a permission, or the service did
            not start.
        SettingsError: The configuration is wrong or needs too much memory, or a path is not allowed in a unit.
        ModelError: The model of the configuration cannot be used.
        OutputError: A file cannot be written.
    """
    if companion:
        name, unit = companion_unit.UNIT, companion_unit.unit_text(executable, config, data_dir, user)
        command = [str(executable), "serve", "--config", str(config), str(data_dir)]
    else:
        name, unit = UNIT, unit_text(executable, config, data_dir, user)
        command = [str(executable), "listen", "--config", str(config), "--out", str(data_dir)]
    _require_systemd(f"start `{shlex.join(command)}` by other means, such as @reboot in a crontab")
    _require_root()
    if config.exists() and companion:
        read_config(config)
    elif config.exists():
        from birdedge.edge.models.checked_model import check_model  # the other commands need no numpy
        from birdedge.edge.recorder.memory import check_memory

        settings = read_config(config)
        check_memory(settings, check_model(settings.model).card, memory_max_mb(len(settings.source)))
        unit = unit_text(executable, config, data_dir, user, len(settings.source))
    else:
        write_template(config)
        config.chmod(0o644)
    _make_user(user, data_dir)
    _make_data_dir(data_dir, user)
    _check_permissions(executable, config, data_dir, user)
    if companion and token_path(config).exists():
        _give(token_path(config), user)
    with replacing(unit_dir / name) as file:
        file.write(unit.encode())
    _run("systemctl", "daemon-reload")
    _run("systemctl", "enable", name)
    _run(
        "systemctl",
        "restart",
        name,
        fix=f"systemd keeps restarting it; see the cause with: journalctl -u {name}",
    )


def source_count(config: Path) -> int:
    """Return how many sources a configuration has, or will have.

    Raises:
        SettingsError: The configuration is wrong.
    """
    return max(1, len(read_config(config).source)) if config.exists() else 1


def status(unit: str = UNIT) -> tuple[bool, str]:
    """Return whether a service runs, and its state as one line.

    Raises:
        ServiceError: systemd does not run.
    """
    _require_systemd("query the program that started birdedge")
    names = ("LoadState", "ActiveState", "SubState", "NRestarts", "StateChangeTimestamp", "StatusText")
    shown = _run("systemctl", "show", unit, f"--property={','.join(names)}")
    state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if state.get("LoadState") == "not-found":
        return False, f"{unit}: not installed"
    line = f"{unit}: {state.get('ActiveState', 'unknown')} ({state.get('SubState', 'unknown')})"
    if since := state.get("StateChangeTimestamp"):
        line += f" since {since}"
    line += f", {state.get('NRestarts', '0')} restart(s)"
    if text := state.get("StatusText"):
        line += f": {text}"
    return state.get("ActiveState") in ("active", "reloading"), line


def remove(unit_dir: Path = UNIT_DIR, unit: str = UNIT) -> Path:
    """Stop a service and delete its unit.

    Returns:
        The data folder, which is kept.

    Raises:
        ServiceError: The service is not installed, this process is not root, or systemd does not run.
        OutputError: The unit cannot be deleted.
    """
    path = unit_dir / unit
    _require_systemd(f"there is no {unit} to remove")
    _require_root()
    if not path.exists():
        raise ServiceError(f"{path} does not exist: the service is not installed")
    data_dir = unit_data_dir(path.read_text(encoding="utf-8"))
    _run("systemctl", "disable", "--now", unit)
    with output_errors(path):
        path.unlink()
    _run("systemctl", "daemon-reload")
    return data_dir


def _require_systemd(instead: str) -> None:
    with suppress(FileNotFoundError):
        # The exit code is not 0 on a degraded system either, so only the printed state counts.
        asked = subprocess.run(
            ["systemctl", "is-system-running"], capture_output=True, text=True, check=False
        )
        if asked.stdout.strip() not in ("", "offline", "unknown"):
            return
    raise ServiceError(f"systemd does not run on this machine: {instead}")


def _require_root() -> None:
    if os.geteuid() != 0:
        command = shlex.join(["sudo", sys.executable, *sys.orig_argv[1:]])
        raise ServiceError(f"only root may change services: run {command}")


def _make_user(user: str, data_dir: Path) -> None:
    with suppress(KeyError):
        pwd.getpwnam(user)
        return
    home = ("--home-dir", str(data_dir), "--no-create-home", "--shell", "/usr/sbin/nologin")
    _run("useradd", "--system", "--user-group", *home, user)


def _make_data_dir(data_dir: Path, user: str) -> None:
    """Create the data folder for the user; systemd creates DATA_DIR, and an existing folder is not changed."""
    if data_dir == DATA_DIR or data_dir.exists():
        return
    with output_errors(data_dir):
        data_dir.mkdir(mode=0o750, parents=True)
    _give(data_dir, user)


def _give(path: Path, user: str) -> None:
    account = pwd.getpwnam(user)
    with suppress(PermissionError):  # FAT has no owners; access is checked later
        os.chown(path, account.pw_uid, account.pw_gid)


def _check_permissions(executable: Path, config: Path, data_dir: Path, user: str) -> None:
    """Check that the user can run, read and write what the service needs; else systemd would restart it endlessly."""
    needs = [
        (
            (str(executable), "--version"),
            "run it; install birdedge where all users can read, such as in /opt",
        ),
        (("test", "-r", str(config)), "read it; change its permissions"),
    ]
    if data_dir != DATA_DIR:
        needs.append(
            (
                ("test", "-w", str(data_dir)),
                "write to it; change its permissions, give another folder with --out",
            )
        )
    for command, need in needs:
        as_user = ("runuser", "-u", user, "--", *command)
        _run(*as_user, fix=f"user {user} must be able to {need}, or give another user with --user")


def _run(*command: str, fix: str = "fix the cause, then run this command again") -> str:
    """Return the standard output of a command.

    Raises:
        ServiceError: The command does not exist or failed; the message holds its standard error and `fix`.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ServiceError(f"{command[0]} was not found: add /usr/sbin to PATH, or install it") from None
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ServiceError(f"`{shlex.join(command)}` failed ({reason}): {fix}")
    return done.stdout
