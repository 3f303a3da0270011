"""The recorder's database: durable, checked, never silently replaced."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from birdedge.edge.database.connection import FILE_NAME, SCHEMA_VERSION
from birdedge.edge.database.store import Stamp, Store
from birdedge.edge.errors import DiskError, StoreError
from birdedge.edge.event import Event

# Commits a heard second after another, and says so once it is committed.
WRITER = """
import sys
from pathlib import Path
from birdedge.edge.database.store import Store
store = Store(Path(sys.argv[1]))
boot = store.begin_boot("boot", 0.0, True)
stream = store.begin_stream(store.begin_run(boot, 0.0, "1", "m", ""), "mic", 48000, 1, 0.0)
heard = store.begin_heard(stream, 0, 0.0)
store.commit()
second = 0
while True:
    second += 1
    store.set_heard(heard, 48000 * second)
    store.add_clip(f"{second}.flac", stream, 48000 * second, 48000, 1, 0.9)
    store.commit()
    print(second, flush=True)
"""


def stream_of(store):
    boot = store.begin_boot("boot", 5.0, False)
    run = store.begin_run(boot, 1.0, "1", "model", "site")
    return boot, store.begin_stream(run, "mic", 32_000, 1, 1.0)


def event(onset_s):
    return Event(onset_s, onset_s + 0.5, 2000.0, 3000.0, 2500.0, 0.97, 100.0, 12.0, 0, 0, None)


def test_what_was_committed_is_there_when_it_is_opened_again(tmp_path):
    store = Store(tmp_path)
    _, stream = stream_of(store)
    store.add_event(stream, event(2.0), 32_000, Stamp(3.0, 8.0, 0.2))
    store.close()
    again = Store(tmp_path)
    assert again.quarantined is None
    assert again.rows(
        "SELECT onset_sample, offset_sample, onset_s, utc_s, uncertainty_s, corrected FROM events"
    ) == [(64_000, 80_000, 3.0, 8.0, 0.2, 0)]


def test_when_the_clock_is_known_all_events_of_the_boot_are_mended_and_no_others(tmp_path):
    store = Store(tmp_path)
    boot, stream = stream_of(store)
    store.add_event(stream, event(2.0), 32_000, Stamp(3.0, 8.0, None))
    other = store.begin_boot("other", 7.0, True)
    other_run = store.begin_run(other, 0.0, "1", "model", "site")
    other_stream = store.begin_stream(other_run, "mic", 32_000, 1, 0.0)
    store.add_event(other_stream, event(2.0), 32_000, Stamp(2.0, 9.0, 0.2))
    assert store.set_offset(boot, 1e9, 0.3) == 1
    assert store.rows("SELECT utc_s, uncertainty_s, corrected FROM events ORDER BY id") == [
        (1e9 + 3.0, 0.3, 1),
        (9.0, 0.2, 0),
    ]


def test_a_clip_without_a_row_belongs_to_the_stream_of_its_time_and_rate(tmp_path):
    store = Store(tmp_path)
    boot, stream = stream_of(store)
    store.begin_stream(1, "mic", 48_000, 1, 1.0)
    store.begin_stream(1, "mic", 32_000, 1, 61.0)
    store.add_found_clip("before.flac", 5.0 + 1.0 + 10.0, 32_000, 320_000, 64_000, 1, 0.9)
    store.set_offset(boot, 1e9, 0.1)  # what it said before it was right counts too
    store.add_found_clip("between.flac", 5.0 + 1.0 + 20.0, 32_000, 640_000, 64_000, 1, 0.9)
    store.add_found_clip("after.flac", 1e9 + 1.0 + 30.0, 32_000, 960_000, 64_000, 1, 0.9)
    assert store.rows("SELECT stream FROM clips") == [(stream,)] * 3


def test_clips_of_a_lost_database_keep_their_own_time(tmp_path):
    store = Store(tmp_path)
    boot, stream = stream_of(store)
    for number in range(3):
        at_s = 10.0 * number
        store.add_found_clip(f"{number}.wav", 7e8 + at_s, 32_000, round(32_000 * at_s), 64_000, 1, 0.9)
    store.set_offset(boot, 1e9, 0.1)
    rows = """SELECT path, run, stream_began_s + first_sample * 1.0 / sample_rate_hz + offset_s
        FROM clips JOIN boot_of_stream USING (stream)"""
    assert store.rows(rows) == [(f"{number}.wav", 0, 7e8 + 10.0 * number) for number in range(3)]
    assert store.rows("SELECT count(*) FROM streams WHERE run = 0") == [(1,)]
    assert store.begin_run(boot, 2.0, "1", "model", "site") > 1
    store.add_clip("0.wav", stream, 0, 64_000, 1, 0.8)
    store.add_found_clip("0.wav", 7e8, 32_000, 0, 64_000, 1, 0.9)  # which has its row by now
    assert store.rows("SELECT stream, score FROM clips WHERE path = '0.wav'") == [(stream, 0.8)]


@pytest.mark.parametrize("damage", ["middle", "header", "not a database"])
def test_a_damaged_file_is_set_aside_and_kept(tmp_path, damage):
    store = Store(tmp_path)
    _, stream = stream_of(store)
    for index in range(2000):
        store.add_event(stream, event(float(index)), 32_000, Stamp(0.0, 0.0, None))
    store.close()
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    if damage == "middle":
        for at in range(4096, len(content) - 200, 4096):  # each page's own header
            content[at : at + 200] = os.urandom(200)
    elif damage == "header":
        content[:100] = bytes(100)
    else:
        content = bytearray(b"birds, mostly\n" * 1000)
    path.write_bytes(content)
    again = Store(tmp_path)
    assert again.quarantined == tmp_path / "birdedge.damaged-1.sqlite"
    assert again.quarantined.read_bytes() == bytes(content)
    assert again.rows("SELECT count(*) FROM events") == [(0,)]
    again.close()
    assert Store(tmp_path).quarantined is None


def test_a_file_of_a_newer_birdedge_is_refused_and_left_as_it_is(tmp_path):
    Store(tmp_path).close()
    db = sqlite3.connect(tmp_path / FILE_NAME)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(StoreError, match="newer birdedge"):
        Store(tmp_path)
    assert (tmp_path / FILE_NAME).exists()


def test_a_folder_within_a_file_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="name a folder that can be written to"):
        Store(tmp_path / "file" / "data")


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_another_user_owns_is_refused_in_a_sentence(there):
    if os.geteuid():
        pytest.skip("only root may become another user")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        folder.mkdir()
        if there:
            Store(folder).close()
        Path(name).chmod(0o755)
        os.seteuid(65_534)  # nobody
        try:
            with pytest.raises(StoreError, match="name a folder that can be written to"):
                Store(folder)
        finally:
            os.seteuid(0)


def test_a_disk_without_room_is_no_mistake(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DiskError, match="cannot be opened"):
            Store(tmp_path / "data")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    Store(tmp_path / "data").close()


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_any_moment_it_is_intact_and_holds_all_that_was_committed(tmp_path, seed):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, env={**os.environ}, text=True
    )
    writer.stdout.readline()
    time.sleep(0.05 + 0.037 * seed)
    writer.send_signal(signal.SIGKILL)
    committed = [int(line) for line in writer.communicate()[0].split()]
    store = Store(tmp_path)
    assert store.quarantined is None
    (samples,) = store.rows("SELECT samples FROM heard")[0]
    assert max(committed, default=1) <= samples // 48_000 <= max(committed, default=1) + 1
    assert store.rows("SELECT count(*) FROM clips") == [(samples // 48_000,)]
