"""The recorder's configuration: one TOML file, which `birdedge bench` fills in and `birdedge listen` reads."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import click

from birdedge.edge.errors import SettingsError
from birdedge.edge.files import replacing
from birdedge.edge.model import DEFAULT_MODEL
from birdedge.edge.settings import from_table


@dataclass(frozen=True)
class Config:
    """What a recorder does where its command line does not say."""

    model: str = DEFAULT_MODEL  # a bundled model's name, or a .onnx file


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
            raise SettingsError(f"there is no configuration {path}; give a TOML file") from None
        return Config()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}); give a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    return from_table(Config, table, str(path))


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
    text, replaced = re.subn(r"(?m)^model\s*=.*$", lambda _: line, text)
    with replacing(path) as file:
        file.write((text if replaced else f"{line}\n{text}").encode())
