"""The GUANO fields of a clip, from which it can be read back without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from birdedge import __version__
from birdedge.edge.clips.clip import Clip, CutClip
from birdedge.edge.clips.folder import size_bytes
from birdedge.edge.clips.speech_band import MAX_HZ
from birdedge.edge.errors import AudioFileError
from birdedge.edge.formats.guano import read_guano


def clip_fields(cut: CutClip) -> dict[str, str]:
    """Return the fields of a clip: the standard ones, and birdedge's own with the prefix `birdedge|`."""
    fields = {
        "Timestamp": cut.utc.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "Length": f"{len(cut.samples) / cut.sample_rate_hz:.6f}",
        "Samplerate": str(cut.sample_rate_hz),
        "Make": "birdedge",
        "Model": cut.device or "birdedge",
        "Firmware Version": __version__,
        "birdedge|Model": cut.card.name,
        "birdedge|First Sample": str(cut.first_sample),
        "birdedge|Lost Samples": str(cut.lost_samples),
        "birdedge|Score": f"{cut.score:.4f}",
    }
    if cut.erase_speech:
        fields["birdedge|Speech"] = f"erased below {MAX_HZ:.0f} Hz"
    if not cut.events:
        return fields
    start_s = cut.first_sample / cut.sample_rate_hz
    events = [
        {
            "number": number,
            "onset_s": round(event.onset_s - start_s, 3),  # after the start of the clip
            "offset_s": round(event.offset_s - start_s, 3),
            "low_hz": round(event.low_hz, 1),
            "high_hz": round(event.high_hz, 1),
            "score": round(event.score, 4),
        }
        for number, event in cut.events.items()
    ]
    low_hz, high_hz = cut.band_hz
    return fields | {
        "birdedge|Low Hz": f"{low_hz:.1f}",
        "birdedge|High Hz": f"{high_hz:.1f}",
        "birdedge|Events": json.dumps(events),
    }


def read_clip(path: Path) -> Clip | None:
    """Return the clip that the fields of an audio file describe; None if it is not a clip of birdedge, or damaged."""
    try:
        fields = read_guano(path)
        rate_hz = int(fields["Samplerate"])
        return Clip(
            path,
            datetime.fromisoformat(fields["Timestamp"]),
            rate_hz,
            int(fields["birdedge|First Sample"]),
            round(float(fields["Length"]) * rate_hz),
            int(fields["birdedge|Lost Samples"]),
            tuple(event["number"] for event in json.loads(fields.get("birdedge|Events", "[]"))),
            size_bytes(path),
            float(fields["birdedge|Score"]),
        )
    except (AudioFileError, OSError, KeyError, ValueError):
        return None
