"""The SQL that converts between the boot clock and UTC with the table `clock_lines`."""

from __future__ import annotations


def line_at(boot: str, boot_s: str, name: str = "line") -> str:
    """Return the join with the clock line of a moment."""
    return f"""JOIN clock_lines AS {name} ON {name}.boot = {boot} AND {name}.from_s = (
        SELECT max(from_s) FROM clock_lines WHERE boot = {boot} AND from_s <= {boot_s})"""


def utc_at(boot_s: str, line: str = "line") -> str:
    """Return the UTC of a moment, by its clock line."""
    return f"({boot_s} + {line}.offset_s + {line}.slope * ({boot_s} - {line}.from_s))"


def boot_s_at(utc_s: str) -> str:
    """Return the boot clock of a row of `boots` at a UTC; it is below 0 if the UTC is before the boot."""
    return f"""coalesce((
        SELECT from_s + ({utc_s} - from_s - offset_s) / (1 + slope) FROM clock_lines
        WHERE clock_lines.boot = boots.id AND from_s + offset_s <= {utc_s} ORDER BY from_s DESC LIMIT 1
    ), -1.0)"""


# The boot clock of each boot at the UTC ?1. Computed once, not for every row.
BOOTS_AT = f"""WITH boots_at AS MATERIALIZED (
    SELECT boots.id AS boot, clock, {boot_s_at("?1")} AS boot_s FROM boots ORDER BY boots.id
)"""
