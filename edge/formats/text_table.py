"""Events as aligned text for a terminal."""

from __future__ import annotations

import math

from birdedge.edge.event import Event

BAR_CHARACTERS = 10


def header() -> str:
    """Return the column titles without a line end."""
    return f"{'onset':>13}  {'length':>8}  {'band':>14}  {'peak':>9}  {'score':<15}  {'SNR':>8}"


def row(event: Event) -> str:
    """Return one event as ASCII text in the columns of `header`, without a line end."""
    band = f"{event.low_hz / 1000:.1f}-{event.high_hz / 1000:.1f} kHz"
    peak = f"{event.peak_hz / 1000:.2f} kHz"
    bar = "#" * round(BAR_CHARACTERS * event.score)
    snr = f"{event.snr_db:z.1f} dB" if math.isfinite(event.snr_db) else "-"
    return (
        f"{clock(event.onset_s):>13}  {event.duration_s:>6.2f} s  {band:>14}  {peak:>9}"
        f"  {event.score:.2f} {bar:<{BAR_CHARACTERS}}  {snr:>8}"
    )


def clock(time_s: float) -> str:
    """Return a time as `mm:ss.mmm`, or `h:mm:ss.mmm` from one hour."""
    seconds, milliseconds = divmod(round(time_s * 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02}:{seconds:02}.{milliseconds:03}"
    return f"{hours}:{clock}" if hours else clock
