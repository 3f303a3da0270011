"""Prometheus reads the metrics of all recorders from the dashboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from birdedge.edge.web.pages import metrics
from tests.support.web import browser


def test_metrics_of_all_recorders_are_served(recorded: Path, tmp_path: Path) -> None:
    answer = browser(recorded, tmp_path / "missing").get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family.samples for family in text_string_to_metric_families(answer.text)}
    up = {sample.labels["recorder"]: sample.value for sample in families["birdedge_up"]}
    assert up == {"oak": 1, "missing": 0}


def test_the_databases_are_read_once_for_many_requests(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def read(_folders: dict[str, Path], _now_utc_s: float, earlier: str) -> str:
        calls.append(earlier)
        return f"read {len(calls)}\n"

    monkeypatch.setattr(metrics, "metrics_text", read)
    client = browser(recorded)
    assert {client.get("/metrics").text for _ in range(5)} == {"read 1\n"}
    monkeypatch.setattr(metrics, "MIN_AGE_S", 0.0)
    assert client.get("/metrics").text == "read 2\n"
    assert calls == ["", "read 1\n"]
