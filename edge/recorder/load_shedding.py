"""Load shedding: a recorder that cannot keep up analyses less, one step at a time, and recovers."""

from __future__ import annotations

from dataclasses import dataclass

from birdedge.edge.models.names import ARCHIVE_MODEL, SMALL_MODEL

BEHIND_S = 1.0  # backlog of waiting audio; less than the ring holds, so nothing has been lost yet
BEHIND_FOR_S = 3.0
KEEPING_UP_S = 0.25
FIRST_TRIAL_S, MAX_TRIAL_S = 60.0, 3600.0


@dataclass(frozen=True)
class LoadLevel:
    """How much is analysed: `listen_s` of every `every_s` seconds, by `model` in place of the default one."""

    name: str
    model: str | None = None
    listen_s: float = 1.0
    every_s: float = 1.0


LEVELS = (
    LoadLevel("all audio"),
    LoadLevel("all audio in longer calls", ARCHIVE_MODEL),
    LoadLevel("all audio with the smaller model", SMALL_MODEL),
    LoadLevel("50 % of the audio", SMALL_MODEL, 10.0, 20.0),
    LoadLevel("20 % of the audio", SMALL_MODEL, 10.0, 50.0),
)


class LoadShedder:
    """Chooses the load level from the backlog.

    A step down follows when more than a second of audio has waited for three seconds. A step up is tried after a
    minute without backlog; each failed trial doubles this wait, up to an hour.

    Attributes:
        level: the present load level.
    """

    def __init__(self) -> None:
        self.level = LEVELS[0]
        self._behind_since_s: float | None = None
        self._keeping_up_since_s: float | None = None
        self._trial_s = FIRST_TRIAL_S
        self._on_trial = False

    def update(self, backlog_s: float, now_s: float) -> bool:
        """Take the backlog at a moment; return whether the level changed."""
        self._behind_since_s = (self._behind_since_s or now_s) if backlog_s > BEHIND_S else None
        self._keeping_up_since_s = (self._keeping_up_since_s or now_s) if backlog_s < KEEPING_UP_S else None
        step = LEVELS.index(self.level)
        kept_up_s = 0.0 if self._keeping_up_since_s is None else now_s - self._keeping_up_since_s
        if not step and kept_up_s >= MAX_TRIAL_S:
            self._trial_s, self._on_trial = FIRST_TRIAL_S, False
        if self._behind_since_s is not None and now_s - self._behind_since_s >= BEHIND_FOR_S:
            if self._on_trial:
                self._trial_s = min(2 * self._trial_s, MAX_TRIAL_S)
            return self._change(min(step + 1, len(LEVELS) - 1), on_trial=False)
        if step and kept_up_s >= self._trial_s:
            return self._change(step - 1, on_trial=True)
        return False

    def _change(self, step: int, on_trial: bool) -> bool:
        changed = LEVELS[step] is not self.level
        self.level, self._on_trial = LEVELS[step], on_trial
        self._behind_since_s = self._keeping_up_since_s = None
        return changed
