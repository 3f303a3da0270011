"""How many samples were lost before they arrived, estimated from arrival times.

A device reports that its buffer overflowed, but not by how much. A sound server or a network stream that drops unread
samples reports nothing.
"""

from __future__ import annotations

import math

STEADY_S = 0.5
STEP_S = 0.1  # a smaller step may be a change of buffering


class OverrunDetector:
    """Estimates from each block's arrival how many samples were lost directly before it.

    After a reported overflow, the loss is the time between the end of the previous block and the start of this one.
    Without a report, a loss shows as a step: for `steady_s` every block arrives at least `step_s` later than before.
    Samples that were only delayed would have caught up by then.

    Args:
        sample_rate_hz: Nominal rate of the samples.
        steady_s: How long blocks must be late.
        step_s: How late they must be; also how much their delay may vary meanwhile.
    """

    def __init__(self, sample_rate_hz: int, steady_s: float = STEADY_S, step_s: float = STEP_S) -> None:
        self._rate_hz, self._min_steady_s, self._min_step_s = sample_rate_hz, steady_s, step_s
        self._samples = 0  # so far, lost samples included
        self._block_end_s = math.inf
        self._usual_delay_s = math.inf
        self._steady_since_s, self._steady_delay_s, self._min_delay_s = 0.0, math.inf, math.inf

    def lost_samples(self, block_samples: int, arrival_s: float, age_s: float, overflowed: bool) -> int:
        """Return how many samples per channel were lost directly before a block.

        Args:
            block_samples: Length of the block.
            arrival_s: Arrival of the block on a monotonic clock.
            age_s: Time from the recording of the block's first sample to its arrival.
            overflowed: Whether the device reported an overflow before the block.
        """
        start_s = arrival_s - age_s
        delay_s = arrival_s - (self._samples + block_samples) / self._rate_hz
        lost_s = max(0.0, start_s - self._block_end_s) if overflowed else self._step_s(delay_s, arrival_s)
        lost = round(lost_s * self._rate_hz)
        self._samples += lost + block_samples
        self._block_end_s = start_s + block_samples / self._rate_hz
        return lost

    def _step_s(self, delay_s: float, arrival_s: float) -> float:
        """Return the step in the delay once it has been steady, else 0; each step is returned once."""
        if not abs(delay_s - self._steady_delay_s) <= self._min_step_s:
            self._steady_since_s, self._steady_delay_s, self._min_delay_s = arrival_s, delay_s, delay_s
        self._min_delay_s = min(self._min_delay_s, delay_s)
        if arrival_s - self._steady_since_s < self._min_steady_s:
            return 0.0
        step_s = self._min_delay_s - self._usual_delay_s
        step_s = step_s if step_s > self._min_step_s else 0.0
        self._usual_delay_s = self._min_delay_s - step_s  # follows the drift of the sample clock
        self._steady_since_s, self._steady_delay_s = arrival_s, delay_s - step_s
        self._min_delay_s = math.inf
        return step_s
