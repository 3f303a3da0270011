"""Errors of the export."""

from __future__ import annotations

from birdedge.edge.errors import BirdedgeError


class ExportError(BirdedgeError, RuntimeError):
    """A network that cannot stream, or an export whose forms do not agree."""
