"""Networks from MONAI: U-Net, attention U-Net, UNETR (a vision transformer) and Swin UNETR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from birdedge.edge.errors import ExtraMissingError
from birdedge.train.networks.baselines.offline import OfflineConfig


def _networks() -> Any:
    try:
        import einops  # noqa: F401  (MONAI's transformers import it when they are built)
        from monai.networks import nets
    except ImportError as error:
        raise ExtraMissingError(
            f"this recipe's network needs {error.name}, which is not installed: pip install 'birdedge[systems]'"
        ) from error
    return nets


@dataclass(frozen=True)
class PaperUNetConfig(OfflineConfig):
    """U-Net with batch norm and dropout; each level halves the size (Ronneberger et al. 2015, arXiv 1505.04597)."""

    channels: tuple[int, ...] = (16, 32, 64, 128, 192)
    residual_units: int = 0

    def body(self, inputs: int, outputs: int) -> nn.Module:
        """Return a U-Net from MONAI."""
        network: nn.Module = _networks().UNet(
            spatial_dims=2,
            in_channels=inputs,
            out_channels=outputs,
            channels=self.channels,
            strides=[2] * (len(self.channels) - 1),
            num_res_units=self.residual_units,
            norm="batch",
            act="relu",
            dropout=self.dropout,
        )
        return network


@dataclass(frozen=True)
class AttentionUNetConfig(OfflineConfig):
    """U-Net with skips gated by the level below (Oktay et al. 2018, arXiv 1804.03999)."""

    channels: tuple[int, ...] = (16, 32, 64, 128)

    def body(self, inputs: int, outputs: int) -> nn.Module:
        """Return an attention U-Net from MONAI."""
        network: nn.Module = _networks().AttentionUnet(
            spatial_dims=2,
            in_channels=inputs,
            out_channels=outputs,
            channels=self.channels,
            strides=[2] * (len(self.channels) - 1),
            dropout=self.dropout,
        )
        return network


@dataclass(frozen=True)
class ViTConfig(OfflineConfig):
    """UNETR: a vision transformer over patches, then a convolutional decoder.

    Hatamizadeh et al. 2022, arXiv 2103.10504. Its position embedding has a fixed size, so longer inputs are divided
    into windows.
    """

    window_frames: int = 256
    bins: int = 256
    channels: int = 16
    hidden_channels: int = 96
    mlp_channels: int = 192
    heads: int = 4

    @property
    def multiple_frames(self) -> int:
        """The length of the windows into which the input is divided."""
        return self.window_frames

    def body(self, inputs: int, outputs: int) -> nn.Module:
        """Return UNETR, run on windows, from MONAI."""
        size = (self.window_frames // self.fold, self.bins // self.fold)
        network: nn.Module = _networks().UNETR(
            in_channels=inputs,
            out_channels=outputs,
            img_size=size,
            feature_size=self.channels,
            hidden_size=self.hidden_channels,
            mlp_dim=self.mlp_channels,
            num_heads=self.heads,
            norm_name="batch",
            dropout_rate=self.dropout,
            spatial_dims=2,
        )
        return _Windows(network, size[0])


class _Windows(nn.Module):
    """A network that runs on adjacent windows of `frames`."""

    def __init__(self, network: nn.Module, frames: int) -> None:
        super().__init__()
        self.network, self.frames = network, frames

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the size of x."""
        batch, channels, frames, bins = x.shape
        windows = x.reshape(batch, channels, -1, self.frames, bins).transpose(1, 2).flatten(0, 1)
        out: Tensor = self.network(windows)  # [batch * windows, outputs, frames of a window, bins]
        return out.reshape(batch, -1, *out.shape[1:]).transpose(1, 2).reshape(batch, -1, frames, bins)


@dataclass(frozen=True)
class SwinConfig(OfflineConfig):
    """Swin UNETR: attention within shifted windows (Hatamizadeh et al. 2022, arXiv 2201.01266)."""

    channels: int = 12
    depths: tuple[int, int, int, int] = (1, 1, 1, 1)
    heads: tuple[int, int, int, int] = (1, 2, 4, 8)

    def body(self, inputs: int, outputs: int) -> nn.Module:
        """Return Swin UNETR from MONAI."""
        network: nn.Module = _networks().SwinUNETR(
            in_channels=inputs,
            out_channels=outputs,
            feature_size=self.channels,
            depths=self.depths,
            num_heads=self.heads,
            norm_name="batch",
            drop_rate=self.dropout,
            spatial_dims=2,
        )
        return network
