"""The networks of recipes, by the name in the key `system`."""

from __future__ import annotations

import dataclasses
from typing import Any

from birdedge.edge.errors import SettingsError
from birdedge.edge.settings import from_table
from birdedge.train.networks.baselines.deeplab import DeepLabConfig
from birdedge.train.networks.baselines.fcn import FCNConfig
from birdedge.train.networks.baselines.monai_networks import (
    AttentionUNetConfig,
    PaperUNetConfig,
    SwinConfig,
    ViTConfig,
)
from birdedge.train.networks.baselines.offline import OfflineConfig, OfflineNetwork
from birdedge.train.networks.baselines.segnet import SegNetConfig
from birdedge.train.networks.unet import UNet, UNetConfig

# Both are called as `network(x [batch, channels, frames, bins]) -> (logits [batch, frames, bins], class logits or None,
# states)`.
Network = UNet | OfflineNetwork
NetworkConfig = UNetConfig | OfflineConfig

SYSTEMS: dict[str, type[NetworkConfig]] = {
    "compact": UNetConfig,
    "unet-paper": PaperUNetConfig,
    "attention-unet": AttentionUNetConfig,
    "fcn": FCNConfig,
    "segnet": SegNetConfig,
    "deeplab": DeepLabConfig,
    "vit": ViTConfig,
    "swin": SwinConfig,
}


def config_from_table(table: dict[str, Any], where: str) -> NetworkConfig:
    """Return the sizes of the network `table["system"]`, by default the compact one.

    Raises:
        SettingsError: The system or a key is unknown.
    """
    if not isinstance(table, dict):
        raise SettingsError(f"{where} must be a table, not {table!r}")
    sizes = dict(table)
    system = sizes.pop("system", "compact")
    if system not in SYSTEMS:
        raise SettingsError(f"{where}: system is {system!r}; it must be one of {', '.join(SYSTEMS)}")
    return from_table(SYSTEMS[system], sizes, where)


def config_as_table(config: NetworkConfig) -> dict[str, Any]:
    """Return the table that `config_from_table` reads."""
    system = next(name for name, kind in SYSTEMS.items() if kind is type(config))
    return {"system": system, **dataclasses.asdict(config)}


def build_network(config: NetworkConfig) -> Network:
    """Return a network with random weights.

    Raises:
        ExtraMissingError: The package of the network is not installed.
    """
    return UNet(config) if isinstance(config, UNetConfig) else OfflineNetwork(config)
