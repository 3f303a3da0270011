"""The drawing of the rooms: Graphviz text from the imports in the source, and the SVG that `dot` makes from it."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable

from docs.generate.rooms import FLOORS, WORKSTATION, direct, imports, upward

EDGE_COLOUR, WORKSTATION_COLOUR, LINE_COLOUR, BROKEN_COLOUR = "#e8f1ea", "#eceaf4", "#6b7280", "#dc2626"
HEAD = f"""digraph rooms {{
  graph [rankdir=TB, ranksep=0.42, nodesep=0.28, bgcolor=white, pad=0.2];
  node [shape=box, style="rounded,filled", fillcolor="{EDGE_COLOUR}", color="#9ca3af", fontsize=12,
    fontname="Helvetica,Arial,sans-serif", margin="0.14,0.06"];
  edge [color="{LINE_COLOUR}", arrowsize=0.55, penwidth=0.9];"""


def graph() -> str:
    """Return the rooms by floor and their direct imports as Graphviz text; upward arrows are red."""
    arrows = imports()
    rows = {f"floor {number}": names for number, names in enumerate(FLOORS, 1)}
    rows["workstation"] = WORKSTATION
    lines = [HEAD]
    for label, names in reversed(rows.items()):
        lines.append(f'  "{label}" [shape=plaintext, style="", fontcolor="{LINE_COLOUR}"];')
        lines.append(f"  {{ rank=same; {'; '.join(_quoted((label, *names)))}; }}")
    lines.append(f"  {' -> '.join(_quoted(reversed(rows)))} [style=invis];")
    lines += [f'  {name} [fillcolor="{WORKSTATION_COLOUR}"];' for name in _quoted(WORKSTATION)]
    lines += [f"  {' -> '.join(_quoted(arrow))};" for arrow in direct(arrows)]
    broken = f'[color="{BROKEN_COLOUR}", penwidth=2, constraint=false]'
    lines += [f"  {' -> '.join(_quoted(arrow))} {broken};" for arrow in upward(arrows)]
    return "\n".join([*lines, "}", ""])


def svg(text: str) -> str:
    """Return the SVG of a Graphviz text; it starts with the digest of that text.

    Raises:
        FileNotFoundError: Graphviz is not installed.
    """
    done = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True, check=True)
    drawing = re.sub(r"<!--.*?-->\n?", "", done.stdout[done.stdout.index("<svg") :], flags=re.S)
    return f"<!-- {digest(text)} -->\n{drawing}"


def digest(text: str) -> str:
    """Return the digest that identifies a Graphviz text, because versions of `dot` draw the same text differently."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]
