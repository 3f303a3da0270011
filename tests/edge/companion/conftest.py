"""A recorder that writes now, a broker and a subscriber."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from birdedge.edge.companion import mqtt
from tests.support.mosquitto import DURABLE, Mosquitto, Subscriber, running_broker, subscribed
from tests.support.mqtt import LiveRecorder


@pytest.fixture
def recorder(tmp_path: Path) -> LiveRecorder:
    """Return a recorder that runs in this boot."""
    return LiveRecorder(tmp_path / "oak")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Return a running broker."""
    with running_broker(tmp_path / "broker", DURABLE) as broker:
        yield broker


@pytest.fixture
def subscriber(broker: Mosquitto) -> Iterator[Subscriber]:
    """Return a subscriber of everything."""
    with subscribed(broker.port) as subscriber:
        yield subscriber


@pytest.fixture
def fast_mqtt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for new rows, and retry, more often than a recorder needs."""
    monkeypatch.setattr(mqtt, "POLL_S", 0.05)
    monkeypatch.setattr(mqtt, "REPORT_S", 0.05)
    monkeypatch.setattr(mqtt, "FIRST_RETRY_S", 0.1)
    monkeypatch.setattr(mqtt, "MAX_RETRY_S", 0.2)
