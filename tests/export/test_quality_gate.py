"""The comparison of int8 with fp32, and the refusal of an inaccurate int8 model."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.models.model import Model
from birdedge.export.errors import ExportError
from birdedge.export.quality_gate import compare_accuracy, compare_speed, gate_clips, refuse_loss


def test_a_model_compared_with_itself_does_not_differ(exported: Path) -> None:
    model = Model(exported / "mine.onnx")
    clips = gate_clips(None)[:2]
    figures = compare_accuracy(model, model, clips)
    assert figures["recordings"] == 2
    for name in ("iou", "event_f1_at_0.3", "event_f1_at_0.5"):
        assert figures[name]["fp32"] == figures[name]["int8"]
        assert figures[name]["difference"] == 0.0


def test_the_difference_is_int8_minus_fp32(exported: Path) -> None:
    fp32, int8 = Model(exported / "mine-fp32.onnx"), Model(exported / "mine.onnx")
    iou = compare_accuracy(fp32, int8, gate_clips(None)[:3])["iou"]
    assert iou["difference"] == pytest.approx(iou["int8"] - iou["fp32"], abs=1e-4)


def test_a_loss_up_to_the_maximum_passes_and_a_larger_one_is_refused() -> None:
    refuse_loss({"iou": {"difference": -0.005}}, 0.005)
    refuse_loss({"iou": {"difference": 0.1}}, 0.0)
    message = (
        r"loses 0\.60 IoU points against fp32, more than the 0\.5 allowed; nothing was written.*--max-loss"
    )
    with pytest.raises(ExportError, match=message):
        refuse_loss({"iou": {"difference": -0.006}}, 0.005)


def test_the_speed_is_cpu_time_per_second_of_audio(exported: Path) -> None:
    fp32, int8 = Model(exported / "mine-fp32.onnx"), Model(exported / "mine.onnx")
    speed = compare_speed(fp32, int8)
    assert speed.fp32_ms_per_s > 0
    assert speed.int8_ms_per_s > 0
    assert speed.times_faster == pytest.approx(speed.fp32_ms_per_s / speed.int8_ms_per_s, rel=0.5)
