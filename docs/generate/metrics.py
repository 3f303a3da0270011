"""The metrics that Prometheus reads, from the code that prints them."""

from __future__ import annotations

from benchmarks.report.markdown import markdown_table
from birdedge.edge.monitoring.metrics import FAMILIES


def metrics_table() -> str:
    """Return every metric with its type and its meaning."""
    rows = [(f"`{name}`", kind, text.rstrip(".")) for name, (kind, text) in FAMILIES.items()]
    return "\n".join([*markdown_table(("metric", "type", "meaning"), rows), ""])
