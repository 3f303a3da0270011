"""The demo soundscape as files: the sound, and the truth about it."""

from __future__ import annotations

from pathlib import Path

import soundfile

from birdedge.edge.errors import OutputError
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.system.atomic_file import output_errors, replacing


def write_demo(path: Path, duration_s: float, seed: int, calls_per_minute: float) -> int:
    """Writes `path` (24-bit WAV) and `<stem>.truth.csv`; returns how many calls are in it.

    Raises:
        SettingsError: a setting that cannot be.
        OutputError: not a .wav name, or it cannot be written.
    """
    if path.suffix.lower() != ".wav":
        raise OutputError(f"{path} has no name of a WAV file; give one that ends in .wav")
    scene = soundscape(duration_s, seed, calls_per_minute)
    with replacing(path) as file, output_errors(path):
        soundfile.write(file, scene.samples, scene.sample_rate_hz, subtype="PCM_24", format="WAV")
    truth = path.with_suffix(".truth.csv")
    with replacing(truth) as file, output_errors(truth):
        file.write(b"onset_s,offset_s,low_hz,high_hz,kind\n")
        for t in scene.truths:
            file.write(f"{t.onset_s:.4f},{t.offset_s:.4f},{t.low_hz:.1f},{t.high_hz:.1f},{t.kind}\n".encode())
    return len(scene.truths)
