"""The demo as files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.errors import OutputError
from birdedge.edge.synthesis.demo import write_demo
from birdedge.edge.synthesis.soundscape import soundscape


def test_the_wav_file_has_the_exact_samples_and_the_table_its_calls(tmp_path: Path) -> None:
    scene = soundscape(10.0, 3, 30.0)
    assert write_demo(tmp_path / "demo.wav", 10.0, 3, 30.0) == len(scene.truths) > 0
    samples, rate_hz = soundfile.read(tmp_path / "demo.wav", dtype="float32")
    assert rate_hz == scene.sample_rate_hz
    assert soundfile.info(tmp_path / "demo.wav").subtype == "PCM_24"
    assert np.array_equal(samples, scene.samples)
    with (tmp_path / "demo.truth.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == [truth.kind for truth in scene.truths]
    for row, truth in zip(rows, scene.truths, strict=True):
        assert float(row["onset_s"]) == pytest.approx(truth.onset_s, abs=5.1e-5)
        assert float(row["offset_s"]) == pytest.approx(truth.offset_s, abs=5.1e-5)
        assert float(row["low_hz"]) == pytest.approx(truth.low_hz, abs=0.051)
        assert float(row["high_hz"]) == pytest.approx(truth.high_hz, abs=0.051)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.truth.csv", "demo.wav"]


def test_another_suffix_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(
        OutputError, match=r"demo\.flac is not the name of a WAV file; give a name that ends in \.wav"
    ):
        write_demo(tmp_path / "demo.flac", 1.0, 1, 20.0)
    assert list(tmp_path.iterdir()) == []
