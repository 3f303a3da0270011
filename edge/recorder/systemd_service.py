"""birdedge as a systemd service: the unit, and to install, ask and remove it."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from birdedge.edge.errors import ServiceError, SettingsError
from birdedge.edge.recorder.config import read_config
from birdedge.edge.system.atomic_file import output_errors, replacing

UNIT = "birdedge.service"
UNIT_DIR = Path("/etc/systemd/system")
CONFIG = Path("/etc/birdedge/config.toml")
DATA_DIR = Path("/var/lib/birdedge")
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))

# A fixed user and not DynamicUser=: the sound lies where its owner wants it, such as on a USB disk, for years, and
# belongs to the same user after each start; people read it as members of the user's group.
# Not MemoryDenyWriteExecute=: PortAudio's callback is a page of code that libffi writes.
# Not ProtectClock=: it forbids to ask whether the clock is set, too. Without capabilities nobody can set it here.
# Not ProcSubset=pid: /proc/asound and /proc/cpuinfo are needed.
TEMPLATE = """\
# Written by `birdedge service install`, which overwrites it: put changes into `systemctl edit {unit}`.
[Unit]
Description=birdedge, which marks bird sound
After=sound.target
# It is started again for ever.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={executable} listen --config {config} --out {out}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=10
# Fed by processed frames only; at its end the journal gets each thread's traceback.
WatchdogSec=60
Environment=PYTHONFAULTHANDLER=1
LimitCORE=0
TimeoutStopSec=30
# Events go to the data folder; the journal holds what happened, and wears no memory card.
StandardOutput=null
StandardError=journal

# Sound is lost for good, and listening takes little: it goes before other work.
Nice=-5
MemoryMax=300M
TasksMax=64

User={user}
SupplementaryGroups=audio
UMask=0027
{writable}
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
# ALSA by number: its name is unknown until the first sound card is plugged in.
DevicePolicy=closed
DeviceAllow=char-116 rw
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallFilter=@system-service adjtimex clock_adjtime
SystemCallErrorNumber=EPERM
SystemCallArchitectures=native
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
RemoveIPC=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes

