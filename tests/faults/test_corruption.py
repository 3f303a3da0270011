"""Files that were damaged while the recorder was down: a database is renamed, any other file is a one-line error."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from tests.support.commands import BIRDEDGE, run
from tests.support.daemon import Daemon

SEED = 11
PAGE_BYTES = 4096


def overwrite_first_page(path: Path) -> None:
    """Overwrite the first page of SQLite, which identifies the file."""
    with path.open("r+b") as file:
        file.write(random.Random(SEED).randbytes(PAGE_BYTES))


def overwrite_other_pages(path: Path) -> None:
    """Overwrite all pages except the first, as if a failing card returned them."""
    with path.open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(random.Random(SEED).randbytes(path.stat().st_size - PAGE_BYTES))


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


DAMAGES = (overwrite_first_page, overwrite_other_pages, cut_in_half)


def test_a_damaged_database_is_renamed_and_a_new_one_is_created(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    with Daemon(virtual_microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        database = daemon.out / FILE_NAME
        for number, damage in enumerate(DAMAGES, 1):
            daemon.stop()
            damage(database)
            damaged = database.read_bytes()
            daemon.start()
            moved = daemon.out / f"birdedge.damaged-{number}.sqlite"
            daemon.wait_for(f"the database was damaged; it was moved to {moved}, and a new one was created")
            daemon.wait_for("listening to", times=1 + number)
            assert moved.read_bytes() == damaged
        virtual_microphone.play(song)
        daemon.stop()
    assert len(daemon.onsets_utc_s()) == len(daemon.printed_events()) >= 1
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def error_at_the_start(folder: Path, config: str) -> str:
    """Require that a configuration is refused in one line before anything is written, and return the line."""
    path, out = folder / "config.toml", folder / "out"
    path.write_text(config, encoding="utf-8")
    done = run(*BIRDEDGE, "listen", "--config", path, "--out", out, cwd=folder)
    error = done.stderr.decode()
    assert done.returncode == 1, error
    assert error.startswith("Error: ")
    assert len(error.splitlines()) == 1, error
    assert not out.exists()
    return error


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("sight = 'oak'", "has the unknown key 'sight'; did you mean 'site'?"),
        (
            "[clips]\nmax_duration = 10",
            "clips has the unknown key 'max_duration'; did you mean 'max_duration_s'?",
        ),
        ("commit_s = 'often'", "commit_s is 'often'; it must be float"),
        ("clips = 3", "clips is 3; it must be a table"),
        ("commit_s = -1", "commit_s is -1.0; it must lie in"),
        ("channels = 0", "0 channels were given: audio has at least 1"),
        ("channel = 3", "channel 3 was given, but the input has 1"),
        ("sample_rate_hz = -48000", "a sample rate of -48000 Hz was given"),
        ("site = 'oak\nmodel =", "is not valid TOML ("),
        ("\ufeff\x00", "is not valid TOML ("),
        ("model = 'birdedge-int9'", "there is no model 'birdedge-int9'"),
    ],
)
def test_an_invalid_configuration_is_an_error_before_anything_is_written(
    tmp_path: Path, config: str, sentence: str
) -> None:
    assert sentence in error_at_the_start(tmp_path, config)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_an_error_before_anything_is_written(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    print(f"seed {SEED}")
    model = Path(shutil.copy(bundled_models()[DEFAULT_MODEL], tmp_path / "mine.onnx"))
    damage(model)
    assert f"{model} " in error_at_the_start(tmp_path, f"model = '{model}'")
