"""The fastest precision is chosen, and training continues without a compiler that fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.support.training import SHORT, train_quietly, with_training


def test_training_reports_a_failed_compilation_and_continues(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: torch.nn.Module) -> object:
        def call(*_: object) -> None:
            raise RuntimeError("no C++ compiler\nand more of it")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    said: list[str] = []
    for compiled in (True, False):
        recipe = with_training(SHORT, compile=compiled)
        train_quietly(recipe, recordings, tmp_path / str(compiled), say=said.append)
    assert said.count("torch.compile failed (no C++ compiler); continuing without it at normal speed") == 1
    histories = [json.loads((tmp_path / name / "history.json").read_text()) for name in ("True", "False")]
    assert histories[0] == histories[1]


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_is_used_if_the_processor_supports_it(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool, precision: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.ops.mkldnn._is_mkldnn_bf16_supported", lambda: native)
    said: list[str] = []
    train_quietly(with_training(SHORT, precision="auto"), recordings, tmp_path / "run", say=said.append)
    assert precision in said[0]
