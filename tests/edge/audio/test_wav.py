"""A growing WAV file becomes RF64 when it exceeds 4 GiB."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from birdedge.edge.audio.wav import WavEncoder


def test_a_file_of_more_than_4_gib_is_rf64(tmp_path: Path) -> None:
    print("seed 2")
    samples = np.random.default_rng(2).integers(-32768, 32768, (1_000, 2)).astype(np.int16)
    path = tmp_path / "a.wav"
    encoder = WavEncoder(8_000, 2)
    with path.open("wb") as file:
        for offset, data in encoder.encode(samples):
            os.pwrite(file.fileno(), data, offset)
        assert soundfile.info(path).format == "WAV"
        encoder.data_bytes = 1 << 32
        for offset, data in [*encoder.encode(samples), *encoder.close()]:
            os.pwrite(file.fileno(), data, offset)  # sparse: takes no space on disk
    with soundfile.SoundFile(path) as file:
        assert (file.format, file.frames) == ("RF64", (1 << 30) + 1_000)
        file.seek(1 << 30)
        assert np.array_equal(file.read(dtype="int16", always_2d=True), samples)
    path.unlink()
