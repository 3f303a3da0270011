"""What is damaged while the recorder is down: a book is set aside and a new one begun; all else is one sentence."""

import os
import random
import shutil
import sqlite3
import subprocess
from contextlib import closing

import pytest

from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from tests.support.daemon import BIRDEDGE, ENVIRONMENT, Daemon

SEED = 11
PAGE_BYTES = 4096


def overwritten_at_the_start(path):
    with path.open("r+b") as file:
        file.write(random.Random(SEED).randbytes(PAGE_BYTES))


def overwritten_in_the_middle(path):
    """Pages that a dying card gives back as something else: not the first, which says what the file is."""
    with path.open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(random.Random(SEED).randbytes(path.stat().st_size - PAGE_BYTES))


def cut_short(path):
    os.truncate(path, path.stat().st_size // 2)


DAMAGES = (overwritten_at_the_start, overwritten_in_the_middle, cut_short)


def test_a_damaged_database_is_set_aside_and_a_new_one_begins(virtual_microphone, song, tmp_path):
    print(f"seed {SEED}")
    with Daemon(virtual_microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        book = daemon.out / FILE_NAME
        for number, damage in enumerate(DAMAGES, 1):
            daemon.stop()
            damage(book)
            damaged = book.read_bytes()
            daemon.start()
            aside = daemon.out / f"birdedge.damaged-{number}.sqlite"
            daemon.wait_for(f"the database was damaged; it was moved to {aside}, and a new one was created")
            daemon.wait_for("listening to", times=1 + number)
            assert aside.read_bytes() == damaged
        virtual_microphone.play(song)
        daemon.stop()
    assert len(daemon.events()) == len(daemon.printed()) >= 1
    with closing(sqlite3.connect(book)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def refusal(folder, config):
    """The sentence with which the daemon refuses a configuration; there is nothing in the folder for its results."""
    path, out = folder / "config.toml", folder / "out"
    path.write_text(config, encoding="utf-8")
    done = subprocess.run(
        [*BIRDEDGE, "listen", "--config", path, "--out", out],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not out.exists()
    return done.stderr


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
        ("site = 'oak\nmodel =", "is not valid TOML: "),
        ("\ufeff\x00", "is not valid TOML: "),
        ("model = 'birdedge-int9'", "there is no model 'birdedge-int9'"),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_sentence_before_anything_is_written(
    tmp_path, config, sentence
):
    assert sentence in refusal(tmp_path, config)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_refused_in_one_sentence_before_anything_is_written(tmp_path, damage):
    print(f"seed {SEED}")
    model = shutil.copy(bundled_models()[DEFAULT_MODEL], tmp_path / "mine.onnx")
    damage(model)
    assert f"{model} " in refusal(tmp_path, f"model = '{model}'")
