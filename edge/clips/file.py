"""One clip on disk: the sound with its GUANO fields, and beside it, on request, the mask, a picture and the bird alone.

Every file takes its name when it is whole, the sound last: where a clip is, all that belongs to it is.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from birdedge import __version__
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.errors import AudioFileError, OutputError
from birdedge.edge.event import Event
from birdedge.edge.formats.guano import guano_text, read_guano, with_guano
from birdedge.edge.formats.mask_npz import MaskFile
from birdedge.edge.models.card import ModelCard
from birdedge.edge.pipeline.denoise import denoise
from birdedge.edge.plots.clip_image import clip_picture
from birdedge.edge.system.atomic_file import output_errors, replacing
from birdedge.edge.times import Stamp

MEGABYTE = 1e6


@dataclass(frozen=True, eq=False)
class CutClip:
    """A piece of a stream, ready to be written."""

    stamp: Stamp  # of its first sample
    sample_rate_hz: int
    samples: NDArray[np.int16]  # [samples, channels]
    lost_samples: int  # of these, silence where nothing was heard
    events: Mapping[int, Event]  # by number, as the stream gave them
    device: str  # the microphone
    card: ModelCard  # of the model that heard it
    mask: NDArray[np.uint8]  # [frames, bins]; no frames where nobody asked for it
    first_frame_s: float  # centre of the mask's first frame, seconds after the first sample

    @property
    def first_sample(self) -> int:
        """The first sample, since the stream began."""
        return self.stamp.sample

    @property
    def utc(self) -> datetime:
        """UTC of the first sample; of a stream without a clock, seconds since its start."""
        stamp = self.stamp
        return datetime.fromtimestamp(stamp.boot_s if stamp.utc_s is None else stamp.utc_s, UTC)

    @property
    def score(self) -> float:
        """That of the surest event; 0 where there is none."""
        return max((event.score for event in self.events.values()), default=0.0)


@dataclass(frozen=True)
class Clip:
    """A clip that lies on disk."""

    path: Path
    utc: datetime  # of its first sample, as the clock had it when it was written
    sample_rate_hz: int
    first_sample: int
    samples: int
    lost_samples: int
    events: tuple[int, ...]  # numbers of the events it shows
    size_bytes: int  # all its files
    score: float
    stamp: Stamp | None = None  # of its first sample; None where it was read from disk


def write_clip(cut: CutClip, folder: Path, settings: ClipSettings, fields: Mapping[str, str]) -> Clip:
    """Write the files of a clip, into a folder for each day.

    Args:
        cut: the clip.
        folder: where the days' folders are.
        settings: which files, and how.
        fields: GUANO fields that all clips have besides their own.

    Raises:
        OutputError: something cannot be written, or the disk would hold less than its floor; then nothing is left.
    """
    with output_errors(folder):
        path = _free_path(cut, folder, settings.format)
        path.parent.mkdir(parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(folder).free
    text = guano_text(_fields(cut) | dict(fields))
    sound = _encoded(cut.samples, cut.sample_rate_hz, settings.format, text)
    left_mb = (free_bytes - len(sound)) / MEGABYTE
    if left_mb < settings.min_free_mb:
        raise OutputError(
            f"{path} would leave {max(0.0, left_mb):.0f} MB free where {settings.min_free_mb:.0f} MB are to stay: "
            "make room, or lower min_free_mb"
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
        _write(path, sound)
        size_bytes = _size_bytes(path)
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
        size_bytes,
        cut.score,
        cut.stamp,
    )


def clips_in(folder: Path) -> Iterator[Path]:
    """The sound of each clip in the days' folders."""
    for path in folder.glob("*/*"):
        if path.suffix in (".flac", ".wav") and not path.stem.endswith(".denoised"):
            yield path


