"""The source of the audio for int8 calibration."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.errors import DataError
from birdedge.edge.synthesis.demo import write_demo
from birdedge.export.calibration import calibration_sequences
from birdedge.export.settings import ExportSettings
from birdedge.train.training.checkpoint import load_checkpoint
from tests.support.exports import Export


def test_without_recordings_there_are_no_further_sequences(checkpoint: Path) -> None:
    assert calibration_sequences(load_checkpoint(checkpoint), None, None) == ([], "synthetic soundscapes")


def test_a_folder_without_audio_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no audio files to calibrate on; give a folder of WAV"):
        calibration_sequences(load_checkpoint(checkpoint), None, tmp_path)


def test_each_file_in_a_folder_contributes_at_most_512_frames(checkpoint: Path, tmp_path: Path) -> None:
    write_demo(tmp_path / "long.wav", 5.0, 1, 20.0)
    write_demo(tmp_path / "short.wav", 1.0, 2, 20.0)
    sequences, source = calibration_sequences(load_checkpoint(checkpoint), None, tmp_path)
    assert source == "2 recordings"
    assert [(s.shape[0], s.shape[2]) for s in sequences] == [(2, 256), (2, 256)]
    assert sequences[0].shape[1] == 512
    assert 100 < sequences[1].shape[1] <= 128


def test_the_card_names_the_calibration_and_the_weight_scales(
    checkpoint: Path, export_once: Export, tmp_path: Path
) -> None:
    write_demo(tmp_path / "audio" / "demo.wav", 5.0, 1, 20.0)
    settings = ExportSettings(quantize=True, per_channel=False, max_loss=1.0, compared_frames=(64,))
    exported = export_once(checkpoint, tmp_path / "a.onnx", settings, None, tmp_path / "audio")
    quantization = exported.cards[tmp_path / "a.onnx"].quantization
    assert quantization["calibration"] == "1 recordings"
    assert quantization["weights"] == "int8 a tensor"
    assert quantization["int8_against_fp32"]["recordings"] > 1
