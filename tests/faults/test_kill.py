"""SIGKILL at random moments: the database opens, lacks only events of the last second, and no clip is torn."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import soundfile

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.formats.mask_npz import read_mask_file
from tests.support.commands import ENVIRONMENT
from tests.support.daemon import GAP_TOLERANCE_S, Daemon

SEED = 5
FOLDERS, KILLS = 5, 10  # folders in parallel; kills in each, one after another
MAX_LIFE_S = 3.0  # of a recorder
MAX_LOSS_S = 1.0  # of events

Event = tuple[int, float]  # sample of the onset, lowest frequency in Hz


@dataclass
class Kills:
    """The kills in one folder.

    Attributes:
        printed: the events that each recorder printed more than `MAX_LOSS_S` before its kill, by process number.
        within_files: how many kills left a half-written file.
    """

    printed: dict[int, list[Event]] = field(default_factory=dict)
    within_files: int = 0


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        return db.execute(query).fetchall()


def kill_recorders(folder: Path, seed: int) -> Kills:
    """Kill one recorder after another in a folder."""
    folder.mkdir()
    rng, kills = random.Random(seed), Kills()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.forked_recorders"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
        text=True,
    ) as recorders:
        assert recorders.stdin is not None
        assert recorders.stdout is not None
        assert recorders.stdout.readline() == "ready\n"
        for _ in range(KILLS):
            print(folder, file=recorders.stdin, flush=True)
            number = int(recorders.stdout.readline())
            time.sleep(rng.uniform(0, MAX_LIFE_S))
            killed_s = time.monotonic()
            os.kill(number, signal.SIGKILL)
            events = [json.loads(line) for line in iter(recorders.stdout.readline, "killed\n")]
            kills.printed[number] = [
                (onset_sample, low_hz)
                for printed_s, onset_sample, low_hz in events
                if printed_s < killed_s - MAX_LOSS_S
            ]
            assert rows(folder, "PRAGMA integrity_check") == [("ok",)]
            partial_files = len(list(folder.rglob("*.part")))
            assert partial_files <= 1, "partial files are not removed"
            kills.within_files += partial_files
        recorders.stdin.close()
    return kills


def test_fifty_kills_damage_no_database_and_no_clip_and_lose_at_most_a_second_of_events(
    tmp_path: Path,
) -> None:
    print(f"seed {SEED}")
    folders = [tmp_path / str(number) for number in range(FOLDERS)]
    with ThreadPoolExecutor(FOLDERS) as pool:
        kills_by_folder = list(pool.map(kill_recorders, folders, range(SEED, SEED + FOLDERS)))
    checked_events = checked_clips = 0
    for folder, kills in zip(folders, kills_by_folder, strict=True):
        stored = rows(
            folder,
            """SELECT CAST(runs.site AS INTEGER), onset_sample, low_hz FROM events
            JOIN streams ON streams.id = events.stream JOIN runs ON runs.id = streams.run""",
        )
        assert len(stored) == len(set(stored)), "an event is stored twice"
        expected = {(number, *event) for number, events in kills.printed.items() for event in events}
        assert expected <= set(stored)
        for path in folder.glob("clips/**/*.flac"):
            samples, rate_hz = soundfile.read(path)
            assert round(len(samples) / rate_hz, 6) == float(read_guano(path)["Length"])
            assert len(read_mask_file(path.with_suffix(".npz")).mask)
            checked_clips += 1
        for name, sample_count in rows(folder, "SELECT path, samples FROM clips"):
            assert soundfile.info(folder / name).frames == sample_count
        checked_events += len(expected)
    within_files = sum(kills.within_files for kills in kills_by_folder)
    print(f"{checked_events} events, {checked_clips} clips, {within_files} kills within a file")
    assert checked_events >= KILLS
    assert checked_clips >= KILLS
    assert within_files >= KILLS


@pytest.mark.parametrize("seed", range(3))
def test_a_daemon_killed_while_it_detects_events_restarts_and_records_the_gap(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path, seed: int
) -> None:
    microphone = breakable_microphone
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        player = subprocess.Popen(["paplay", song], env=microphone.environment)
        time.sleep(3 + 0.41 * seed)
        printed, killed_s = len(daemon.printed_events()), time.time()
        daemon.process.kill()
        daemon.process.wait()
        player.wait()
        assert printed - 3 <= len(daemon.onsets_utc_s()) <= printed + 1
        daemon.start()
        daemon.wait_for("listening to", times=2)
        listening_s = time.time()
        daemon.hear(song)
        daemon.stop()
    (restart,) = [gap for gap in daemon.gaps() if gap.cause == "restart"]
    assert killed_s - 1.5 <= restart.utc_s <= killed_s + GAP_TOLERANCE_S
    assert restart.utc_s + restart.known_s <= listening_s
    assert not list(daemon.out.rglob("*.part")), "a torn clip"
