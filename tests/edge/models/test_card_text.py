"""The card as text."""

from __future__ import annotations

import dataclasses

from birdedge.edge.models.card_text import card_page
from birdedge.edge.models.model import Model


def test_the_text_states_input_cost_threshold_and_training_data() -> None:
    model = Model("birdedge-int8")
    card = dataclasses.replace(
        model.card,
        figures={"split": "test", "mixes": {"iou": 0.65, "recordings": 200}},
        quantization={"int8_against_fp32": {"recordings": 96, "iou": {"fp32": 0.66, "int8": 0.65}}},
        training_data=(
            {"kind": "birds", "tier": "open", "source": "a/b", "licence": "CC0-1.0", "files": 14},
        ),
    )
    page = card_page(card, model.path)
    assert page.startswith("birdedge-int8 (int8), made with birdedge ")
    assert "\n  input        32000 Hz mono, 62.5 to 16000 Hz\n" in page
    assert f"({model.path.stat().st_size / 1000:.0f} kB)\n" in page
    assert (
        f"\n  cost         {card.macs_per_s / 1e6:.0f} million multiply-accumulates per second of audio\n"
        in page
    )
    assert (
        f"\n  threshold    probability {card.threshold:.2f}; an event is a bird with a probability of at least "
        in page
    )
    assert "\nmeasured\n  split: test\n  mixes: iou 0.65, recordings 200\n" in page
    assert "\nquantization\n  int8 against fp32: recordings 96, iou (fp32 0.66, int8 0.65)\n" in page
    assert page.endswith("\ntrained on\n                 14 birds (open: CC0-1.0) from a/b")
