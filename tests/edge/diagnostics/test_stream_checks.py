"""Network streams are tried, and their problems are reported."""

from __future__ import annotations

import numpy as np
import pytest

from birdedge.edge.diagnostics.stream_checks import stream_checks
from tests.support.stream_servers import RATE_HZ, StreamServer, stream_server

SOUND = np.full(RATE_HZ, 0.5, np.float32) * np.tile([1, -1], RATE_HZ // 2).astype(np.float32)


def test_without_streams_ffmpeg_is_not_needed() -> None:
    assert list(stream_checks({})) == []


def test_a_stream_with_sound_passes_a_silent_one_warns_and_a_refused_one_fails() -> None:
    with (
        stream_server(StreamServer(SOUND, "keeper:s3cret", burst_s=3.0)) as loud,
        stream_server(StreamServer(SOUND, burst_s=3.0)) as quiet,
    ):
        quiet.silent.set()
        urls = {"a": loud.url, "b": quiet.url, "c": loud.url.replace("s3cret", "wr0ng")}
        checks = list(stream_checks(urls))
    assert [(check.name, check.state) for check in checks] == [
        ("ffmpeg", "ok"),
        ("stream a", "ok"),
        ("stream b", "warn"),
        ("stream c", "fail"),
    ]
    findings = " ".join(check.finding for check in checks)
    assert f"delivers {RATE_HZ} Hz, peak -6 dBFS" in findings
    assert "only digital silence" in findings
    assert "401 Unauthorized" in findings
    assert "s3cret" not in findings
    assert "wr0ng" not in findings


def test_without_ffmpeg_streams_are_not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    checks = list(stream_checks({"a": "http://radio/x"}))
    assert [(check.name, check.state) for check in checks] == [("ffmpeg", "fail"), ("stream a", "skip")]
