"""Renderings of a clip for somebody who looks or listens: a picture, the bird alone, a band of it.

Each one is made in a short process of its own, `python -m birdedge.edge.companion.rendering`: the companion holds
neither numpy nor a network, and a damaged file ends this process only. If the recorder kept no mask with a clip, the
network runs over the clip again; without the audio before the clip, its mask may differ slightly.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from birdedge.edge.errors import BirdedgeError, DataError

if TYPE_CHECKING:
    from birdedge.edge.mask import Mask

Kind = Literal["picture", "picture_mask", "bird", "band"]
NICENESS = 10
SUFFIXES: dict[Kind, str] = {"picture": ".png", "picture_mask": ".png", "bird": ".flac", "band": ".flac"}
MARGIN_HZ = 100.0  # around a band, because its edges are soft


@dataclass(frozen=True)
class Rendering:
    """A rendering of a clip."""

    kind: Kind
    clip: str  # path
    model: str  # name of the model that found the events
    begin_s: float = 0.0  # of a picture, after the start of the clip
    end_s: float = 0.0
    low_hz: float = 0.0  # of a band
    high_hz: float = 0.0

    @property
    def command(self) -> list[str]:
        """The command that writes the rendering; the output path must be appended to it."""
        return [sys.executable, "-m", __name__, json.dumps(asdict(self))]


def render(rendering: Rendering, out: Path) -> None:
    """Write a rendering to a file.

    Raises:
        AudioError: The clip cannot be read.
        OutputError: The file cannot be written.
    """
    import numpy as np
    import soundfile

    from birdedge.edge.audio.file import AudioFile
    from birdedge.edge.grid import Grid
    from birdedge.edge.pipeline.denoise import denoise
    from birdedge.edge.plots.clip_image import clip_picture
    from birdedge.edge.system.atomic_file import output_errors

    path, grid = Path(rendering.clip), Grid()
    with AudioFile(path) as file:
        rate_hz = file.sample_rate_hz
        samples = np.concatenate(list(file.blocks()))
    frames = round(len(samples) / rate_hz / grid.hop_s) + 2
    mask, first_frame_s, threshold = np.zeros((frames, grid.bins), np.uint8), 0.0, 0.5
    if rendering.kind == "band":
        hz = grid.low_hz + grid.bin_hz * np.arange(grid.bins)
        mask[:, (hz >= rendering.low_hz - MARGIN_HZ) & (hz <= rendering.high_hz + MARGIN_HZ)] = 255
    elif rendering.kind != "picture":
        found = _mask_of(path, rendering.model)
        if found.mask.shape[1] != grid.bins:
            raise DataError(
                f"the mask of {path} has {found.mask.shape[1]} bins: birdedge draws only {grid.bins}"
            )
        mask, first_frame_s, threshold = found.mask, found.first_frame_s, found.threshold
        grid = replace(grid, hop=round(found.hop_s * grid.sample_rate_hz))
    with output_errors(out), out.open("wb") as target:
        if rendering.kind in ("bird", "band"):
            heard = denoise(samples, rate_hz, mask, grid, first_frame_s, threshold)
            soundfile.write(target, np.clip(heard, -1.0, 1.0), rate_hz, "PCM_16", format="FLAC")
            return
        begin = max(0, round(rendering.begin_s * rate_hz))
        part = samples[begin : max(begin + rate_hz // 10, round(rendering.end_s * rate_hz))]
        pixels = np.rint(np.clip(part, -1.0, 1.0) * 32767).astype(np.int16)
        start_s = first_frame_s - begin / rate_hz
        target.write(clip_picture(pixels, rate_hz, mask, grid, start_s, threshold))


def _mask_of(clip: Path, model: str) -> Mask:
    """Return the mask that is stored next to a clip, or else run the network over the clip again."""
    from birdedge.edge.archive.segment import segment
    from birdedge.edge.formats.mask_npz import read_mask_file
    from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models

    kept = clip.with_name(f"{clip.stem}.npz")
    if kept.exists():
        return read_mask_file(kept)
    mask = segment(clip, model if model in bundled_models() else DEFAULT_MODEL).mask
    assert mask is not None
    return mask


def main(arguments: list[str]) -> None:
    """Write the rendering in the first argument to the path in the second; a problem is one line on standard error."""
    os.nice(NICENESS)
    try:
        render(Rendering(**json.loads(arguments[0])), Path(arguments[1]))
    except BirdedgeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1:])
