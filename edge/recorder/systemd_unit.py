"""The systemd unit of the recorder."""

from __future__ import annotations

import os
import shlex
import string
from pathlib import Path

from birdedge.edge.errors import SettingsError

UNIT = "birdedge.service"
CONFIG = Path("/etc/birdedge/config.toml")
DATA_DIR = Path("/var/lib/birdedge")
UNIT_CHARACTERS = frozenset(string.ascii_letters + string.digits + ":_.")  # not escaped in the name of a unit
MEMORY_MAX_MB, SOURCE_MEMORY_MAX_MB = 300, 150  # for one source, and for each further one
HOMES = (Path("/home"), Path("/root"), Path("/run/user"))

# Some directives are left out on purpose:
# - DynamicUser=: years of recordings may be on a USB disk, and must belong to the same user after every start.
#   People read them as members of the user's group.
# - MemoryDenyWriteExecute=: libffi writes the code page of PortAudio's callback.
# - ProtectClock=: it also forbids reading whether the clock is synchronized. Without capabilities the service cannot
#   set the clock.
# - ProcSubset=pid: /proc/asound and /proc/cpuinfo are needed.
TEMPLATE = """\
# Written by `birdedge service install`, which overwrites it. Make changes with `systemctl edit {unit}`.
[Unit]
Description=birdedge bird sound recorder
After=sound.target
{mounts}# Restarts are not limited.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={executable} listen --config {config} --out {out}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=10
# Processed frames reset the watchdog, and so does waiting for a microphone or the schedule. A microphone that is open
# and delivers nothing does not. When the watchdog expires, the journal gets the traceback of each thread.
WatchdogSec=60
Environment=PYTHONFAULTHANDLER=1
LimitCORE=0
# A large database on a slow card is checked before the recorder is ready.
TimeoutStartSec=600
TimeoutStopSec=30
# Events go to the data folder. The journal gets log messages only, which spares the memory card.
StandardOutput=null
StandardError=journal

# Lost audio cannot be recovered, and the recorder needs little CPU time: it runs before other work.
Nice=-5
MemoryMax={memory_max_mb}M
TasksMax={tasks_max}

User={user}
SupplementaryGroups=audio
UMask=0027
{writable}
# The socket of the live view. The folder is kept for a companion that is still running.
RuntimeDirectory=birdedge
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=yes
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
# ALSA by its major number: its name is unknown until the first sound card is connected.
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


def memory_max_mb(sources: int) -> int:
    """Return the memory that the service of a recorder may use; 0 sources count as 1."""
    return MEMORY_MAX_MB + SOURCE_MEMORY_MAX_MB * max(0, sources - 1)


def unit_text(executable: Path, config: Path, data_dir: Path, user: str, sources: int = 1) -> str:
    """Return the unit, which may write to `data_dir` only and sees little of the rest of the machine.

    Args:
        executable: The `birdedge` command.
        config: The configuration file.
        data_dir: The folder for results.
        user: The user of the service.
        sources: The number of sources in the configuration.

    Raises:
        SettingsError: A path is not absolute, or has characters that a unit cannot hold.
    """
    require_unit_paths(executable, config, data_dir)
    # The state folder is DATA_DIR. It also takes what could not be stored in another folder.
    writable = "StateDirectory=birdedge\nStateDirectoryMode=0750"
    if data_dir != DATA_DIR:
        # The minus sign lets the service start without its disk.
        writable += f"\nReadWritePaths={quoted(f'-{data_dir}')}"
    return TEMPLATE.format(
        unit=UNIT,
        mounts=mount_lines(data_dir),
        memory_max_mb=memory_max_mb(sources),
        tasks_max=64 * max(1, sources),
        executable=quoted(str(executable)),
        config=quoted(str(config)).replace("$", "$$"),
        out=quoted(str(data_dir)).replace("$", "$$"),
        user=user,
        writable=writable,
        protect_home=protect_home(executable, config, data_dir),
    )


def require_unit_paths(*paths: Path) -> None:
    """Raise an error if a unit cannot hold a path.

    Raises:
        SettingsError: A path is not absolute, or has characters that a unit cannot hold.
    """
    for path in paths:
        if not path.is_absolute() or not str(path).isprintable():
            raise SettingsError(f"{str(path)!r} must be an absolute path of printable characters")


def protect_home(*paths: Path) -> str:
    """Return how much of the users' homes a service may see."""
    return "read-only" if any(path.is_relative_to(home) for path in paths for home in HOMES) else "yes"


def mount_lines(data_dir: Path) -> str:
    """Return the lines that start the service after the drive of its folder is mounted, if there is one.

    RequiresMountsFor= would not start the service without the drive, and would stop it when the drive is unplugged.
    """
    folder = Path(os.path.normpath(data_dir))
    parents = [path for path in (*reversed(folder.parents), folder) if path != path.parent]
    units = " ".join(_mount_unit(path) for path in parents)
    comment = "# Like RequiresMountsFor=, but listening starts without the drive, and continues when it is unplugged."
    return f"{comment}\nWants={units}\nAfter={units}\n"


def _mount_unit(path: Path) -> str:
    """Return the name of the unit that mounts a path, as `systemd-escape --path --suffix=mount` does."""
    text = "/".join(path.parts[1:])
    escaped = "".join(
        "-" if char == "/" else char if char in UNIT_CHARACTERS and (index or char != ".") else _hex(char)
        for index, char in enumerate(text)
    )
    return f"{escaped}.mount"


def _hex(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode())


def unit_data_dir(unit: str) -> Path:
    """Return the data folder of a unit that `unit_text` returned."""
    command = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    return Path(shlex.split(command)[-1].replace("$$", "$").replace("%%", "%"))


def quoted(word: str) -> str:
    """Return a word quoted as in systemd.syntax(7), with specifiers of systemd.unit(5) escaped."""
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'
