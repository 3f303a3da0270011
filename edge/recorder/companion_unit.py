"""The systemd unit of the companion: `birdedge serve`."""

from __future__ import annotations

from pathlib import Path

from birdedge.edge.recorder.systemd_unit import mount_lines, protect_home, quoted, require_unit_paths

UNIT = "birdedge-companion.service"
MEMORY_MAX_MB = 300  # 60 for the companion, and a process that makes a picture or sound from a clip

# Some directives are left out on purpose:
# - MemoryDenyWriteExecute=: libffi may write code pages for ctypes.
# - ProcSubset=pid: /proc/sys/kernel/random/boot_id shows whether a recorder is running.
TEMPLATE = """\
# Written by `birdedge service install --companion`, which overwrites it. Make changes with `systemctl edit {unit}`.
[Unit]
Description=birdedge dashboard, MQTT and alerts
After=network.target birdedge.service
{mounts}# Restarts are not limited.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={executable} serve --config {config} {out}
Restart=always
RestartSec=10
LimitCORE=0
TimeoutStopSec=10
StandardOutput=null
StandardError=journal

# The recorder has priority, and keeps its memory when this service needs too much; then a picture fails, not the
# service.
Nice=10
CPUWeight=20
IOWeight=20
MemoryMax={memory_max_mb}M
OOMPolicy=continue
TasksMax=64

User={user}
UMask=0027
# In a recorder's folder, the service writes labels and the progress of MQTT and alerts. It only reads the database and
# the clips.
StateDirectory=birdedge-companion
StateDirectoryMode=0750
ReadWritePaths={writable}
ReadOnlyPaths={clips}
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
SystemCallArchitectures=native
ProtectClock=yes
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
    """Return the unit, which may write only to `data_dir`, except its clips.

    Args:
        executable: The `birdedge` command.
        config: The configuration file.
        data_dir: The folder of a recorder, or a folder above several.
        user: The user of the service.

    Raises:
        SettingsError: A path is not absolute, or has characters that a unit cannot hold.
    """
    require_unit_paths(executable, config, data_dir)
    return TEMPLATE.format(
        unit=UNIT,
        mounts=mount_lines(data_dir),
        memory_max_mb=MEMORY_MAX_MB,
        executable=quoted(str(executable)),
        config=quoted(str(config)).replace("$", "$$"),
        out=quoted(str(data_dir)).replace("$", "$$"),
        user=user,
        # The minus sign lets the service start without the folder.
        writable=quoted(f"-{data_dir}"),
        clips=quoted(f"-{data_dir / 'clips'}"),
        protect_home=protect_home(executable, config, data_dir),
    )
