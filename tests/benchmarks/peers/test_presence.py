"""Tests of the presence of birds in field clips: both tools are compared on the same clips, at equal false alarms."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks.peers import birdnet
from benchmarks.peers.presence import equal_score, measure_presence, presence_rows
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.data.recordings import BIRD_HEARD, NO_BIRD_HEARD
from tests.support.indexes import index_row, write_index

LOUDEST = """
import sys, wave
import numpy as np
for path in sys.argv[1:]:
    with wave.open(path) as file:
        assert file.getframerate() == 48000
        windows = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 144000)
    print((abs(windows).max(axis=1) / 32768).tolist())
"""


def test_rows_compare_birdedge_with_birdnet_at_two_scores_and_at_equal_false_alarms() -> None:
    heard = [True, True, True, False, False, False, False]
    ours = [[0.9, 0.8], [0.7], [], [0.6], [], [], []]
    theirs = [[0.9, 0.1], [0.3, 0.3], [0.2, 0.1], [0.6, 0.3], [0.15, 0.1], [0.1, 0.1], [0.1, 0.0]]
    rows = presence_rows(ours, theirs, [0.5] * 7, heard)
    assert [row["min_score"] for row in rows] == [0.0, 0.25, 0.5, 0.15]
    assert [row["recall"] for row in rows] == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1], abs=1e-4)
    assert [row["false_alarms"] for row in rows] == [0.25, 0.25, 0.25, 0.25]
    assert [row["per_minute_with_birds"] for row in rows] == [2.0, 2.0, 0.7, 2.7]
    assert [row["per_minute_without_birds"] for row in rows] == [0.5, 1.0, 0.5, 1.0]
    assert rows[0]["roc_auc"] == pytest.approx((4 + 4 + 1.5) / 12, abs=1e-4)
    assert rows[1]["roc_auc"] == rows[2]["roc_auc"] == pytest.approx((4 + 3 + 3) / 12, abs=1e-4)
    low, high = rows[0]["per_minute_without_birds_interval"]
    assert low == 0.0
    assert high > 0.5


@pytest.mark.parametrize(("false_alarms", "score"), [(0, 0.9), (1, 0.5), (2, 0.5), (3, 0.0), (4, 0.0)])
def test_above_the_equal_score_there_are_no_more_false_alarms(false_alarms: int, score: float) -> None:
    scores = [0.5, 0.9, 0.5]
    assert equal_score(scores, false_alarms) == score
    assert sum(other > score for other in scores) <= false_alarms


def test_field_clips_of_the_test_split_are_scored_in_zero_padded_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {
        "birds 24x": "1",
        "birds 29x": "2",
        "birds 0x": "3",
        "noise 12x": "",
        "noise 20x": "",
        "noise 0x": "",
    }
    rows = [
        index_row(f"{name}.wav", kind="birds", original=name, species=f"{BIRD_HEARD} {number}")
        if number
        else index_row(f"{name}.wav", kind="noise", original=name, species=NO_BIRD_HEARD)
        for name, number in names.items()
    ]
    index = write_index(tmp_path, [*rows, index_row("unheard.wav", original="birds 31x", species="wren")])
    calls = soundscape(5.0, seed=31, calls_per_minute=60, snr_db=(20.0, 25.0)).samples
    for name in ("birds 24x", "birds 29x", "noise 12x", "noise 20x"):  # the clips of the test split
        soundfile.write(tmp_path / f"{name}.wav", calls if names[name] else np.full(160_000, 0.01), 32_000)
    script = tmp_path / "loudest.py"
    script.write_text(LOUDEST, encoding="utf-8")
    monkeypatch.setattr(birdnet, "prepare", lambda: [sys.executable, str(script)])
    ours, *_, theirs = measure_presence(index)
    for row in (ours, theirs):
        assert (row["clips_with_birds"], row["clips_without_birds"]) == (2, 2)
        assert (row["recall"], row["false_alarms"]) == (1.0, 0.0)
    assert 0.01 <= theirs["min_score"] < 0.02
    assert theirs["per_minute_with_birds"] == 24.0  # two windows in 5 s


def test_a_test_split_without_field_clips_has_no_rows(tmp_path: Path) -> None:
    assert measure_presence(write_index(tmp_path, [index_row("wren.wav")])) == []
