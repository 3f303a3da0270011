"""The recorder's configuration: one TOML file. Options of the command line go before it, defaults after it."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import click

from birdedge.edge.clips.settings import ClipSettings, RetentionSettings
from birdedge.edge.errors import SettingsError
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.recorder.schedule import ScheduleSettings
from birdedge.edge.settings import from_table
from birdedge.edge.sinks.table_file import FORMATS
from birdedge.edge.system.atomic_file import replacing

MAX_GAIN_DB = 60.0
MAX_COMMIT_S = 600.0


@dataclass(frozen=True)
class Config:
    """What a recorder does where its command line does not say."""

    site: str = ""
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    device: str | None = None  # part of the microphone's name; None: the default one
    sample_rate_hz: int | None = None  # None: the microphone's own
    channels: int = 1
    channel: int | None = None  # None: the mean of all
    gain_db: float = 0.0  # of what is kept and looked at; what the network finds does not depend on it
    model: str = DEFAULT_MODEL
    min_score: float | None = None  # None: the model's own
    tables: tuple[str, ...] = tuple(FORMATS)  # formats written beside the database
    denoised: str | None = None  # .wav or .flac file that the bird alone goes to, or - for standard output
    commit_s: float = 1.0  # how long a power cut may reach back; longer spares an SD card
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    clips: ClipSettings = field(default_factory=ClipSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)

    def __post_init__(self) -> None:
        for name, largest in (("latitude_deg", 90), ("longitude_deg", 180)):
            value = getattr(self, name)
            if value is not None and not -largest <= value <= largest:
                raise SettingsError(f"{name} is {value}; it must lie in -{largest}..{largest}")
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
        if not 0.1 <= self.commit_s <= MAX_COMMIT_S:
            raise SettingsError(f"commit_s is {self.commit_s}; it must lie in 0.1..{MAX_COMMIT_S:g}")
        for name in self.tables:
            if name not in FORMATS:
                raise SettingsError(f"tables names {name!r}; it may name {', '.join(FORMATS)}")


# What `birdedge config init` writes: each key with its default, so that a reader sees what can be said.
TEMPLATE = """\
# birdedge's configuration. What begins with # is the default; take the # away to change it.

# site = ""                # a name for this place: in clips and status
# latitude_deg = 52.5      # for sunrise and sunset, and in clips
# longitude_deg = 13.4
# device = "USB Audio"     # part of the microphone's name (birdedge devices); the default one if not said
# sample_rate_hz = 48000   # the microphone's own if not said
# channels = 1
# channel = 0              # the one to listen to, from 0; the mean of all if not said
# gain_db = 0.0            # of the clips; what is found does not depend on it
# model = "birdedge-int8"  # birdedge models; birdedge bench chooses
# min_score = 0.955     # of an event of 100 Hz s, larger ones need less; the model's own if not said
# tables = ["raven", "audacity", "csv", "jsonl"]   # beside the database; [] for none
# denoised = "alone.flac"  # a .flac or .wav file that the bird alone is added to as it is heard; none if not said
# commit_s = 1.0           # how much a power cut may cost; longer spares an SD card

[schedule]
# windows = []             # always; or UTC "04:30..09:00", or by the sun "sunrise-1h..sunrise+3h", "sunset..22:00"
# timezone = "UTC"         # of clock times in windows
# listen_s = 0.0           # listen so long
# every_s = 0.0            # of every so long; 0: all the time

[clips]
# keep = "events"          # or "everything", or "none"
# format = "flac"          # or "wav"
# before_s = 3.0
# after_s = 3.0
# min_duration_s = 3.0
# max_duration_s = 30.0
# max_per_hour = 0        # 0: no limit
# denoised = false         # beside the clip the bird alone
# mask = false             # beside it its mask file
# picture = false          # beside it its picture
# everything_s = 60.0      # length of files where everything is kept
# min_free_mb = 500.0    # clips leave so much of the disk free

[retention]
# max_age_days = 30.0      # for ever if not said
# max_gb = 20.0           # that clips take together; no limit if not said
# min_free_mb = 1000.0   # kept free on the disk by deleting clips
# first = "oldest"         # to go where there are too many; or "lowest" (score)
"""


def default_config_path() -> Path:
    """What BIRDEDGE_CONFIG names, or where this user's configuration is."""
    return Path(os.environ.get("BIRDEDGE_CONFIG") or Path(click.get_app_dir("birdedge")) / "config.toml")


def read_config(path: Path | None = None) -> Config:
    """The file given, which must be there, or the user's own, if there is one.

    Raises: SettingsError naming the nearest valid key.
    """
    given = path is not None
    path = path or default_config_path()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if given:
            raise SettingsError(
                f"there is no configuration {path}; `birdedge config init {path}` writes one"
            ) from None
        return Config()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    return from_table(Config, table, str(path))


def write_template(path: Path) -> None:
    """A commented configuration in which all is default. Raises: SettingsError where there is one, OutputError."""
    if path.exists():
        raise SettingsError(f"{path} is there already; name another file, or remove it first")
    with replacing(path) as file:
        file.write(TEMPLATE.encode())


def write_model(path: Path, model: str) -> None:
    """Sets the model in a configuration, and leaves the rest of the file as it is.

    Raises: SettingsError where the file is none, OutputError.
    """
    text = ""
    if path.exists():
        read_config(path)
        text = path.read_text(encoding="utf-8")
    value = model.replace("\\", "\\\\").replace('"', '\\"')
    line = f'model = "{value}"'
    text, replaced = re.subn(r"(?m)^(# )?model\s*=.*$", lambda _: line, text, count=1)
    with replacing(path) as file:
        file.write((text if replaced else f"{line}\n{text}").encode())
