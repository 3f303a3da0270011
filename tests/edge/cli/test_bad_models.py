"""A model file that cannot be used: one sentence on standard error, exit code 1, no traceback, no incomplete file."""

import json
from pathlib import Path

import onnx
import pytest

from birdedge.edge.models.card import CARD_KEY
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.models.validation import DIGEST_KEY, with_digest


def edited_model(path, change):
    """Write the default model with a changed card, or with none if `change` returns None."""
    model = onnx.load(bundled_models()[DEFAULT_MODEL])
    cards = [entry for entry in model.metadata_props if entry.key == CARD_KEY]
    for entry in cards:
        card = change(json.loads(entry.value))
        if card is None:
            model.metadata_props.remove(entry)
        else:
            entry.value = json.dumps(card)
    entries = [entry for entry in model.metadata_props if entry.key != DIGEST_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(entries)
    path.write_bytes(with_digest(model.SerializeToString()))


def truncated_model(path):
    content = bundled_models()[DEFAULT_MODEL].read_bytes()
    path.write_bytes(content[: len(content) // 2])


BAD_MODELS = {
    "missing": (lambda _: None, "there is no model"),
    "wrong": (lambda path: path.write_text("no model", encoding="utf-8"), "not an ONNX model"),
    "empty": (lambda path: path.write_bytes(b""), "not an ONNX model"),
    "directory": (Path.mkdir, "is a directory"),
    "truncated": (truncated_model, "not an ONNX model"),
    "without card": (lambda path: edited_model(path, lambda _: None), "without a birdedge card"),
    "newer": (lambda path: edited_model(path, lambda c: {**c, "card_version": 99}), "update birdedge"),
    "other graph": (
        lambda path: edited_model(path, lambda c: {**c, "chunk_frames": 64}),
        "contradicts its graph",
    ),
    "impossible": (
        lambda path: edited_model(path, lambda c: {**c, "chunk_frames": 0}),
        "it must lie in 1..512",
    ),
}


@pytest.mark.parametrize("kind", BAD_MODELS)
def test_an_unusable_model_is_an_error(failing, good, tmp_path, kind):
    make, error = BAD_MODELS[kind]
    make(tmp_path / "bad.onnx")
    model = ("--model", "bad.onnx")
    assert error in failing("listen", good, "--fast", "--out", "out", *model)
    assert error in failing("segment", good, "--out", "out", "--jobs", 2, *model)
    assert error in failing("inspect", "bad.onnx")


@pytest.mark.parametrize("kind", BAD_MODELS)
def test_a_configuration_with_an_unusable_model_is_an_error(failing, tmp_path, kind):
    make, error = BAD_MODELS[kind]
    make(tmp_path / "bad.onnx")
    (tmp_path / "config.toml").write_text('model = "bad.onnx"', encoding="utf-8")
    assert error in failing("config", "check", "config.toml")
