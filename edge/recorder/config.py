"""The configuration of the recorder: one TOML file.

Options of the command line take precedence over the file, and the file over the defaults.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tomllib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from birdedge.edge.clips.settings import ClipSettings, PrivacySettings, RetentionSettings
from birdedge.edge.errors import SettingsError
from birdedge.edge.formats.tables import TABLE_NAMES, TableName
from birdedge.edge.integrations.alerts import AlertSettings, TargetSettings, check_alerts
from birdedge.edge.integrations.mqtt import MqttSettings
from birdedge.edge.integrations.web import WebSettings
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.recorder.schedule import ScheduleSettings
from birdedge.edge.recorder.source_settings import SourceSettings, check_sources
from birdedge.edge.settings import from_table
from birdedge.edge.system.atomic_file import Existing, output_errors, replacing

MAX_GAIN_DB = 60.0
MAX_COMMIT_S = 600.0


@dataclass(frozen=True)
class Config:
    """The settings of a recorder.

    Raises:
        SettingsError: A value is out of range.
    """

    site: str = ""
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    device: str | None = None  # part of the microphone's name; None: the system's microphone
    sample_rate_hz: int | None = None  # None: the microphone's own
    channels: int = 1
    channel: int | None = None  # None: the mean of all
    gain_db: float = 0.0  # amplifies all audio; detection does not depend on it
    model: str = DEFAULT_MODEL
    min_score: float | None = None  # None: the model's own
    tables: tuple[TableName, ...] = TABLE_NAMES  # written next to the database
    denoised: str | None = None  # .wav or .flac file for the denoised audio, or - for standard output
    commit_s: float = 1.0  # the longest time that a power cut loses; a longer time spares an SD card
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    clips: ClipSettings = field(default_factory=ClipSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)
    source: tuple[SourceSettings, ...] = ()  # several, each with its own folder; () for one without
    web: WebSettings = field(default_factory=WebSettings)  # for the companion, like the fields below
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    alert: tuple[AlertSettings, ...] = ()
    target: tuple[TargetSettings, ...] = ()  # the targets of alerts

    def __post_init__(self) -> None:
        for name, limit in (("latitude_deg", 90), ("longitude_deg", 180)):
            value = getattr(self, name)
            if value is not None and not -limit <= value <= limit:
                raise SettingsError(f"{name} is {value}; it must lie in -{limit}..{limit}")
        if not abs(self.gain_db) <= MAX_GAIN_DB:
            raise SettingsError(
                f"gain_db is {self.gain_db}; it must lie in -{MAX_GAIN_DB:g}..{MAX_GAIN_DB:g}"
            )
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise SettingsError(f"min_score is {self.min_score}; it must lie in 0..1")
        if self.denoised not in (None, "-") and Path(self.denoised).suffix.lower() not in (".wav", ".flac"):
            raise SettingsError(
                f"denoised is {self.denoised!r}; name a .wav or .flac file, or - for raw PCM on standard output"
            )
        if self.denoised is not None and self.privacy.speech != "keep":
            raise SettingsError(
                f"the denoised audio may hold speech, and speech is {self.privacy.speech!r}: leave out denoised, or "
                'set speech to "keep"'
            )
        check_alerts(self.alert, self.target, has_broker=bool(self.mqtt.host))
        check_sources(self.source)
        if self.source and self.denoised is not None:
            raise SettingsError(
                f"denoised is {self.denoised!r}, and there are several sources; leave it out, or set denoised under "
                "[clips]"
            )
        if not 0.1 <= self.commit_s <= MAX_COMMIT_S:
            raise SettingsError(f"commit_s is {self.commit_s}; it must lie in 0.1..{MAX_COMMIT_S:g}")


def source_config(config: Config, name: str) -> Config:
    """Return the configuration of one of several sources.

    Raises:
        SettingsError: There is no source with that name, or its settings contradict the common ones.
    """
    source = next((source for source in config.source if source.name == name), None)
    if source is None:
        raise SettingsError(f"the configuration has no source {name!r} any more")
    return replace(config, source=(source,), **source.own)  # type: ignore[arg-type]


def default_config_path() -> Path:
    """Return the file that BIRDEDGE_CONFIG names, or `config.toml` in the user's configuration folder."""
    return Path(os.environ.get("BIRDEDGE_CONFIG") or user_config_dir() / "config.toml")


def user_config_dir() -> Path:
    """Return the folder for the user's configuration of birdedge, by the convention of the platform."""
    # Path.home() raises for a user without a home, and a relative path would lie in the current folder.
    home = Path("/", os.path.expanduser("~"))  # noqa: PTH111
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home, "birdedge")
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "birdedge"
    return Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "birdedge")


def read_config(path: Path | None = None) -> Config:
    """Return the configuration in a file; without `path` the user's own, or the defaults if there is none.

    Raises:
        SettingsError: The file does not exist or cannot be read, is not TOML, or a key or value is wrong.
    """
    table = read_table(path)
    return from_table(Config, table, str(path or default_config_path()))


def read_table(path: Path | None = None) -> dict[str, Any]:
    """Return what `read_config` reads, unchecked.

    Raises:
        SettingsError: The file does not exist, cannot be read, is empty, or is not TOML.
    """
    given = path is not None
    path = path or default_config_path()
    try:
        # utf-8-sig: Windows editors start a file with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
        if not text and path.is_file():
            raise SettingsError(
                f"{path} is empty (0 bytes), perhaps after a power cut; delete it and write a new one "
                f"with `birdedge config init {path}`"
            )
        return tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):  # HOME of a service can be /dev/null
        if given:
            raise SettingsError(
                f"there is no configuration {path}; `birdedge config init {path}` writes one"
            ) from None
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsError(
            f"{path} is not valid TOML ({error}); correct it, or write it as UTF-8"
        ) from error


def template() -> str:
    """Return a commented configuration that shows every key and changes no default."""
    return (resources.files("birdedge.edge.recorder") / "config_template.toml").read_text(encoding="utf-8")


def write_template(path: Path, force: bool = False) -> None:
    """Write the commented configuration.

    Raises:
        OutputError: The file cannot be written, or exists and `force` is not given.
    """
    _write(path, template(), "replace" if force else "refuse")


def write_model(path: Path, model: str) -> None:
    """Set the model in a configuration file, and leave the rest of the file, its mode and its owner unchanged.

    Raises:
        SettingsError: The file is not a valid configuration.
        OutputError: The file cannot be written.
    """
    text = ""
    if path.exists():
        read_config(path)
        text = path.read_text(encoding="utf-8-sig")
    value = model.replace("\\", "\\\\").replace('"', '\\"')
    line = f'model = "{value}"'
    text, replaced = re.subn(r"(?m)^(# )?model\s*=.*$", lambda _: line, text, count=1)
    _write(path, text if replaced else f"{line}\n{text}", "replace")


def _write(path: Path, text: str, existing: Existing) -> None:
    """Write a configuration; a file that is replaced keeps its mode and owner, because it may hold a password."""
    if existing == "replace":
        path = Path(os.path.realpath(path))  # a link stays a link
    with replacing(path, existing) as file, output_errors(path):
        if path.exists():
            status = path.stat()
            os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
            with suppress(PermissionError):
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
        file.write(text.encode())
