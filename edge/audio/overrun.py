"""How much sound was lost before it reached us: what the clock says of it against the samples that came.

A device says that its buffer ran over, not by how much; a sound server that drops what nobody fetched says nothing.
"""

from __future__ import annotations

import math

STEADY_S = 0.5
STEP_S = 0.1  # less may be sound that waits elsewhere than before


class OverrunDetector:
    """Tell it of each block as it arrives, and it tells how many samples were lost just before that.

    Where the device says that it lost some, they are what fits between the last sample of the block before and the
    first of this one. Where it says nothing, they show when all sound of half a second has come later than before by
    more than 0.1 s: what was only held up would have been made up for by then.

    Args:
        sample_rate_hz: what the samples are counted by.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate_hz = sample_rate_hz
        self._samples = 0  # until now, lost ones too
        self._heard_until_s = math.inf
        self._usual_late_s = math.inf
        self._steady_since_s, self._steady_late_s, self._min_late_s = 0.0, math.inf, math.inf

    def lost_samples(self, samples: int, arrived_s: float, waited_s: float, told: bool) -> int:
        """How many are missing before a block.

        Args:
            samples: of the block, a channel.
            arrived_s: when it came, on a clock that never steps.
            waited_s: how long before that its first sample was heard.
            told: whether the device says that it lost some before it.
        """
        heard_s = arrived_s - waited_s
        late_s = arrived_s - (self._samples + samples) / self._rate_hz
        lost_s = max(0.0, heard_s - self._heard_until_s) if told else self._step_s(late_s, arrived_s)
        lost = round(lost_s * self._rate_hz)
        self._samples += lost + samples
        self._heard_until_s = heard_s + samples / self._rate_hz
        return lost

    def _step_s(self, late_s: float, arrived_s: float) -> float:
        """By how much sound comes later than before, told once and when it is sure."""
        if not abs(late_s - self._steady_late_s) <= STEP_S:
            self._steady_since_s, self._steady_late_s, self._min_late_s = arrived_s, late_s, late_s
        self._min_late_s = min(self._min_late_s, late_s)
        if arrived_s - self._steady_since_s < STEADY_S:
            return 0.0
        step_s = self._min_late_s - self._usual_late_s
        step_s = step_s if step_s > STEP_S else 0.0
        self._usual_late_s = self._min_late_s - step_s  # a crystal's drift is no loss
        self._steady_since_s, self._steady_late_s = arrived_s, late_s - step_s
        self._min_late_s = math.inf
        return step_s
