"""All SQL is in edge/database; each file there either reads or writes rows, except for the labels, a small database."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

EDGE = Path(__file__).parents[1] / "edge"
DATABASE = EDGE / "database"
READERS = {
    *("run_queries.py", "coverage_queries.py", "event_queries.py", "clip_queries.py", "history_queries.py"),
    *("event_pages.py", "clock_lines.py", "labels.py"),
}
WRITERS = {"rows.py", "labels.py"}
SQL = re.compile(
    r"\b(?:SELECT\s.*\bFROM|SELECT\s+\S+|INSERT\s+(?:OR\s|INTO\s)|UPDATE\s+\w+\s+SET|DELETE\s+FROM|REPLACE\s+INTO"
    r"|(?:CREATE|DROP|ALTER)\s+(?:TABLE|VIEW|INDEX)|PRAGMA\s|BEGIN\s*;|WITH\s+\w+\s+AS)",
    re.DOTALL,
)


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each string in a Python file, except docstrings; an f-string gives all its text."""
    tree = ast.parse(source)
    skipped = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            skipped.add(id(node.body[0].value))  # type: ignore[attr-defined]
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
            skipped.update(id(part) for part in parts)
            yield node.lineno, "?".join(str(part.value) for part in parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def selects(source: str) -> list[str]:
    """Return the strings that read rows, unless as part of a statement that writes."""
    return [
        text
        for _, text in texts(source)
        if re.search(r"\bSELECT\b", text) and not re.match(r"\s*(?:INSERT|UPDATE|DELETE|CREATE)\b", text)
    ]


def files(inside: bool) -> list[Path]:
    """Return the Python files of edge/ inside or outside the database."""
    return sorted(path for path in EDGE.rglob("*.py") if (DATABASE in path.parents) == inside)


@pytest.mark.parametrize("path", files(inside=False), ids=lambda path: str(path.relative_to(EDGE)))
def test_a_file_outside_the_database_folder_contains_no_sql(path: Path) -> None:
    found = [line for line, text in texts(path.read_text(encoding="utf-8")) if SQL.search(text)]
    assert found == []


@pytest.mark.parametrize("path", files(inside=True), ids=lambda path: path.name)
def test_only_readers_select_rows(path: Path) -> None:
    found = selects(path.read_text(encoding="utf-8"))
    assert bool(found) == (path.name in READERS)


@pytest.mark.parametrize("path", files(inside=True), ids=lambda path: path.name)
def test_only_writers_write_rows(path: Path) -> None:
    writes = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b")
    found = [text for _, text in texts(path.read_text(encoding="utf-8")) if writes.search(text)]
    assert bool(found) == (path.name in WRITERS)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ('db.execute("SELECT count(*) FROM events")', [1]),
        ('db.execute(f"DELETE FROM {table}")', [1]),
        ('db.execute(\n    f"INSERT OR REPLACE INTO {table} VALUES (?)"\n)', [2]),
        ('"""SELECT a FROM b."""\nx = "UPDATE clips SET path = 1"', [2]),
        ('"""Select a model."""\nx = "update the clips"\ny = "DELETE me"', []),
    ],
)
def test_sql_is_recognized(source: str, lines: list[int]) -> None:
    assert [line for line, text in texts(source) if SQL.search(text)] == lines
