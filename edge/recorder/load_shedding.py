"""What a recorder that cannot keep up does, by rule: it becomes lighter a step at a time, and comes back."""

from __future__ import annotations

from dataclasses import dataclass

from birdedge.edge.models.names import ARCHIVE_MODEL, SMALL_MODEL

BEHIND_S = 1.0  # sound that waits; less than the ring holds, so that nothing has been lost yet
BEHIND_FOR_S = 3.0
WELL_S = 0.25
FIRST_TRIAL_S, MAX_TRIAL_S = 60.0, 3600.0


@dataclass(frozen=True)
class LoadLevel:
    """`listen_s` of every `every_s` seconds are looked at, by `model` in place of the default one."""

    name: str
    model: str | None = None
    listen_s: float = 1.0
    every_s: float = 1.0


MODES = (
    LoadLevel("all sound"),
    LoadLevel("longer calls", ARCHIVE_MODEL),
    LoadLevel("the smaller model", SMALL_MODEL),
    LoadLevel("half of the sound", SMALL_MODEL, 10.0, 20.0),
    LoadLevel("a fifth of the sound", SMALL_MODEL, 10.0, 50.0),
)


class LoadShedder:
    """Tell it how much sound waits, ask it for the mode.

    A step down comes when more than a second has waited for three seconds. A step up is tried after a minute that was
    well, and after twice as long each time the trial failed, an hour at most.
    """

    def __init__(self) -> None:
        self.mode = MODES[0]
        self._behind_since_s: float | None = None
        self._well_since_s: float | None = None
        self._trial_s = FIRST_TRIAL_S
        self._tried = False

    def waiting(self, waiting_s: float, now_s: float) -> bool:
        """So much sound waits now; whether the mode changed."""
        self._behind_since_s = (self._behind_since_s or now_s) if waiting_s > BEHIND_S else None
        self._well_since_s = (self._well_since_s or now_s) if waiting_s < WELL_S else None
        step = MODES.index(self.mode)
        if not step and self._well_since_s is not None and now_s - self._well_since_s >= MAX_TRIAL_S:
            self._trial_s, self._tried = FIRST_TRIAL_S, False
        if self._behind_since_s is not None and now_s - self._behind_since_s >= BEHIND_FOR_S:
            if self._tried:
                self._trial_s = min(2 * self._trial_s, MAX_TRIAL_S)
            return self._change(min(step + 1, len(MODES) - 1), tried=False)
        if step and self._well_since_s is not None and now_s - self._well_since_s >= self._trial_s:
            return self._change(step - 1, tried=True)
        return False

    def _change(self, step: int, tried: bool) -> bool:
        changed = MODES[step] is not self.mode
        self.mode, self._tried = MODES[step], tried
        self._behind_since_s = self._well_since_s = None
        return changed
