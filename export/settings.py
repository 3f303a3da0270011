"""Settings of an export, and the model files that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from birdedge.edge.errors import SettingsError
from birdedge.edge.models.bounds import MAX_CHUNK_FRAMES
from birdedge.edge.models.card import Precision
from birdedge.edge.models.settings import EventSettings
from birdedge.export.graph import OPSET
from birdedge.train.networks.unet import TIME_STRIDE

CHUNK_FRAMES = 16  # 128 ms: a compromise between delay and cost per frame

NumberFormat = Literal["fp32", "u8", "s8"]  # float, or int8 weights with uint8 or int8 activations


@dataclass(frozen=True)
class ExportSettings:
    """How a checkpoint is exported."""

    quantize: bool = False
    # Frames per call. The first is the recorder's; each further one gets a separate file.
    frames: tuple[int, ...] = (CHUNK_FRAMES,)
    opset: int = OPSET
    per_channel: bool = True  # one weight scale per channel, not per layer
    activations: tuple[NumberFormat, ...] = ("u8",)  # u8 or s8; a second one gets a separate file
    max_loss: float = 0.005  # IoU that int8 may lose against fp32
    min_score: float = EventSettings.min_score
    follow_score: float = EventSettings.follow_score
    # Further call lengths that must give the same mask: short and long.
    compared_frames: tuple[int, ...] = (4, 256)

    def __post_init__(self) -> None:
        if set(self.activations) - {"u8", "s8"}:
            raise SettingsError(f"activations are {self.activations}; give u8, s8 or both")
        for frames in self.frames:
            if not (TIME_STRIDE <= frames <= MAX_CHUNK_FRAMES and frames % TIME_STRIDE == 0):
                raise SettingsError(
                    f"frames per call is {frames}; give a multiple of {TIME_STRIDE} up to {MAX_CHUNK_FRAMES}"
                )


@dataclass(frozen=True)
class FileForm:
    """The number format and frames per call of one model file."""

    number_format: NumberFormat
    chunk_frames: int

    @property
    def precision(self) -> Precision:
        """The precision as the card states it."""
        return "fp32" if self.number_format == "fp32" else "int8"


def model_files(output: Path, settings: ExportSettings) -> dict[Path, FileForm]:
    """Return the files of an export, `output` first, and their forms."""
    first, *others = settings.frames
    main, *alternatives = settings.activations if settings.quantize else ("fp32",)
    files = {output: FileForm(main, first)}
    files |= {output.with_stem(f"{output.stem}-{chunk}"): FileForm(main, chunk) for chunk in others}
    files |= {output.with_stem(f"{output.stem}-{other}"): FileForm(other, first) for other in alternatives}
    if settings.quantize:
        files[fp32_path(output)] = FileForm("fp32", first)
    return files


def fp32_path(output: Path) -> Path:
    """Return the path of the fp32 file that belongs to the int8 file `output`."""
    return output.with_stem(f"{output.stem.removesuffix('-int8')}-fp32")
