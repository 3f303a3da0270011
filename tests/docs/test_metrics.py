"""The pages describe the metrics and the JSON status that the programs print."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.health import Health
from birdedge.edge.monitoring.metrics import FAMILIES
from birdedge.edge.monitoring.status import read_status, status_table
from docs.generate.rooms import ROOT
from tests.edge.monitoring.test_status_command import listening
from tests.support.markdown import code_blocks

PAGE = ROOT / "docs" / "metrics-and-alerts.md"
DASHBOARD = ROOT / "docs" / "grafana-dashboard.json"
LABELS = {"recorder", "state", "cause", "problem", "load_level", "version", "model", "site"}


def queries(part: Any) -> list[str]:
    """Return the queries of a dashboard, including those of its variables."""
    if isinstance(part, list):
        return [query for item in part for query in queries(item)]
    if not isinstance(part, dict):
        return []
    own = [part[key] for key in ("expr", "query") if isinstance(part.get(key), str)]
    return own + [query for item in part.values() for query in queries(item)]


def check_rules(folder: Path, rules: str) -> None:
    """Let Prometheus read a file of rules."""
    file = folder / "rules.yml"
    file.write_text(rules, encoding="utf-8")
    subprocess.run(["promtool", "check", "rules", file], check=True, timeout=30, capture_output=True)


def check_names(text: str) -> None:
    assert set(re.findall(r"birdedge_\w+", text)) <= set(FAMILIES)
    assert set(re.findall(r"(\w+)(?==~?\")", text)) <= LABELS


def test_the_dashboard_queries_only_existing_metrics_and_labels(tmp_path: Path) -> None:
    found = queries(json.loads(DASHBOARD.read_text(encoding="utf-8")))
    expressions = [
        query for query in found if query.startswith(("birdedge", "rate", "increase", "time", "3600"))
    ]
    assert len(expressions) >= 13
    for query in found:
        check_names(query)
    rules = "".join(
        f"  - record: r{n}\n    expr: {json.dumps(query)}\n" for n, query in enumerate(expressions)
    )
    check_rules(tmp_path, f"groups:\n- name: dashboard\n  rules:\n{rules}")


def test_a_query_for_an_unknown_metric_or_label_is_detected() -> None:
    for query in ("birdedge_event_total", 'birdedge_up{source="oak"}'):
        with pytest.raises(AssertionError):
            check_names(query)


def test_the_rules_for_prometheus_are_valid(tmp_path: Path) -> None:
    _, rules = code_blocks(PAGE.read_text(encoding="utf-8"), "yaml")
    check_names(rules)
    check_rules(tmp_path, rules)


def test_the_audio_rule_fires_without_audio_but_not_during_a_pause(tmp_path: Path) -> None:
    _, rules = code_blocks(PAGE.read_text(encoding="utf-8"), "yaml")
    check_rules(tmp_path, rules)
    series = [
        {"series": f'{name}{{recorder="{recorder}"{label}}}', "values": f"{value}x20"}
        for recorder, paused in (("oak", 0), ("elm", 1))
        for name, label, value in (
            ("birdedge_last_audio_timestamp_seconds", "", 0),
            ("birdedge_state", ', state="paused"', paused),
        )
    ]
    fires = {"exp_labels": {"recorder": "oak"}, "exp_annotations": {}}
    cases = [
        {"eval_time": "2m", "alertname": "BirdedgeNoAudio", "exp_alerts": []},
        {"eval_time": "10m", "alertname": "BirdedgeNoAudio", "exp_alerts": [fires]},
    ]
    test = {
        "rule_files": ["rules.yml"],
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": cases}],
    }
    file = tmp_path / "test.yml"
    file.write_text(json.dumps(test), encoding="utf-8")  # which is YAML too
    done = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_keys_of_the_status_are_documented(tmp_path: Path) -> None:
    listening(tmp_path, Health())
    table = status_table(read_status(tmp_path, time.time()))
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    section = page.partition("\n## Status\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [*table, *table["health"]]
