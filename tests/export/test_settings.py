"""Export settings are validated, and the files follow from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.export.settings import ExportSettings, FileForm, fp32_path, model_files


@pytest.mark.parametrize("frames", [0, 6, 100_000])
def test_an_invalid_number_of_frames_per_call_is_refused(frames: int) -> None:
    with pytest.raises(SettingsError, match=f"frames per call is {frames}; give a multiple of 4 up to 512"):
        ExportSettings(frames=(16, frames))


def test_an_unknown_activation_is_refused() -> None:
    activations: Any = ("u8", "f16")
    with pytest.raises(SettingsError, match="give u8, s8 or both"):
        ExportSettings(activations=activations)


def test_without_quantization_there_is_one_fp32_file_per_call_length() -> None:
    assert model_files(Path("mine.onnx"), ExportSettings(frames=(16, 64))) == {
        Path("mine.onnx"): FileForm("fp32", 16),
        Path("mine-64.onnx"): FileForm("fp32", 64),
    }


def test_a_quantized_export_adds_the_other_activation_and_fp32() -> None:
    settings = ExportSettings(quantize=True, frames=(16, 64), activations=("u8", "s8"))
    files = model_files(Path("out/mine.onnx"), settings)
    assert list(files) == [Path(f"out/{n}.onnx") for n in ("mine", "mine-64", "mine-s8", "mine-fp32")]
    assert list(files.values()) == [
        FileForm("u8", 16),
        FileForm("u8", 64),
        FileForm("s8", 16),
        FileForm("fp32", 16),
    ]
    assert [form.precision for form in files.values()] == ["int8", "int8", "int8", "fp32"]


def test_the_name_of_the_fp32_file_has_fp32_in_place_of_int8() -> None:
    assert fp32_path(Path("birdedge-int8.onnx")) == Path("birdedge-fp32.onnx")
