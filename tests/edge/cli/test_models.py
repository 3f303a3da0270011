"""`birdedge models` lists the bundled models."""

import json

from birdedge.edge.models.names import bundled_models
from tests.support.commands import birdedge


def test_models_lists_the_bundled_models_with_licence_and_cost(tmp_path):
    output, _ = birdedge("models", cwd=tmp_path)
    cards = {card["name"]: card for card in json.loads(birdedge("models", "--json", cwd=tmp_path)[0])}
    assert set(cards) == set(bundled_models())
    for name, card in cards.items():
        (line,) = (row for row in output.splitlines() if row.split()[:1] in ([name], [name + "*"]))
        assert card["licence"] in line
        assert f"{card['macs_per_s'] / 1e6:.0f}" in line.split()
