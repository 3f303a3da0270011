"""The schema of the recorder's database, taken from the program that creates it."""

from __future__ import annotations

import ast

from docs.generate.rooms import ROOT


def schema() -> str:
    """Return the SQL that creates the tables, as it is written in edge/database/.

    Raises:
        ValueError: No file there, or more than one, holds a schema.
    """
    found = [
        node.value
        for path in sorted((ROOT / "edge" / "database").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "CREATE TABLE" in node.value
    ]
    if len(found) != 1:
        raise ValueError(f"edge/database/ holds {len(found)} texts with CREATE TABLE: keep the schema in one")
    return found[0].strip()


def schema_block() -> str:
    """Return the schema as a block of a page."""
    return f"```sql\n{schema()}\n```\n"
