"""Tests of the section on other tools: its sentences follow from the figures."""

from __future__ import annotations

from typing import Any

from benchmarks import peers
from benchmarks.peers.agreement import KINDS, Counts, summary
from benchmarks.peers.costs import FILE, LIVE, NETWORK
from benchmarks.peers.page import SETS
from benchmarks.peers.presence import presence_rows


def figures() -> dict[str, Any]:
    """Figures without recordings."""
    missing = {"skipped": "no recordings"}
    costs = {
        "rounds": 3,
        "audio_s": 60.0,
        "cpu_s_per_s": {NETWORK: [4.0], FILE: [8.0], LIVE: [10.0]},
        "failed": {},
        "settings": {},
        "models": {FILE: "a", LIVE: "b"},
    }
    return {
        "not_installed": {},
        "costs": costs,
        "instructions": missing,
        "masks": missing,
        "agreement": missing,
    }


def test_skipped_measurements_state_their_reasons() -> None:
    found = figures()
    found["not_installed"] = {"librosa": "No matching distribution found for librosa"}
    text = peers.section(found)
    assert text.count("Skipped: no recordings.") == 3
    assert "Skipped: librosa (No matching distribution found for librosa)." in text


def test_the_section_states_the_best_other_mask_even_if_it_is_better() -> None:
    found = figures()
    found["masks"] = {
        name: {
            "threshold": 0.5,
            "setting": {"std": std},
            "sets": {key: {"recordings": 3, "iou": iou, "iou_interval": [0.1, 0.9]} for key in SETS},
        }
        for name, std, iou in (("birdedge-int8", 1, 0.4), ("scikit-maad", 2, 0.5), ("noisereduce", 3, 0.3))
    }
    found["masks"]["median-threshold"] = {"skipped": "it needs scipy"}
    text = peers.section(found)
    assert "- mixes: the best of the others is scikit-maad, 10.0 points ABOVE ours." in text
    assert "- median-threshold is skipped: it needs scipy." in text


def test_the_section_states_which_tool_has_fewer_false_detections() -> None:
    found = figures()
    noise = summary([Counts(100, 0, 0, 3, 4, 0), Counts(100, 1, 0, 0, 0, 0)])
    found["agreement"] = dict.fromkeys(KINDS, noise)
    text = peers.section(found)
    assert "| no birds (2) | 200 | 1 | 0: 0.0 % [0.0..79.3] | 3: 1.5 %" in text
    assert "BirdNET in 6 [" in text
    assert "BirdNET has fewer." in text


def test_field_clips_have_a_row_per_tool_and_score() -> None:
    found = figures()
    found["agreement"] = dict.fromkeys(KINDS, summary([Counts(100, 0, 0, 3, 4, 0)]))
    assert "ield clips" not in peers.section(found)
    ours, theirs = [[0.9, 0.8], [0.7], [], []], [[0.1, 0.9], [0.0, 0.0], [0.3, 0.2], [0.05, 0.0]]
    rows = presence_rows(ours, theirs, [0.5] * 4, [True, True, False, False])
    found["agreement"]["field"] = rows
    text = peers.section(found)
    assert "that people listened to: 2 with a bird, 2 without." in text
    assert "| birdedge | 100.0 % [34.2..100.0] | 0.0 % [0.0..65.8] | 1 [1..1] | 3 [" in text
    assert "| BirdNET, score above 0.25 | 50.0 % [" in text
    assert "| BirdNET, score above 0.3 | 50.0 % [" in text
    assert "BirdNET detects 50.0 % of the clips with a bird, and birdedge 100.0 %." in text


def test_the_part_has_the_target_of_its_costs() -> None:
    found = figures()
    assert not peers.targets(found)
    found["costs"]["cpu_s_per_s"]["BirdNET V2.4"] = [40.0]
    assert [target.reached for target in peers.targets(found)] == [True]
