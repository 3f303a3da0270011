"""The schemas of the recorder's database and of the labels, taken from the programs that create them."""

from __future__ import annotations

import ast

from docs.generate.rooms import ROOT


def schema(file: str = "schema.py") -> str:
    """Return the SQL that creates the tables of a database, read from a file of edge/database/.

    Raises:
        ValueError: The file holds no schema, or more than one.
    """
    found = [
        node.value
        for node in ast.walk(ast.parse((ROOT / "edge" / "database" / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "CREATE TABLE" in node.value
    ]
    if len(found) != 1:
        raise ValueError(
            f"edge/database/{file} holds {len(found)} strings with CREATE TABLE; keep the schema in one string"
        )
    return found[0].strip()


def schema_block() -> str:
    """Return the schema as a block of a page."""
    return f"```sql\n{schema()}\n```\n"


def labels_block() -> str:
    """Return the schema of the labels as a block of a page."""
    return f"```text\n{schema('labels.py')}\n```\n"
