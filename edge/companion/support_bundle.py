"""A file for support: what recorders and their machine report about themselves, without secrets."""

from __future__ import annotations

import csv
import io
import json
import platform
import sqlite3
import time
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path

from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.companion.redaction import redacted, redacted_error, redacted_setting, secrets_in
from birdedge.edge.database.connection import reading
from birdedge.edge.database.coverage_queries import gaps, load_levels
from birdedge.edge.database.history_queries import latest_runs
from birdedge.edge.diagnostics.system_checks import clock_check, disk_space_check
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.monitoring.status import read_status, status_page
from birdedge.edge.recorder.config_page import config_lines
from birdedge.edge.system.printable import valid_unicode

MAX_RUNS, MAX_GAPS, MAX_LEVELS = 200, 1000, 1000  # the newest
LIBRARIES = frozenset(
    {
        *(
            "birdedge",
            "numpy",
            "onnxruntime",
            "sounddevice",
            "soxr",
            "soundfile",
            "astral",
            "click",
            "jinja2",
        ),
        *("starlette", "uvicorn", "websockets", "h11", "anyio", "paho-mqtt", "tzdata"),
    }
)


def versions() -> dict[str, str]:
    """Return the versions of birdedge, of its libraries that are installed, of Python, SQLite and the system."""
    found = {
        name: one.version for one in distributions() if (name := one.metadata["Name"].lower()) in LIBRARIES
    }
    return {
        **dict(sorted(found.items())),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def support_bundle(folders: Sequence[RecorderFolder], config: Path | None) -> bytes:
    """Return a ZIP file of texts.

    Args:
        folders: The folders of the recorders.
        config: The configuration; None for the user's own.
    """
    secrets: set[str] = set()
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, text in _texts(folders, config, secrets):
            bundle.writestr(name, valid_unicode(redacted(text, secrets)))
    return content.getvalue()


def _texts(
    folders: Sequence[RecorderFolder], config: Path | None, secrets: set[str]
) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each file; the configuration comes first, because it holds the secrets."""
    try:
        lines = list(config_lines(config))
        secrets |= secrets_in(lines)
        yield "configuration.txt", "\n".join(map(redacted_setting, lines)) + "\n"
    except BirdedgeError as error:
        yield "configuration.txt", f"{redacted_error(error)}\n"
    yield "versions.txt", "".join(f"{name} {version}\n" for name, version in versions().items())
    checks = [clock_check(), *(disk_space_check(folder.path) for folder in folders)]
    yield (
        "checks.txt",
        "".join(f"{c.state} {c.name}: {c.finding}{f' ({c.fix})' if c.fix else ''}\n" for c in checks),
    )
    for folder in folders:
        try:
            yield f"{folder.name}/status.txt", status_page(read_status(folder.path, time.time())) + "\n"
            with reading(folder.path) as db:
                yield f"{folder.name}/log.csv", _log(db)
                yield f"{folder.name}/model.json", _model(db)
        except BirdedgeError as error:
            yield f"{folder.name}/problem.txt", f"{error}\n"


def _log(db: sqlite3.Connection) -> str:
    """Return the starts, gaps and load levels of a recorder, newest last."""
    rows = []
    for run in latest_runs(db, MAX_RUNS):
        ended = "" if run.ended else ", not stopped cleanly"
        rows.append((run.utc_s, "start", f"birdedge {run.version}, {run.model}, clock {run.clock}{ended}"))
    rows += [
        (
            gap.utc_s,
            "gap",
            f"{gap.cause}, {'unknown length' if gap.length_s is None else f'{gap.length_s:.3f} s'}",
        )
        for gap in gaps(db)[-MAX_GAPS:]
    ]
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("utc", "what", "text"))
    for utc_s, what, said in sorted(rows):
        lines.writerow(
            (datetime.fromtimestamp(max(0.0, utc_s), UTC).isoformat(timespec="milliseconds"), what, said)
        )
    for boot_s, level in load_levels(db)[-MAX_LEVELS:]:
        lines.writerow((f"boot {boot_s:.3f} s", "load", level))
    return text.getvalue()


def _model(db: sqlite3.Connection) -> str:
    """Return the card of the model of the latest run, or why there is none."""
    runs = latest_runs(db, 1)
    try:
        return check_model(runs[0].model).card.to_json() + "\n" if runs else "{}\n"
    except BirdedgeError as error:
        return json.dumps({"problem": str(error)}) + "\n"
