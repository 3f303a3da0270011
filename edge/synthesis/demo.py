"""The demo soundscape as an audio file and a table of its true calls."""

from __future__ import annotations

from pathlib import Path

import soundfile

from birdedge.edge.errors import OutputError
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.system.atomic_file import Existing, output_errors, refuse_existing, replacing


def write_demo(path: Path, duration_s: float, seed: int, calls_per_minute: float, force: bool = False) -> int:
    """Write a soundscape to `path` (24-bit WAV) and its calls to `<stem>.truth.csv`; return the number of calls.

    Raises:
        SettingsError: A setting is out of range.
        OutputError: The name does not end in .wav, a file cannot be written, or it exists and `force` is not given.
    """
    if path.suffix.lower() != ".wav":
        raise OutputError(f"{path} is not the name of a WAV file; give a name that ends in .wav")
    truth = path.with_suffix(".truth.csv")
    existing: Existing = "replace" if force else "refuse"
    if not force:
        refuse_existing([path, truth])
    scene = soundscape(duration_s, seed, calls_per_minute)
    with replacing(path, existing) as file, output_errors(path):
        soundfile.write(file, scene.samples, scene.sample_rate_hz, subtype="PCM_24", format="WAV")
    with replacing(truth, existing) as file, output_errors(truth):
        file.write(b"onset_s,offset_s,low_hz,high_hz,kind\n")
        for t in scene.truths:
            file.write(f"{t.onset_s:.4f},{t.offset_s:.4f},{t.low_hz:.1f},{t.high_hz:.1f},{t.kind}\n".encode())
    return len(scene.truths)
