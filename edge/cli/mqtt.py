"""`birdedge mqtt`: test the MQTT broker, and remove recorders from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from birdedge.edge.system.stdout import print_line

if TYPE_CHECKING:
    from birdedge.edge.integrations.mqtt import MqttSettings

config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration in TOML.  [default: BIRDEDGE_CONFIG, else the user's]",
)


@click.group(no_args_is_help=False)
def mqtt() -> None:
    """Test the MQTT broker, or remove recorders from it.

    `birdedge serve` publishes recorders if the configuration has a host under [mqtt].

    \b
    Example:
      birdedge mqtt test
      birdedge mqtt remove birds/
    """


@mqtt.command()
@config_option
def test(config: Path | None) -> None:
    """Publish a message to test the settings.

    The message goes to `birdedge/test`. The exit code is 0 if the broker acknowledged it.

    \b
    Example:
      birdedge mqtt test
    """
    from birdedge.edge.integrations.mqtt_connection import publish_once

    settings = _settings(config)
    topic = f"{settings.topic}/test"
    publish_once(settings, "birdedge_test", topic, b"{}")
    print_line(f"{settings.host}:{settings.broker_port} has acknowledged a message to {topic}")


@mqtt.command()
@click.argument(
    "folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path, file_okay=False)
)
@config_option
def remove(folders: tuple[Path, ...], config: Path | None) -> None:
    """Remove recorders from the broker, and so from Home Assistant.

    DIR is the folder of a recorder, or a folder that contains several. Stop `birdedge serve` first. A recorder that is
    published again later keeps its id.

    \b
    Example:
      birdedge mqtt remove birds/
    """
    from birdedge.edge.companion.folders import find_folders
    from birdedge.edge.companion.mqtt import remove as remove_recorder
    from birdedge.edge.errors import StoreError

    settings = _settings(config)
    found = find_folders(folders)
    if not found:
        raise StoreError(
            f"there is no recorder in {', '.join(map(str, folders))}: name the folder of `birdedge listen --out`"
        )
    for folder in found:
        print_line(f"removed {remove_recorder(folder, settings)}")


def _settings(config: Path | None) -> MqttSettings:
    from birdedge.edge.errors import SettingsError
    from birdedge.edge.recorder.config import default_config_path, read_config

    settings = read_config(config).mqtt
    if not settings.host:
        raise SettingsError(
            f"{config or default_config_path()} has no broker; set host under [mqtt], as in docs/home-assistant.md"
        )
    return settings
