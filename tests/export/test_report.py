"""The report of an export."""

from __future__ import annotations

from pathlib import Path

from birdedge.edge.models.model import Model
from birdedge.export.export import Exported
from birdedge.export.quality_gate import SpeedComparison
from birdedge.export.report import report_page


def test_the_report_lists_both_precisions_and_their_difference(exported: Path) -> None:
    cards = {p: Model(p).card for p in (exported / "mine.onnx", exported / "mine-fp32.onnx")}
    page = report_page(Exported(cards, SpeedComparison(6.0, 4.0, 1.5)))
    iou = cards[exported / "mine.onnx"].quantization["int8_against_fp32"]["iou"]
    assert f"| iou | {iou['fp32']} | {iou['int8']} | {iou['difference']} |" in page
    assert "1.50 times as fast" in page
    assert "| mine-fp32.onnx | fp32 | 16 |" in page


def test_the_report_of_an_fp32_export_has_no_comparison(exported: Path) -> None:
    path = exported / "mine-fp32.onnx"
    page = report_page(Exported({path: Model(path).card}, None))
    assert "| mine-fp32.onnx | fp32 | 16 |" in page
    assert "torch on whole sequences and the ONNX graph as a stream: " in page
    assert "## int8 against fp32" not in page
    assert "times as fast" not in page
