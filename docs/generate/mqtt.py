"""Topics and payloads of MQTT, printed from the code that publishes them."""

from __future__ import annotations

import json

from benchmarks.report.markdown import markdown_table
from birdedge import __version__
from birdedge.edge.companion.mqtt_messages import batch_payload, event_payload, gap_payload, status_payload
from birdedge.edge.database.coverage_queries import GapRow, NewGap
from birdedge.edge.database.event_queries import EventRow, NewEvent
from birdedge.edge.health import Health
from birdedge.edge.integrations.home_assistant import ALERT_TYPES, discovery_payload
from birdedge.edge.integrations.mqtt import MqttSettings, topics_of
from birdedge.edge.monitoring.status import Status

RECORDER_ID = "oak_3_7f3a91c2"
UTC_S = 1_777_610_467.804
EVENT = EventRow(
    id=123,
    utc_s=UTC_S,
    uncertainty_s=0.02,
    corrected=False,
    onset_s=5000.0,
    onset_sample=160_000_000,
    offset_sample=160_027_520,
    duration_s=0.86,
    low_hz=1343.8,
    high_hz=4718.8,
    peak_hz=1625.0,
    score=0.957,
    area_hz_s=812.0,
    snr_db=6.1,
    sound_class="bird",
    class_score=0.9,
    busy_10_s=0.1,
    busy_30_s=0.1,
    busy_60_s=0.1,
    alike=0,
)
NEW_EVENT = NewEvent("5a1f1e52", EVENT)
NEW_GAP = NewGap(7, "5a1f1e52", 4000.0, GapRow(UTC_S - 1000.0, 12.4, "device lost", lasts=False))
STATUS = Status(
    state="listening",
    generated_utc_s=UTC_S,
    site="Oak 3",
    version=__version__,
    model="birdedge-int8",
    last_audio_s=0.2,
    coverage_today=0.9998,
    coverage_since_start=0.9999,
    heard_s=86_400.0,
    gaps_today=(),
    unknown_gaps=0,
    events_today=841,
    events=12_004,
    clock_synchronized=True,
    clock="synchronized",
    clock_uncertainty_s=0.02,
    disk_problem=None,
    copy_problem=None,
    health=Health(device="USB Audio", load_level="all audio", free_mb=21_340.0, temperature_c=51.4),
)
MEANINGS = {
    "availability": (
        "yes",
        "`online`, or `offline` after the companion stops, is killed or loses its connection",
    ),
    "event": (
        "no",
        "one event that an automation may react to: never an old one, and at most one per `min_interval_s`",
    ),
    "events": ("no", "every event once, in batches; `late` is true for an event that waited for the broker"),
    "gap": (
        "no",
        "a gap, which is time without audio: once when it begins, if it lasts, and once when it is over",
    ),
    "alert": (
        "no",
        "what the rules under `[[alert]]` found, with `event_type` " + " or ".join(map(repr, ALERT_TYPES)),
    ),
    "status": ("yes", "the status, every `status_interval_s` and whenever it changes"),
    "discovery": ("yes", "the description of the device for Home Assistant"),
}


def topics_table() -> str:
    """Return all topics of a recorder."""
    topics = topics_of(MqttSettings(), RECORDER_ID)._asdict()
    rows = [(f"`{topic}`", *MEANINGS[name]) for name, topic in topics.items()]
    return "\n".join([*markdown_table(("topic", "retained", "payload"), rows), ""])


def payloads_block() -> str:
    """Return an example of each payload."""
    topics = topics_of(MqttSettings(), RECORDER_ID)
    payloads = {
        topics.event: event_payload(NEW_EVENT, left_out=4),
        topics.events: batch_payload([(NEW_EVENT, False)]),
        topics.gap: gap_payload(NEW_GAP, is_late=False),
        topics.status: status_payload(STATUS, UTC_S),
        topics.discovery: discovery_payload(
            MqttSettings(dashboard_url="http://oak3.local:8088/"),
            RECORDER_ID,
            "Oak 3",
            has_disk=True,
            has_temperature=True,
        ),
    }
    lines = []
    for topic, payload in payloads.items():
        text = json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
        lines += [f"`{topic}`", "", "```json", text, "```", ""]
    return "\n".join(lines)
