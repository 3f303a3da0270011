"""Writing of a clip: the audio with its GUANO fields and, if set, the denoised audio, the mask and a picture.

Each file gets its name only when it is complete, the audio last. A clip that exists therefore has all its companions.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from birdedge.edge.clips.clip import Clip, CutClip
from birdedge.edge.clips.fields import clip_fields
from birdedge.edge.clips.folder import companions, free_path, remove_clip, size_bytes
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.clips.speech_band import without_speech_band
from birdedge.edge.errors import OutputError
from birdedge.edge.formats.guano import guano_text, with_guano
from birdedge.edge.formats.mask_npz import MaskFile
from birdedge.edge.pipeline.denoise import denoise
from birdedge.edge.plots.clip_image import clip_picture
from birdedge.edge.system.atomic_file import output_errors, replacing

MEGABYTE = 1e6


def write_clip(cut: CutClip, folder: Path, settings: ClipSettings, fields: Mapping[str, str]) -> Clip:
    """Write the files of a clip into the folder of its day.

    Args:
        cut: The clip.
        folder: The folder of the clips.
        settings: Which files are written, and in which format.
        fields: GUANO fields that all clips share.

    Returns:
        The clip on disk.

    Raises:
        OutputError: A file cannot be written, or less than `min_free_mb` would stay free. No file is left behind.
    """
    with output_errors(folder):
        path = free_path(cut, folder, settings.format)
        path.parent.mkdir(parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(folder).free
    if cut.erase_speech:
        cut = replace(cut, samples=without_speech_band(cut.samples, cut.sample_rate_hz))
    text = guano_text(clip_fields(cut) | dict(fields))
    audio = _encoded(cut.samples, cut.sample_rate_hz, settings.format, text)
    left_mb = (free_bytes - len(audio)) / MEGABYTE
    if left_mb < settings.min_free_mb:
        raise OutputError(
            f"{path} would leave {max(0.0, left_mb):.0f} MB free and {settings.min_free_mb:.0f} MB must stay free: "
            "free disk space, or lower min_free_mb"
        )
    denoised, mask, picture = companions(path)
    grid, threshold = cut.card.grid, cut.card.threshold
    try:
        if settings.denoised:
            alone = denoise(cut.samples, cut.sample_rate_hz, cut.mask, grid, cut.first_frame_s, threshold)
            np.rint(np.clip(alone, -32768, 32767, out=alone), out=alone)
            _write(denoised, _encoded(alone.astype(np.int16), cut.sample_rate_hz, settings.format, text))
        if settings.mask:
            scales = grid.hop_s, cut.first_frame_s, grid.low_hz, grid.bin_hz, threshold
            with MaskFile(mask, *scales, grid.bins) as file:
                file.push(cut.mask)
        if settings.picture:
            arguments = cut.samples, cut.sample_rate_hz, cut.mask, grid, cut.first_frame_s, threshold
            _write(picture, clip_picture(*arguments))
        _write(path, audio)
        total_bytes = size_bytes(path)
    except BaseException:
        with suppress(OSError):
            remove_clip(path)
        raise
    return Clip(
        path,
        cut.utc,
        cut.sample_rate_hz,
        cut.first_sample,
        len(cut.samples),
        cut.lost_samples,
        tuple(cut.events),
        total_bytes,
        cut.score,
        cut.stamp,
    )


def _encoded(samples: NDArray[np.int16], sample_rate_hz: int, suffix: str, text: str) -> bytes:
    """Return the file as bytes: libsndfile does not report why a write to disk fails."""
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", sample_rate_hz, samples.shape[1], "PCM_16", format=suffix.upper()
    ) as sound:
        if suffix == "flac":
            sound.comment = text
        sound.write(samples)
    return with_guano(file.getvalue(), text) if suffix == "wav" else file.getvalue()


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as file, output_errors(path):
        file.write(data)
