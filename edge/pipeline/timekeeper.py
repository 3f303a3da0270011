"""From samples to time: a line through what the clock said as sound arrived.

Sound arrives late, by a delay that changes, and never early; so of each half minute the arrival that was least late
counts. The slope of the line through these is the crystal's own rate: microphones differ from their nominal rate by
50 ppm and more, which is four seconds a day.
"""

from __future__ import annotations

import numpy as np

WINDOW_S = 30.0
MAX_WINDOWS = 240  # two hours: a crystal follows the day's temperature
MIN_WINDOWS = 10  # until then the nominal rate is the better guess
MAX_DRIFT = 1e-3  # more is no crystal but lost sound
ARRIVAL_S = 0.2  # how late the least late arrival may be


class Timekeeper:
    """Tell it of each arrival (`sample`: how many had been heard then), ask it when a sample was.

    Attributes:
        drift: the crystal's rate less the nominal, as a share of it (50e-6 is 50 ppm); 0 until it is known.
        uncertainty_s: how far a time may be off, the boot's clock taken as true.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.drift = 0.0
        self.uncertainty_s = ARRIVAL_S
        self._windows: list[
            tuple[float, float]
        ] = []  # nominal seconds and lateness of the least late in each
        self._late_s = 0.0

    def arrived(self, sample: int, boot_s: float) -> None:
        """The sound up to `sample` had arrived when the boot's clock showed `boot_s`."""
        nominal_s = sample / self.sample_rate_hz
        point = nominal_s, boot_s - nominal_s
        if not self._windows or nominal_s // WINDOW_S > self._windows[-1][0] // WINDOW_S:
            self._windows = [*self._windows[1 - MAX_WINDOWS :], point]
        elif point[1] < self._windows[-1][1]:
            self._windows[-1] = point
        else:
            return
        self._fit()

    def boot_s(self, sample: int) -> float:
        """What the boot's clock showed when that sample was heard."""
        return sample / self.sample_rate_hz * (1 - self.drift) + self._late_s

    def _fit(self) -> None:
        nominal_s, late_s = np.array(self._windows).T
        slope = 0.0
        if len(nominal_s) >= MIN_WINDOWS:
            # The last window may still find a less late arrival.
            slope = float(np.polyfit(nominal_s[:-1], late_s[:-1], 1)[0])
            slope = slope if abs(slope) <= MAX_DRIFT else 0.0
        self.drift = -slope
        rest_s = late_s - slope * nominal_s
        self._late_s = float(rest_s.min()) if len(rest_s) < MIN_WINDOWS else float(np.median(rest_s))
        self.uncertainty_s = ARRIVAL_S + float(np.abs(rest_s - self._late_s).max())
