"""The health of a recorder: one record for the daemon, its database, `birdedge status` and metrics."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True)
class Health:
    """What a running recorder reports about itself every few seconds.

    Counts cover the present run. A `..._problem` is one sentence for a person, or None.
    """

    device: str = ""
    backlog_s: float = 0.0  # audio captured and not yet analysed
    load_level: str = ""
    left_out_s: float = 0.0  # the longest time without audio at this load level
    device_losses: int = 0
    overflows: int = 0  # reported by PortAudio
    clips_written: int = 0
    clips_dropped: int = 0  # the disk was too slow for them
    clips_failed: int = 0
    clips_capped: int = 0  # left out: their hour already had max_per_hour clips
    clips_with_speech: int = 0  # left out: people spoke in them
    clips_deleted: int = 0  # to make room, or because of their age
    files_deleted: int = 0  # mask and table files, deleted to make room
    rows_deleted: int = 0  # old database rows about neither events nor audio that was heard
    input_problem: str | None = None  # a problem with the samples, such as channels of opposite phase
    silent_s: float = 0.0  # digital silence, which no microphone delivers
    dropped_messages: int = 0  # never reached the database: too many waited for the disk
    clip_problem: str | None = None
    retention_problem: str | None = None
    output_problem: str | None = None  # a problem with tables, masks or the denoised audio
    free_mb: float | None = None
    temperature_c: float | None = None
    throttled: bool | None = None
    latitude_deg: float | None = None  # position of the recorder, rounded as in its clips
    longitude_deg: float | None = None

    @property
    def problems(self) -> dict[str, str]:
        """What needs a person's attention: one sentence for each field name."""
        sentences = {
            "input_problem": self.input_problem,
            "clip_problem": self.clip_problem,
            "retention_problem": self.retention_problem,
            "output_problem": self.output_problem,
            "clips_dropped": self.clips_dropped
            and f"{self.clips_dropped} clip(s) were dropped: the disk is too slow for them",
            "dropped_messages": self.dropped_messages
            and f"{self.dropped_messages} message(s) never reached the database: check its disk",
            "throttled": self.throttled
            and "the board is throttled: check its power supply and its temperature",
        }
        return {name: str(sentence) for name, sentence in sentences.items() if sentence}

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> Self:
        """Return the health that a recorder of this or another version stored; unknown keys are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in table.items() if key in known})
