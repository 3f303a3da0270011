"""A figure that was measured several times: its median, with the least and the most."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

Spread = Mapping[str, float]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Keys: median, least, most."""
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def shown(values: Spread, scale: float = 1.0, digits: int = 2) -> str:
    """As text, `1.23 (1.20 to 1.31)`; `scale` makes milliseconds of seconds."""
    middle, least, most = (f"{scale * values[key]:.{digits}f}" for key in ("median", "least", "most"))
    return f"{middle} ({least} to {most})"


def percentiles(values: Sequence[float], percents: Sequence[int] = (50, 95, 99)) -> dict[str, float]:
    """Keys: p50, p95, p99 or what `percents` says, most, count."""
    import numpy as np  # its threads are numbered when it is loaded, which is not for this file to decide

    found = {f"p{percent}": float(np.percentile(values, percent)) for percent in percents}
    return {**found, "most": max(values), "count": len(values)}
