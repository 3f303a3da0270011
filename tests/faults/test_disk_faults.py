"""What breaks disks: clips stop, listening and the events it prints do not, and afterwards the book has all of it.

The faults are real, but for the disk that takes two seconds a commit: there the daemon sleeps.
"""

import os
import resource
import subprocess
import time
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.daemon import BIRDEDGE, ENVIRONMENT, Daemon

SHORT_CLIPS = """
[clips]
before_s = 0.3
after_s = 0.3
min_duration_s = 0.5
max_duration_s = 2.0
min_free_mb = 0.0
[retention]
min_free_mb = 0.0
"""
# The daemon's words go through a pipe: its files are then those on the disk alone.
THROUGH_A_PIPE = ("bash", "-c", 'exec "$@" > >(exec cat) 2>&1', "bash")
SLOW_DISK = """
import os, sys, time
from birdedge.edge.database.run_log import RunLog

def slow(function):
    def slow_function(*arguments):
        time.sleep(2)
        return function(*arguments)
    return slow_function

RunLog.commit, os.fsync = slow(RunLog.commit), slow(os.fsync)
print("this disk is slow", file=sys.stderr)
"""
FLAT_BYTES = 30_000_000  # what memory may grow by


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 8 MB where the daemon writes."""
    folder = tmp_path / "out"
    folder.mkdir()
    if (
        os.geteuid()
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True, check=False
        ).returncode
    ):
        pytest.skip("a small disk is a tmpfs, which only root may mount")
    yield folder
    subprocess.run(["umount", folder], check=True)


def status(daemon):
    """Exit code and page of `birdedge status`."""
    done = subprocess.run(
        [*BIRDEDGE, "status", daemon.out],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert not done.stderr
    return done.returncode, done.stdout


def no_status(daemon):
    """What `birdedge status` says where it finds no book."""
    done = subprocess.run(
        [*BIRDEDGE, "status", daemon.out], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def wait_until_well(daemon, timeout_s=20.0):
    """Until `birdedge status` finds nothing that needs a person."""
    until_s = time.monotonic() + timeout_s
    while (found := status(daemon))[0]:
        assert time.monotonic() < until_s, found[1]
        time.sleep(0.5)


def hear(daemon, microphone, song):
    """Play the song; events were printed meanwhile."""
    before = len(daemon.printed())
    microphone.play(song)
    until_s = time.monotonic() + 10.0
    while len(daemon.printed()) == before:
        assert time.monotonic() < until_s, daemon.said()
        time.sleep(0.1)


def clips(daemon):
    """Those on the disk."""
    return set(daemon.out.rglob("*.flac"))


@contextmanager
def full(disk):
    """No room on a disk."""
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(16 << 20))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(disk):
    """A disk that nobody has in use, mounted read-only."""
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


@contextmanager
def turned_read_only(disk, process):
    """Make a disk in use read-only, as a file system does after an error, which no mount can do.

    It refuses new files (here because of a mount over the folder) and writes to open ones (here because of a limit
    of the process).
    """
    subprocess.run(["mount", "--bind", "-o", "ro", disk, disk], check=True)
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
        subprocess.run(["umount", disk], check=True)


def goes_on_without_clips_and_recovers(daemon, microphone, song, trouble, problem, sentences):
    """It hears before, in and after the trouble with its disk; clips stop and come back, the book has all."""
    daemon.wait_for("listening to")
    hear(daemon, microphone, song)
    wait_until_well(daemon)
    memory_bytes, before = daemon.resident_bytes(), clips(daemon)
    with trouble:
        hear(daemon, microphone, song)
        for sentence in sentences:
            daemon.wait_for(sentence)
        assert clips(daemon) == before
        code, page = status(daemon)
        assert code == 1
        assert f"! the disk of {daemon.out} is {problem}" in page
    hear(daemon, microphone, song)
    daemon.wait_for("clips are written again")
    wait_until_well(daemon)
    assert clips(daemon) > before
    assert daemon.resident_bytes() < memory_bytes + FLAT_BYTES
    daemon.stop()
    assert len(daemon.events()) == len(daemon.printed())
    assert daemon.gaps() == []


def test_a_full_disk_stops_clips_but_neither_listening_nor_events_until_there_is_room(
    virtual_microphone, song, small_disk
):
    sentences = "cannot be read or written (database or disk is full)", "flac would leave 0 MB free"
    with Daemon(virtual_microphone, small_disk.parent, SHORT_CLIPS) as daemon:
        trouble = full(small_disk)
        goes_on_without_clips_and_recovers(daemon, virtual_microphone, song, trouble, "full", sentences)


def test_a_disk_that_turns_read_only_stops_clips_but_neither_listening_nor_events_until_it_can_be_written(
    virtual_microphone, song, small_disk
):
    sentences = "cannot be read or written (disk I/O error)", "cannot be written (Read-only file system)"
    with Daemon(virtual_microphone, small_disk.parent, SHORT_CLIPS, THROUGH_A_PIPE) as daemon:
        trouble = turned_read_only(small_disk, daemon.process)
        goes_on_without_clips_and_recovers(daemon, virtual_microphone, song, trouble, "read-only", sentences)


@pytest.mark.parametrize(("trouble", "problem"), [(full, "full"), (read_only, "read-only")])
def test_a_disk_that_cannot_be_written_at_the_start_costs_clips_alone_and_is_used_once_it_can(
    virtual_microphone, song, small_disk, trouble, problem
):
    with ExitStack() as stack:
        stack.enter_context(trouble(small_disk))
        with Daemon(virtual_microphone, small_disk.parent, SHORT_CLIPS) as daemon:
            daemon.wait_for("results are buffered until the disk is writable")
            daemon.wait_for("listening to")
            hear(daemon, virtual_microphone, song)
            assert "until then the status of the recorder cannot be read" in no_status(daemon)
            assert f"the disk of {daemon.out} is {problem}" in no_status(daemon)
            stack.close()
            daemon.wait_for("birdedge.sqlite is written again")
            hear(daemon, virtual_microphone, song)
            wait_until_well(daemon)
            daemon.stop()
    assert len(daemon.events()) == len(daemon.printed())
    assert daemon.gaps() == []
    assert clips(daemon)
    assert daemon.said().count("results are buffered") == 1


def test_a_disk_that_is_read_only_at_the_start_is_used_from_its_book_on_once_it_can_be_written(
    virtual_microphone, song, small_disk
):
    with Daemon(virtual_microphone, small_disk.parent, SHORT_CLIPS) as daemon:
        daemon.wait_for("listening to")
        daemon.stop()
        with read_only(small_disk):
            daemon.start()
            daemon.wait_for("listening to", times=2)
            again_s = time.time()
            hear(daemon, virtual_microphone, song)
            code, page = status(daemon)
            assert code == 1
            assert page.startswith("stopped")
            assert f"! the disk of {daemon.out} is read-only" in page
            assert "buffers new results in memory until then, and this page is old" in page
        hear(daemon, virtual_microphone, song)
        wait_until_well(daemon)
        daemon.stop()
    assert len(daemon.events()) == len(daemon.printed())
    (gap,) = daemon.coverage().gaps
    assert gap.cause == "stopped"
    assert gap.utc_s + gap.length_s <= again_s


def test_a_folder_that_is_within_a_file_is_one_sentence_at_the_start(virtual_microphone, tmp_path):
    (tmp_path / "out").touch()
    done = subprocess.run(
        [*BIRDEDGE, "listen", "--out", tmp_path / "out" / "birds"],
        env={**ENVIRONMENT, **virtual_microphone.environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "cannot be opened ([Errno 20] Not a directory" in done.stderr
    assert done.stderr.endswith("name a folder that can be written to and has room\n")


def test_a_disk_that_takes_two_seconds_for_each_commit_costs_no_sound(virtual_microphone, song, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SLOW_DISK, encoding="utf-8")
    with Daemon(virtual_microphone, tmp_path, SHORT_CLIPS, path=tmp_path) as daemon:
        daemon.wait_for("this disk is slow")
        daemon.wait_for("listening to")
        began_s = time.monotonic()
        hear(daemon, virtual_microphone, song)
        lasted_s = time.monotonic() - began_s
        daemon.stop()
    assert daemon.gaps() == []
    assert daemon.coverage().heard_s >= lasted_s - 0.5  # what the sound server still held
    assert len(daemon.events()) == len(daemon.printed())
    assert clips(daemon)
