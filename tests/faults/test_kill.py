"""SIGKILL at any moment: the book opens, what was found a second before is in it, and no clip is torn."""

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
from datetime import datetime

import pytest
import soundfile

from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.formats.guano import read_guano
from birdedge.edge.formats.mask_npz import read_mask_file
from tests.support.daemon import ENVIRONMENT, Daemon

SEED = 5
FOLDERS, KILLS = 5, 10  # folders side by side; kills in each, one after another
MAX_S = 3.0  # that a recorder lives
LOST_S = 1.0  # of events, at most
# Python, model and sound are made ready once; each line on standard input names the folder of one more recorder, which
# is forked from there. It says its number, hears up to thirty seconds of sound a second, and says each event.
RECORDERS = """
import json, os, sys, threading, time
from pathlib import Path
from birdedge.edge.block import Block
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.clips.sink import ClipSink
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.messages import EventDetected
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.recorder.clip_index import DatabaseClipIndex
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.system.clock import read_clocks

BLOCK_SAMPLES, PAUSE_S = 3200, 1 / 300
model, scene = Model("birdedge-int8"), soundscape(20.0, seed=7, calls_per_minute=60)
rate_hz = scene.sample_rate_hz
settings = ClipSettings(before_s=0.2, after_s=0.2, min_duration_s=0.5, max_duration_s=5.0, mask=True, min_free_mb=0.0)

class Scene:
    name, sample_rate_hz, channels = "microphone", rate_hz, 1

    def blocks(self, stop):
        sample = 0
        while True:
            at = sample % len(scene.samples)
            block = scene.samples[at : at + BLOCK_SAMPLES, None]
            sample += len(block)
            yield Block(block, arrived=read_clocks())
            time.sleep(PAUSE_S)

    def set_min_block(self, samples):
        pass

class Says:
    def write(self, message):
        if isinstance(message, EventDetected):
            event = [message.onset.sample, message.event.low_hz]
            print(json.dumps([time.monotonic(), *event]), flush=True)

    def close(self):
        pass

def record(folder):
    database = DatabaseWriter(folder, "boot", model.card.name, site=str(os.getpid()), commit_s=0.2)
    keeper = Timekeeper(read_clocks(), database.utc)
    writer = ClipWriter(folder / "clips", settings, DatabaseClipIndex(folder, database.submit).written)
    cutter = ClipCutter(settings, writer, model.card, rate_hz, 1, keeper.stamp)
    sinks = SinkGroup([database, ClipSink(cutter), Says()])
    run(Scene(), Pipeline(model, rate_hz, 1), sinks, threading.Event(), keeper)

print("ready", flush=True)
for line in sys.stdin:
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        record(Path(line.strip()))
    os.wait()
    print("killed", flush=True)
"""