def read_clip(path: Path) -> Clip | None:
    """What a clip that `write_clip` wrote says of itself; None where it is none, or damaged."""
    try:
        fields = read_guano(path)
        rate_hz = int(fields["Samplerate"])
        return Clip(
            path,
            datetime.fromisoformat(fields["Timestamp"]),
            rate_hz,
            int(fields["birdedge|First Sample"]),
            round(float(fields["Length"]) * rate_hz),
            int(fields["birdedge|Lost Samples"]),
            tuple(event["number"] for event in json.loads(fields.get("birdedge|Events", "[]"))),
            _size_bytes(path),
            float(fields["birdedge|Score"]),
        )
    except (AudioFileError, OSError, KeyError, ValueError):
        return None


def companions(path: Path) -> tuple[Path, Path, Path]:
    """Where the denoised sound, the mask and the picture of a clip lie, if they were asked for."""
    return (
        path.with_name(f"{path.stem}.denoised{path.suffix}"),
        path.with_name(f"{path.stem}.npz"),
        path.with_name(f"{path.stem}.png"),
    )


def remove_clip(path: Path) -> None:
    """Delete a clip and what lies beside it, the sound first; what is not there is passed over.

    Raises:
        OSError: something cannot be deleted.
    """
    for file in (path, *companions(path)):
        file.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Delete what a power cut left half written in a folder of clips; nobody else may be writing there.

    Raises:
        OSError: something cannot be deleted.
    """
    for part in folder.glob("**/.birdedge-*.part"):
        part.unlink(missing_ok=True)


def _free_path(cut: CutClip, folder: Path, suffix: str) -> Path:
    utc = cut.utc.astimezone(UTC)
    name = f"{utc:%Y%m%dT%H%M%S}.{utc.microsecond // 1000:03}Z"
    if cut.events:
        low_hz, high_hz = _band(cut)
        name += f"_{low_hz:.0f}-{high_hz:.0f}Hz_{cut.score:.2f}"
    number, again = 1, ""
    while True:
        path = folder / f"{utc:%Y-%m-%d}" / f"{name}{again}.{suffix}"
        if not any(file.exists() for file in (path, *companions(path))):
            return path
        number += 1
        again = f"_{number}"


def _size_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path, *companions(path)) if file.exists())


def _band(cut: CutClip) -> tuple[float, float]:
    return min(e.low_hz for e in cut.events.values()), max(e.high_hz for e in cut.events.values())


def _encoded(samples: NDArray[np.int16], sample_rate_hz: int, suffix: str, text: str) -> bytes:
    """The file in memory, since libsndfile does not tell what goes wrong on a disk."""
    file = io.BytesIO()
    with soundfile.SoundFile(
        file, "w", sample_rate_hz, samples.shape[1], "PCM_16", format=suffix.upper()
    ) as sound:
        if suffix == "flac":
            sound.comment = text
        sound.write(samples)
    return with_guano(file.getvalue(), text) if suffix == "wav" else file.getvalue()


def _fields(cut: CutClip) -> dict[str, str]:
    fields = {
        "Timestamp": cut.utc.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "Length": f"{len(cut.samples) / cut.sample_rate_hz:.3f}",
        "Samplerate": str(cut.sample_rate_hz),
        "Make": "birdedge",
        "Model": cut.device or "birdedge",
        "Firmware Version": __version__,
        "birdedge|Model": cut.card.name,
        "birdedge|First Sample": str(cut.first_sample),
        "birdedge|Lost Samples": str(cut.lost_samples),
        "birdedge|Score": f"{cut.score:.4f}",
    }
    if not cut.events:
        return fields
    start_s = cut.first_sample / cut.sample_rate_hz
    events = [
        {
            "number": number,
            "onset_s": round(event.onset_s - start_s, 3),  # after the clip's start
            "offset_s": round(event.offset_s - start_s, 3),
            "low_hz": round(event.low_hz, 1),
            "high_hz": round(event.high_hz, 1),
            "score": round(event.score, 4),
        }
        for number, event in cut.events.items()
    ]
    low_hz, high_hz = _band(cut)
    return fields | {
        "birdedge|Low Hz": f"{low_hz:.1f}",
        "birdedge|High Hz": f"{high_hz:.1f}",
        "birdedge|Events": json.dumps(events),
    }


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as file, output_errors(path):
        file.write(data)
