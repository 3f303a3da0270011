"""Queries that return a single value."""

from __future__ import annotations

import sqlite3
from typing import Any


def scalar(db: sqlite3.Connection, query: str, *values: object) -> Any:
    """Return the first value of the first row; None if there is no row."""
    row = db.execute(query, values).fetchone()
    return None if row is None else row[0]
