"""Regions of the mask as aligned text for a terminal: events and rejected regions, each with its decision."""

from __future__ import annotations

from birdedge.edge.event import Event
from birdedge.edge.formats.text_table import clock


def header() -> str:
    """Return the column titles without a line end."""
    return (
        f"{'onset':>11}  {'offset':>11}  {'band':>14}  {'score':>5}  {'class':<12}  {'busy 10/30/60 s':>15}"
        "  alike  decision"
    )


def row(region: Event, decision: str) -> str:
    """Return one region as text in the columns of `header`, without a line end."""
    band = f"{region.low_hz / 1000:.1f}-{region.high_hz / 1000:.1f} kHz"
    busy = "/".join(f"{100 * share:.0f}" for share in (region.busy_10_s, region.busy_30_s, region.busy_60_s))
    return (
        f"{clock(region.onset_s):>11}  {clock(region.offset_s):>11}  {band:>14}  {region.score:>5.2f}"
        f"  {region.sound_class:<7} {region.class_score:.2f}  {busy + ' %':>15}  {region.alike:>5}  {decision}"
    )
