"""`birdedge inspect` prints the card of a model."""

import json

from tests.support.commands import birdedge


def test_inspect_prints_the_card(tmp_path):
    output, _ = birdedge("inspect", cwd=tmp_path)
    assert "birdedge" in output
    card = json.loads(birdedge("inspect", "birdedge-fp32", "--json", cwd=tmp_path)[0])
    assert card["precision"] == "fp32"
    assert card["grid"]["sample_rate_hz"] == 32_000
