"""Clock readings and stamps: when something happened, on the boot clock and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The source of UTC in a boot: nothing, a person or a clock chip, or a synchronized clock.
ClockState = Literal["unknown", "set", "synchronized"]


@dataclass(frozen=True)
class ClockReading:
    """What the clocks of the machine show at one moment."""

    boot_s: float  # seconds since the machine started; never set or slewed, counts while it sleeps
    utc_s: float  # seconds since 1970
    synchronized: bool | None  # whether the network, GPS or the like keeps the clock right; None: unknown
    max_error_s: float = 0.0  # error of utc_s while synchronized; grows until the next synchronization
    chip_agrees: bool = False  # whether a battery-backed clock shows the same UTC


@dataclass(frozen=True)
class Stamp:
    """The time of one sample of a stream. Only the `Timekeeper` makes stamps."""

    sample: int  # since the stream began, gaps included
    elapsed_s: float  # seconds since the first sample of the stream
    boot_s: float  # seconds of the boot clock; for a recording, the same as elapsed_s
    utc_s: float | None  # None for a recording
    uncertainty_s: float  # the largest error of boot_s
    synchronized: bool  # whether a synchronized clock has confirmed utc_s
