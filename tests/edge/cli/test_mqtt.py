"""`birdedge mqtt` tests a real broker and removes recorders from it; `birdedge serve` publishes them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.edge.cli.test_serve import COMPANION_MB, resident_mb
from tests.support.commands import birdedge, run
from tests.support.missing import without
from tests.support.mosquitto import HOST, free_port, running_broker, subscribed
from tests.support.mqtt import LiveRecorder, events, topic_of
from tests.support.serving import serving
from tests.support.waiting import wait_until


def configured(folder: Path, port: int) -> Path:
    path = folder / "config.toml"
    path.write_text(f'[mqtt]\nhost = "{HOST}"\nport = {port}\n', encoding="utf-8")
    return path


def test_a_companion_publishes_in_little_memory_and_its_recorder_can_be_removed(tmp_path: Path) -> None:
    recorder = LiveRecorder(tmp_path / "birds")
    with running_broker(tmp_path / "broker") as broker, subscribed(broker.port) as subscriber:
        config = configured(tmp_path, broker.port)
        with serving("birds", "--config", config, cwd=tmp_path) as dashboard:
            availability = topic_of(subscriber, "/availability")
            recorder.detect(500)
            wait_until(lambda: len(events(subscriber)) == 500, timeout_s=20.0)
            assert resident_mb(dashboard.process.pid) < COMPANION_MB
            maps = Path(f"/proc/{dashboard.process.pid}/maps").read_text()
            assert "numpy" not in maps
            _, error = birdedge("mqtt", "remove", "birds", "--config", config, cwd=tmp_path, exit_code=1)
            assert "is in use by another birdedge" in error
        wait_until(lambda: subscriber.texts(availability)[-1] == "offline")
        removed, _ = birdedge("mqtt", "remove", "birds", "--config", config, cwd=tmp_path)
        assert removed.strip().removeprefix("removed ") in availability
        wait_until(lambda: subscriber.texts(availability)[-1] == "")


def test_a_test_tries_the_settings(tmp_path: Path) -> None:
    with running_broker(tmp_path / "broker") as broker, subscribed(broker.port) as subscriber:
        config = configured(tmp_path, broker.port)
        said, _ = birdedge("mqtt", "test", "--config", config, cwd=tmp_path)
        assert said == f"{HOST}:{broker.port} has acknowledged a message to birdedge/test\n"
        wait_until(lambda: subscriber.texts("birdedge/test") == ["{}"])


@pytest.mark.parametrize("words", [("test",), ("remove", ".")])
def test_without_a_broker_the_error_says_what_to_do(tmp_path: Path, words: tuple[str, ...]) -> None:
    _, error = birdedge("mqtt", *words, cwd=tmp_path, exit_code=1)
    assert "has no broker; set host under [mqtt]" in error


def test_without_paho_the_error_names_the_extra(tmp_path: Path) -> None:
    config = configured(tmp_path, free_port())
    for words in (("mqtt", "test"), ("mqtt", "remove", "."), ("serve", ".", "--listen", "127.0.0.1:0")):
        LiveRecorder(tmp_path).run_log.close()
        done = run(sys.executable, "-c", without("paho"), *words, "--config", config, cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr.decode().endswith("install it with `pip install 'birdedge[mqtt]'`\n")
        assert "Traceback" not in done.stderr.decode()


def test_a_missing_recorder_and_an_unreachable_broker_are_reported(tmp_path: Path) -> None:
    config = configured(tmp_path, free_port())
    _, error = birdedge("mqtt", "remove", ".", "--config", config, cwd=tmp_path, exit_code=1)
    assert "there is no recorder in ." in error
    _, error = birdedge("mqtt", "test", "--config", config, cwd=tmp_path, exit_code=1)
    assert "cannot be reached (Connection refused)" in error