def rows(folder, query):
    """What the book answers."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as book:
        return book.execute(query).fetchall()


def killed_again_and_again(folder, seed):
    """By each recorder's number what it had said for more than a second when it was killed: events."""
    folder.mkdir()
    lives_s = random.Random(seed)
    said = {}
    with subprocess.Popen(
        [sys.executable, "-c", RECORDERS],
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
            time.sleep(lives_s.uniform(0, MAX_S))
            killed_s = time.monotonic()
            os.kill(number, signal.SIGKILL)
            lines = iter(recorders.stdout.readline, "killed\n")
            events = [json.loads(line) for line in lines]
            said[number] = [tuple(event) for said_s, *event in events if said_s < killed_s - LOST_S]
            assert rows(folder, "PRAGMA integrity_check") == [("ok",)]
        recorders.stdin.close()
    return said


def test_fifty_kills_at_random_moments_cost_no_book_no_clip_and_at_most_a_second_of_events(tmp_path):
    print(f"seed {SEED}")
    folders = [tmp_path / str(number) for number in range(FOLDERS)]
    with ThreadPoolExecutor(FOLDERS) as side_by_side:
        lives = list(side_by_side.map(killed_again_and_again, folders, range(SEED, SEED + FOLDERS)))
    checked_events = checked_clips = 0
    for folder, said in zip(folders, lives, strict=True):
        kept = rows(
            folder,
            """SELECT CAST(runs.site AS INTEGER), onset_sample, low_hz FROM events
            JOIN streams ON streams.id = events.stream JOIN runs ON runs.id = streams.run""",
        )
        assert len(kept) == len(set(kept)), "an event is there twice"
        old = {(number, *event) for number, events in said.items() for event in events}
        assert old <= set(kept)
        assert len(list(folder.rglob("*.part"))) <= 2, "what was half-written stays for ever"
        for path in folder.glob("clips/**/*.flac"):
            sound, rate_hz = soundfile.read(path)
            assert round(len(sound) / rate_hz, 3) == float(read_guano(path)["Length"])
            assert len(read_mask_file(path.with_suffix(".npz")).mask)
            checked_clips += 1
        for name, samples in rows(folder, "SELECT path, samples FROM clips"):
            assert soundfile.info(folder / name).frames == samples
        checked_events += len(old)
    print(f"{checked_events} events, {checked_clips} clips")
    assert checked_events >= KILLS
    assert checked_clips >= KILLS


# The daemon kills itself where the clip's file would take its name, or where its row would be told to the ledger.
KILLED_AT = """
import os, signal
from {module} import {owner}
{owner}.{method} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
"""
CLIPS = (
    "[clips]\nbefore_s = 0.3\nafter_s = 0.3\nmin_duration_s = 0.5\nmax_duration_s = 2.0\nmin_free_mb = 0.0\n"
)


def killed_with_its_first_clip(microphone, song, folder, module, owner, method):
    """A daemon that was killed there and runs again."""
    place = folder / "sitecustomize.py"
    place.write_text(KILLED_AT.format(module=module, owner=owner, method=method), encoding="utf-8")
    daemon = Daemon(microphone, folder, CLIPS, path=folder)
    daemon.wait_for("listening to")
    microphone.play(song)
    assert daemon.process.wait(20) == -signal.SIGKILL
    assert daemon.rows("SELECT count(*) FROM clips") == [(0,)]
    place.unlink()
    return daemon


def test_a_clip_that_has_its_name_and_no_row_when_the_power_goes_is_indexed_at_the_next_start(
    virtual_microphone, song, tmp_path
):
    at = "birdedge.edge.recorder.clip_index", "DatabaseClipIndex", "written"
    daemon = killed_with_its_first_clip(virtual_microphone, song, tmp_path, *at)
    (path,) = daemon.out.rglob("*.flac")
    daemon.start()
    with daemon:
        daemon.wait_for(f"{path} had no row in the database; it has one now")
        daemon.stop()
    ((name, run, utc_s, samples, size_bytes, score),) = daemon.rows(
        """SELECT path, run, clips.began_s + offset_s, samples, bytes, score
        FROM clips JOIN boot_of_stream USING (stream)"""
    )
    fields = read_guano(path)
    assert (daemon.out / name, run) == (path, 1)
    assert utc_s == pytest.approx(datetime.fromisoformat(fields["Timestamp"]).timestamp(), abs=0.05)
    assert samples == soundfile.info(path).frames
    assert (size_bytes, score) == (path.stat().st_size, float(fields["birdedge|Score"]))


def test_a_clip_that_has_no_name_yet_when_the_power_goes_is_removed_at_the_next_start(
    virtual_microphone, song, tmp_path
):
    daemon = killed_with_its_first_clip(virtual_microphone, song, tmp_path, "pathlib", "Path", "replace")
    assert len(list(daemon.out.rglob("*.part"))) == 1
    daemon.start()
    with daemon:
        daemon.wait_for("listening to", times=2)
        daemon.stop()
    assert not list(daemon.out.rglob("*.part"))
    assert daemon.rows("SELECT count(*) FROM clips") == [(0,)]
