"""Imports follow the floors: each room of edge/ lies on a floor, and imports only lower floors and itself.

Imports under TYPE_CHECKING and inside functions count too. `edge/__init__.py` is the public API above all rooms.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
API = "the public API"
FLOORS = {
    "root": 1,
    **dict.fromkeys(("system",), 2),
    **dict.fromkeys(("models", "formats", "synthesis"), 3),
    **dict.fromkeys(("audio", "pipeline"), 4),
    **dict.fromkeys(("plots", "sinks", "diagnostics"), 5),
    **dict.fromkeys(("clips", "archive", "integrations"), 6),
    **dict.fromkeys(("database",), 7),
    **dict.fromkeys(("recorder", "monitoring"), 8),
    **dict.fromkeys(("companion",), 9),
    **dict.fromkeys(("web",), 10),
    **dict.fromkeys(("cli",), 11),
    API: 12,
}
PARTS = {"edge": {"edge"}, "train": {"train", "edge"}, "export": {"export", "train", "edge"}}
# I/O, clocks, threads and logs.
FORBIDDEN_IN_PIPELINE = {
    *(
        "asyncio",
        "concurrent",
        "datetime",
        "glob",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "queue",
    ),
    *(
        "select",
        "shutil",
        "signal",
        "socket",
        "soundfile",
        "sqlite3",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
    ),
    *("time", "warnings"),
}
ARCHIVE_PACKAGES = {"dask", "distributed", "fsspec", "pyarrow"}
WEB_PACKAGES = {"anyio", "jinja2", "starlette", "uvicorn", "websockets"}
TRAINING_PACKAGES = {"lightning_fabric", "onnx", "onnxscript", "scipy", "tensorboard", "torch"}


def imported_names(source: str) -> Iterator[str]:
    """Yield the full name of each import; a relative one keeps its dots."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def room_of(name: str) -> str:
    """Return the room of an imported name below `birdedge.edge`."""
    first = name.removeprefix("birdedge.edge").removeprefix(".").partition(".")[0]
    if (ROOT / "edge" / first).is_dir() and first:
        return first
    return "root" if (ROOT / "edge" / f"{first}.py").is_file() else API


def edge_violations(room: str, source: str) -> list[str]:
    """Return the imports of a file in a room of edge/ that break the rules."""
    forbidden = {"", *PARTS, *TRAINING_PACKAGES}
    if room == "pipeline":
        forbidden |= FORBIDDEN_IN_PIPELINE
    if room != "cli":
        forbidden |= {"click"}
    if room != "web":
        forbidden |= WEB_PACKAGES
    if room != "archive":
        forbidden |= ARCHIVE_PACKAGES
    if room != "integrations":
        forbidden |= {"paho"}
    against = []
    for name in imported_names(source):
        package = name.partition(".")[0]
        if name == "birdedge.edge" or name.startswith("birdedge.edge."):
            is_allowed = room_of(name) == room or FLOORS[room_of(name)] < FLOORS[room]
        elif package == "birdedge":
            is_allowed = name == "birdedge.__version__"
        elif room == "root":
            is_allowed = package == "numpy" or package in sys.stdlib_module_names
        else:
            is_allowed = package not in forbidden
        if not is_allowed:
            against.append(name)
    return against


def part_violations(part: str, source: str) -> list[str]:
    """Return the imports of a file in edge/, train/ or export/ that lead upwards, or use another name for a part."""
    against = []
    for name in imported_names(source):
        first, _, rest = name.partition(".")
        if first == "birdedge":
            is_allowed = rest.partition(".")[0] not in {*PARTS, "cli"} - PARTS[part]
        else:
            is_allowed = first not in ("", *PARTS)
        if not is_allowed:
            against.append(name)
    return against


def files_of(part: str) -> list[Path]:
    """Return the files of a part, relative to the checkout."""
    return sorted(path.relative_to(ROOT) for path in (ROOT / part).rglob("*.py"))


def test_every_folder_of_edge_has_a_floor() -> None:
    assert {path.parts[1] for path in files_of("edge") if len(path.parts) > 2} <= set(FLOORS)


@pytest.mark.parametrize("path", files_of("edge"), ids=str)
def test_a_file_of_edge_imports_only_lower_floors_and_its_own_room(path: Path) -> None:
    room = path.parts[1] if len(path.parts) > 2 else API if path.name == "__init__.py" else "root"
    assert edge_violations(room, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("part", PARTS)
def test_imports_go_from_export_to_train_to_edge_and_never_back(part: str) -> None:
    against = {
        str(path): found
        for path in files_of(part)
        if (found := part_violations(part, (ROOT / path).read_text(encoding="utf-8")))
    }
    assert against == {}


@pytest.mark.parametrize(
    ("room", "source", "is_allowed"),
    [
        ("plots", "from birdedge.edge.pipeline.pipeline import Pipeline", True),
        ("plots", "from birdedge.edge.plots.figure import draw", True),
        ("plots", "from birdedge import __version__", True),
        ("plots", "from birdedge.edge import errors", True),
        ("plots", "from birdedge.edge.sinks.sink import Sink", False),
        ("plots", "def f():\n    from birdedge.edge.clips.file import Clip", False),
        ("plots", "if TYPE_CHECKING:\n    import birdedge.edge.clips.file", False),
        ("plots", "from birdedge.edge import Model", False),
        ("plots", "from ..clips import file", False),
        ("plots", "import click", False),
        ("plots", "import torch.nn", False),
        ("plots", "from birdedge.cli import main", False),
        ("plots", "from birdedge.train.networks.unet import UNet", False),
        ("cli", "import click", True),
        ("cli", "import uvicorn", False),
        ("cli", "import pyarrow", False),
        ("archive", "import pyarrow", True),
        ("web", "from starlette.routing import Route", True),
        ("companion", "import starlette", False),
        ("companion", "import paho.mqtt.client", False),
        ("integrations", "import paho.mqtt.client", True),
        ("integrations", "from birdedge.edge.database import event_queries", False),
        ("recorder", "from birdedge.edge.companion.folders import find_folders", False),
        ("audio", "from birdedge.edge.pipeline.pipeline import Pipeline", False),
        ("pipeline", "from birdedge.edge.audio.file import AudioFile", False),
        ("pipeline", "import time", False),
        ("pipeline", "from threading import Event", False),
        ("pipeline", "import torch", False),
        ("pipeline", "import soxr", True),
        ("root", "import numpy as np", True),
        ("root", "import soundfile", False),
        ("root", "from birdedge.edge.system.clock import monotonic_s", False),
        (API, "from birdedge.edge.models.model import Model", True),
    ],
)
def test_the_floor_rules_allow_or_reject_each_import(room: str, source: str, is_allowed: bool) -> None:
    assert (edge_violations(room, source) == []) is is_allowed


@pytest.mark.parametrize(
    ("source", "is_allowed"),
    [
        ("from birdedge.edge.event import Event", True),
        ("from birdedge import __version__", True),
        ("import numpy", True),
        ("from birdedge.train.networks import unet", False),
        ("from birdedge.cli import main", False),
        ("import train.unet", False),
        ("from ..train import unet", False),
    ],
)
def test_the_part_rules_allow_or_reject_each_import(source: str, is_allowed: bool) -> None:
    assert (part_violations("edge", source) == []) is is_allowed
