"""Model files with a changed card."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from birdedge.edge.models.card import CARD_KEY
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.models.validation import DIGEST_KEY, with_digest
from tests.support.models import Change, EditedModel


@pytest.fixture
def edited_model(tmp_path: Path) -> EditedModel:
    """Return a function that writes the bundled model with its card changed by another function."""

    def edit(change: Change) -> Path:
        model = onnx.load(bundled_models()[DEFAULT_MODEL])
        entries = {entry.key: entry.value for entry in model.metadata_props}
        assert set(entries) == {CARD_KEY, DIGEST_KEY}
        del model.metadata_props[:]
        card = change(json.loads(entries[CARD_KEY]))
        if card is not None:
            text = card if isinstance(card, str) else json.dumps(card)
            model.metadata_props.append(onnx.StringStringEntryProto(key=CARD_KEY, value=text))
        path = tmp_path / "edited.onnx"
        path.write_bytes(with_digest(model.SerializeToString()))
        return path

    return edit