[Install]
WantedBy=multi-user.target
"""


def unit_text(executable: Path, config: Path, data_dir: Path, user: str) -> str:
    """The unit that listens for ever, may write `data_dir` and sees of the machine what it needs.

    Raises: SettingsError for a path that systemd could not take.
    """
    paths = (executable, config, data_dir)
    for path in paths:
        if not path.is_absolute() or not str(path).isprintable():
            raise SettingsError(f"{str(path)!r} cannot stand in a unit: give a whole path, from / on")
    at_home = any(path.is_relative_to(home) for path in paths for home in HOMES)
    # The minus: without its disk it listens all the same.
    writable = (
        "StateDirectory=birdedge\nStateDirectoryMode=0750"
        if data_dir == DATA_DIR
        else f"ReadWritePaths={_quoted(f'-{data_dir}')}"
    )
    return TEMPLATE.format(
        unit=UNIT,
        executable=_quoted(str(executable)),
        config=_quoted(str(config)).replace("$", "$$"),
        out=_quoted(str(data_dir)).replace("$", "$$"),
        user=user,
        writable=writable,
        protect_home="read-only" if at_home else "yes",
    )


def unit_data_dir(unit: str) -> Path:
    """The data folder that a `unit_text` names."""
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    return Path(shlex.split(command)[-1].replace("$$", "$").replace("%%", "%"))


def install(executable: Path, config: Path, data_dir: Path, user: str, unit_dir: Path = UNIT_DIR) -> None:
    """Write the unit, let it start at each boot, and start it now, or again with its new settings.

    A user, a configuration and a data folder that are not there are made.

    Raises:
        ServiceError: systemd does not run here, this is not root, the user lacks a permission, or it did not start.
        SettingsError: The configuration is wrong, or a path cannot stand in a unit.
        OutputError: A file cannot be written.
    """
    unit = unit_text(executable, config, data_dir, user)
    command = [str(executable), "listen", "--config", str(config), "--out", str(data_dir)]
    _require_systemd(f"start `{shlex.join(command)}` by other means, such as cron's @reboot")
    _require_root()
    if config.exists():
        read_config(config)
    else:
        with replacing(config) as file:
            file.write(b"# What is not set here is as `birdedge listen --help` says.\n")
        config.chmod(0o644)
    _make_user(user, data_dir)
    _make_data_dir(data_dir, user)
    _check_permissions(executable, config, data_dir, user)
    with replacing(unit_dir / UNIT) as file:
        file.write(unit.encode())
    _run("systemctl", "daemon-reload")
    _run("systemctl", "enable", UNIT)
    _run("systemctl", "restart", UNIT, mend=f"it is tried again for ever; see why with: journalctl -u {UNIT}")


def status() -> tuple[bool, str]:
    """Whether the service runs, and its state in a line.

    Raises: ServiceError where systemd does not run.
    """
    _require_systemd("ask what started birdedge here")
    names = ("LoadState", "ActiveState", "SubState", "NRestarts", "StateChangeTimestamp", "StatusText")
    shown = _run("systemctl", "show", UNIT, f"--property={','.join(names)}")
    state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if state.get("LoadState") == "not-found":
        return False, f"{UNIT}: not installed"
    line = f"{UNIT}: {state.get('ActiveState', 'unknown')} ({state.get('SubState', 'unknown')})"
    if since := state.get("StateChangeTimestamp"):
        line += f" since {since}"
    line += f", {state.get('NRestarts', '0')} restart(s)"
    if text := state.get("StatusText"):
        line += f": {text}"
    return state.get("ActiveState") in ("active", "reloading"), line


def remove(unit_dir: Path = UNIT_DIR) -> Path:
    """Stop the service and take its unit away; the data folder, which is returned, stays.

    Raises: ServiceError where there is none, this is not root or systemd does not run; OutputError.
    """
    path = unit_dir / UNIT
    _require_systemd(f"nothing starts {UNIT} here")
    _require_root()
    if not path.exists():
        raise ServiceError(f"there is no {path}: nothing is to be removed")
    data_dir = unit_data_dir(path.read_text(encoding="utf-8"))
    _run("systemctl", "disable", "--now", UNIT)
    with output_errors(path):
        path.unlink()
    _run("systemctl", "daemon-reload")
    return data_dir


def _quoted(word: str) -> str:
    """One word as a unit writes it: quoted as in systemd.syntax(7), without a specifier of systemd.unit(5)."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _require_systemd(instead: str) -> None:
    with suppress(FileNotFoundError):
        # Fails for a system that is degraded, too; what it prints tells.
        asked = subprocess.run(
            ["systemctl", "is-system-running"], capture_output=True, text=True, check=False
        )
        if asked.stdout.strip() not in ("", "offline", "unknown"):
            return
    raise ServiceError(f"systemd does not run here: {instead}")


def _require_root() -> None:
    if os.geteuid() != 0:
        again = shlex.join(["sudo", sys.executable, *sys.orig_argv[1:]])
        raise ServiceError(f"only root may change services: run {again}")


def _make_user(user: str, data_dir: Path) -> None:
    with suppress(KeyError):
        pwd.getpwnam(user)
        return
    home = ("--home-dir", str(data_dir), "--no-create-home", "--shell", "/usr/sbin/nologin")
    _run("useradd", "--system", "--user-group", *home, user)


def _make_data_dir(data_dir: Path, user: str) -> None:
    """The folder, which is the user's; systemd itself makes DATA_DIR, and one that is there stays as it is."""
    if data_dir == DATA_DIR or data_dir.exists():
        return
    with output_errors(data_dir):
        data_dir.mkdir(mode=0o750, parents=True)
    account = pwd.getpwnam(user)
    with suppress(PermissionError):  # FAT knows no owners; whether the user may write is asked next
        os.chown(data_dir, account.pw_uid, account.pw_gid)


def _check_permissions(executable: Path, config: Path, data_dir: Path, user: str) -> None:
    """What else systemd would find out, for ever."""
    needs = [
        ((str(executable), "--version"), "run it; install birdedge where all may read, such as in /opt"),
        (("test", "-r", str(config)), "read it; allow it"),
    ]
    if data_dir != DATA_DIR:
        needs.append((("test", "-w", str(data_dir)), "write to it; allow it, name another folder with --out"))
    for command, mend in needs:
        as_user = ("runuser", "-u", user, "--", *command)
        _run(*as_user, mend=f"user {user} must be able to {mend}, or give another user with --user")


def _run(*command: str, mend: str = "mend that, then run this command again") -> str:
    """What a command prints.

    Raises: ServiceError with its own words where it fails.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ServiceError(f"there is no {command[0]}: put /usr/sbin on PATH, or install it") from None
    if done.returncode:
        words = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ServiceError(f"`{shlex.join(command)}` failed ({words}): {mend}")
    return done.stdout
