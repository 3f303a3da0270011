"""`birdedge verify` checks a model against its results at export."""

import json

import onnx

from birdedge.edge.models.card import CARD_KEY
from birdedge.edge.models.names import bundled_models
from birdedge.edge.models.validation import with_digest
from tests.support.commands import birdedge


def test_verify_passes_for_a_bundled_model(tmp_path):
    output, _ = birdedge("verify", "birdedge-int8", cwd=tmp_path)
    assert output.count("ok  ") == 2


def test_verify_fails_with_exit_code_1_if_the_answer_differs(tmp_path):
    model = onnx.load(bundled_models()["birdedge-int8"])
    entries = {entry.key: entry.value for entry in model.metadata_props}
    card = json.loads(entries[CARD_KEY])
    card["answer"][5] += 0.1
    onnx.helper.set_model_props(model, {CARD_KEY: json.dumps(card)})
    (tmp_path / "other.onnx").write_bytes(with_digest(model.SerializeToString()))
    output, stderr = birdedge("verify", "other.onnx", cwd=tmp_path, exit_code=1)
    assert "FAIL  birdedge-int8: answer equals export" in output
    assert "1 check(s) failed" in stderr
