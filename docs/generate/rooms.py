"""The rooms of the source tree, their floors, and the imports between them, read from the source with `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
VOCABULARY = "vocabulary"  # the files directly in edge/
FLOORS = (  # the rooms of edge/ from the first floor up: a room imports from lower floors only
    (VOCABULARY,),
    ("system",),
    ("models", "formats", "synthesis"),
    ("audio", "pipeline"),
    ("plots", "sinks", "diagnostics"),
    ("clips", "archive", "integrations"),
    ("database",),
    ("recorder", "monitoring"),
    ("companion",),
    ("web",),
    ("cli",),
)
WORKSTATION = ("train", "export")  # each one room, above all floors; only they import torch
PUBLIC_API = "edge/__init__.py"  # gathers names from several floors, and is imported by no room

Arrow = tuple[str, str]  # the room that imports, the room it imports from


def room(path: Path) -> str:
    """Return the room of a source file, such as `pipeline`.

    Args:
        path: Relative to the root of the repository.
    """
    top, *rest = path.parts
    if top != "edge":
        return top
    return rest[0] if (ROOT / top / rest[0]).is_dir() else VOCABULARY


def floor(name: str) -> int:
    """Return the floor of a room, from 1; rooms of the workstation stand above the last.

    Raises:
        ValueError: The room has no floor yet.
    """
    if name in WORKSTATION:
        return len(FLOORS) + 1 + WORKSTATION.index(name)
    for number, names in enumerate(FLOORS, 1):
        if name in names:
            return number
    raise ValueError(f"the room {name!r} has no floor: add it to FLOORS in docs/generate/rooms.py")


def imports() -> dict[Arrow, set[str]]:
    """Return the files that import from another room, keyed by both rooms; imports under TYPE_CHECKING count."""
    found: dict[Arrow, set[str]] = {}
    for top in ("edge", *WORKSTATION):
        for path in sorted((ROOT / top).rglob("*.py")):
            source = path.relative_to(ROOT)
            if source.as_posix() == PUBLIC_API:
                continue
            for target in _targets(ast.parse(path.read_text(encoding="utf-8"))):
                arrow = room(source), room(target)
                if arrow[0] != arrow[1]:
                    found.setdefault(arrow, set()).add(source.as_posix())
    return found


def upward(arrows: Iterable[Arrow]) -> list[Arrow]:
    """Return the arrows that break the rule: to the same floor or a higher one."""
    return sorted((source, target) for source, target in arrows if floor(target) >= floor(source))


def direct(arrows: Iterable[Arrow]) -> list[Arrow]:
    """Return the downward arrows that do not follow from a chain of others (the transitive reduction)."""
    down = {(source, target) for source, target in arrows if floor(target) < floor(source)}
    below: dict[str, set[str]] = {}
    for name in sorted({source for source, _ in down}, key=floor):
        nearest = {target for source, target in down if source == name}
        below[name] = nearest.union(*(below.get(target, set()) for target in nearest))
    return sorted(
        (source, target)
        for source, target in down
        if not any(start == source and target in below.get(other, set()) for start, other in down)
    )


def _targets(tree: ast.Module) -> Iterable[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, *parts = name.split(".")
            # birdedge itself holds the version and the group of commands, which belong to no room.
            if package == "birdedge" and parts and parts[0] in ("edge", *WORKSTATION):
                yield Path(*parts)
