"""The JSON form of the figures, which model cards, benchmark results and scripts read, keeps its keys and order."""

from __future__ import annotations

import json

from birdedge.train.evaluation.card_figures import card_figures
from birdedge.train.evaluation.figures import (
    CalibrationFigures,
    EvaluationFigures,
    Figure,
    LevelFigures,
    MaskFigures,
    NoiseFigures,
    NoiseKindFigures,
    PresenceFigures,
    RecallFigures,
)
from birdedge.train.evaluation.table import evaluation_table

FIGURES = EvaluationFigures(
    name="mine",
    threshold=0.71,
    split="test",
    masks={
        "painted": MaskFigures(
            recordings=2,
            iou=Figure(0.5, (0.4, 0.6)),
            dice=Figure(0.66, (0.57, 0.75)),
            pr_auc=Figure(0.7, (0.6, 0.8)),
            best_iou=0.52,
            best_threshold=0.6,
            per_recording=Figure(0.45, (0.4, 0.5)),
            event_f1={0.3: Figure(0.4), 0.5: Figure(None)},
            event_recall=Figure(0.3, (0.2, 0.4)),
            event_recall_below_1200_hz=Figure(0.1, (0.0, 0.2)),
            event_recall_above_1200_hz=Figure(0.35),
            each={"a": 0.4, "b": 0.5},
        )
    },
    recall={
        "boxes": RecallFigures(
            3, 7, Figure(0.8, (0.7, 0.9)), Figure(0.7, (0.6, 0.8)), {0.3: Figure(0.6), 0.5: Figure(0.2)}
        )
    },
    noise=NoiseFigures(
        4,
        5,
        0.1,
        Figure(50.0, (10.0, 90.0)),
        Figure(0.5, (0.1, 0.9)),
        {"rain": NoiseKindFigures(50.0, 5, 6.0)},
    ),
    presence=PresenceFigures(6, 8, Figure(0.9, (0.6, 1.0)), Figure(0.25), Figure(0.8, (0.7, 0.9))),
    levels={"painted": LevelFigures({-30: 0.4, 0: 0.5, 20: 0.45})},
    calibration={"painted": CalibrationFigures(0.01, ((0.05, 0.04, 10), (None, None, 0)))},
)
PLAIN = """{
 "name": "mine",
 "threshold": 0.71,
 "split": "test",
 "painted": {
  "recordings": 2,
  "iou": 0.5, "iou_interval": [0.4, 0.6],
  "dice": 0.66, "dice_interval": [0.57, 0.75],
  "pr_auc": 0.7, "pr_auc_interval": [0.6, 0.8],
  "best_iou": 0.52, "at": 0.6,
  "per_recording": 0.45, "per_recording_interval": [0.4, 0.5],
  "event_f1_at_0.3": 0.4, "event_f1_at_0.5": null,
  "event_recall": 0.3, "event_recall_interval": [0.2, 0.4],
  "event_recall_below_1200_hz": 0.1, "event_recall_below_1200_hz_interval": [0.0, 0.2],
  "event_recall_above_1200_hz": 0.35,
  "each": {"a": 0.4, "b": 0.5}
 },
 "boxes": {
  "recordings": 3, "labels": 7,
  "covered": 0.8, "covered_interval": [0.7, 0.9],
  "found": 0.7, "found_interval": [0.6, 0.8],
  "recall_at_0.3": 0.6, "recall_at_0.5": 0.2
 },
 "noise": {
  "recordings": 4, "false_events": 5, "hours": 0.1, "per_hour": 50.0, "per_hour_interval": [10.0, 90.0],
  "recordings_with_events": 0.5, "recordings_with_events_interval": [0.1, 0.9],
  "kinds": {"rain": {"per_hour": 50.0, "false_events": 5, "minutes": 6.0}}
 },
 "presence": {
  "clips_with_birds": 6, "clips_without_birds": 8,
  "recall": 0.9, "recall_interval": [0.6, 1.0],
  "false_alarms": 0.25,
  "roc_auc": 0.8, "roc_auc_interval": [0.7, 0.9]
 },
 "levels": {"painted": {"-30": 0.4, "0": 0.5, "+20": 0.45, "max_change": 0.1}},
 "calibration": {"painted": {"error": 0.01, "mean_probability_bird_share_bins": [[0.05, 0.04, 10], [null, null, 0]]}}
}"""


def test_the_json_form_has_each_set_as_a_section() -> None:
    assert json.dumps(FIGURES.to_dict()) == json.dumps(json.loads(PLAIN))


def test_a_model_card_omits_tables_and_figures_of_single_recordings() -> None:
    card = card_figures(FIGURES)
    plain = json.loads(PLAIN)
    left_out = {"each", "kinds", "dice_interval", "pr_auc_interval"}
    left_out |= {key for key in plain["painted"] if key.endswith(("1200_hz", "1200_hz_interval"))}
    expected = {"threshold": 0.71, "split": "test"}
    expected |= {
        name: {key: value for key, value in plain[name].items() if key not in left_out}
        for name in ("painted", "boxes", "noise")
    }
    expected |= {"noise_per_hour": {"rain": 50.0}, "presence": plain["presence"]}
    expected["level_change"] = {"painted": 0.1}
    expected["calibration_error"] = {"painted": 0.01}
    assert json.dumps(card) == json.dumps(expected)


def test_a_table_has_a_row_per_figure_with_its_interval() -> None:
    lines = evaluation_table([FIGURES]).splitlines()
    rows = dict(line.rsplit("  ", 1) for line in lines[1:])
    shown = {name.strip(): cell for name, cell in rows.items()}
    assert shown["painted iou"] == "0.500 [0.400..0.600]"
    assert shown["painted event f1 at 0.5"] == "-"
    assert shown["noise kinds rain per hour"] == "50.0"
    assert shown["presence roc auc"] == "0.800 [0.700..0.900]"
    assert shown["levels painted max change"] == "0.100"
    assert "calibration painted mean probability bird share bins" not in shown
