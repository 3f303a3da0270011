"""The drawing of the rooms follows from the imports in the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.generate.drawing import digest, graph
from docs.generate.rooms import FLOORS, ROOT, direct, floor, imports, room, upward


def test_every_folder_of_edge_has_a_floor() -> None:
    folders = {path.parent.name for path in (ROOT / "edge").glob("*/__init__.py")}
    assert folders <= {name for names in FLOORS for name in names}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("edge/event.py", "vocabulary"),
        ("edge/pipeline/run.py", "pipeline"),
        ("edge/models/bundled/__init__.py", "models"),
        ("train/data/mixing.py", "train"),
        ("export/cli.py", "export"),
    ],
)
def test_a_file_belongs_to_the_room_of_its_folder(path: str, name: str) -> None:
    assert room(Path(path)) == name


def test_a_room_without_a_floor_is_an_error() -> None:
    with pytest.raises(ValueError, match="'attic' has no floor"):
        floor("attic")


def test_an_arrow_implied_by_others_is_not_drawn() -> None:
    arrows = [("cli", "recorder"), ("recorder", "database"), ("cli", "database"), ("cli", "system")]
    assert direct(arrows) == [("cli", "recorder"), ("cli", "system"), ("recorder", "database")]


def test_an_arrow_to_the_same_or_a_higher_floor_is_upward() -> None:
    arrows = [("pipeline", "audio"), ("system", "cli"), ("cli", "system"), ("export", "train")]
    assert upward(arrows) == [("pipeline", "audio"), ("system", "cli")]


def test_imports_are_read_from_the_source() -> None:
    found = imports()
    assert "edge/audio/sources.py" in found["audio", "vocabulary"] | found["audio", "synthesis"]
    assert ("train", "export") not in found


def test_the_graph_contains_every_room_and_its_digest_identifies_it() -> None:
    text = graph()
    assert all(f'"{name}"' in text for names in FLOORS for name in names)
    assert digest(text) != digest(text + " ")
