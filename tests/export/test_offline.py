"""What cannot stream is not exported to the recorder."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.errors import ExportError
from birdedge.export.export import export
from birdedge.train.networks.registry import build_network
from birdedge.train.training.checkpoint import save_checkpoint
from birdedge.train.training.recipe import read_recipe


@pytest.mark.parametrize("name", ["paper", "segnet"])
def test_a_network_that_sees_a_recording_whole_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    recipe = read_recipe(name)
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, build_network(recipe.network).state_dict(), recipe, {"threshold": 0.5})
    with pytest.raises(
        ExportError, match=rf"holds the network of recipe {name}, which sees a recording whole"
    ):
        export(path, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
