"""The messages that sinks receive, read from the source."""

from __future__ import annotations

import ast

from benchmarks.report.markdown import markdown_table
from docs.generate.rooms import ROOT


def messages_table() -> str:
    """Return every message with the first line of its docstring."""
    tree = ast.parse((ROOT / "edge" / "messages.py").read_text(encoding="utf-8"))
    rows = [
        (f"`{node.name}`", (ast.get_docstring(node) or "").splitlines()[0].rstrip("."))
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.decorator_list  # protocols have none
    ]
    return "\n".join([*markdown_table(("message", "meaning"), rows), ""])
