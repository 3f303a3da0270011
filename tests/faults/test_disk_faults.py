"""A failing disk stops only clips: listening and printing continue, and the database has all events later.

The faults are real, except that the disk that takes two seconds per commit is a sleep inside the daemon.
"""

from __future__ import annotations

import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
import soundfile

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.commands import BIRDEDGE, error_of, run
from tests.support.daemon import GAP_TOLERANCE_S, SHORT_CLIPS, Daemon
from tests.support.disks import full, read_only, small_disk

# The log goes through a pipe, so that the daemon's open files are those on the failing disk only.
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
MAX_GROWTH_BYTES = 30_000_000  # of memory, while results are buffered


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 8 MB, mounted where the daemon writes."""
    with small_disk(tmp_path / "out", size_mb=8) as folder:
        yield folder


@contextmanager
def read_only_while_open(disk: Path, process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Make a disk read-only while files on it are open, as a file system does after an error; no remount can do this.

    A bind mount over the folder refuses new files, and a limit of the process refuses writes to open files.
    """
    subprocess.run(["mount", "--bind", "-o", "ro", disk, disk], check=True)
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
        subprocess.run(["umount", disk], check=True)


def unhealthy_page(daemon: Daemon) -> str:
    """Require that `birdedge status` exits with code 1, and return its output."""
    done = daemon.status()
    assert (done.returncode, done.stderr) == (1, "")
    return done.stdout


def status_error(daemon: Daemon) -> str:
    """Require that `birdedge status` prints no output, and return its error."""
    done = daemon.status()
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def assert_no_event_is_lost(
    daemon: Daemon,
    song: Path,
    fault: AbstractContextManager[None],
    problem: str,
    log_lines: tuple[str, ...],
) -> None:
    """Play the song before, during and after a disk fault, and check clips, status and database."""
    daemon.wait_for("listening to")
    daemon.hear(song)
    daemon.wait_until_healthy()
    memory_bytes, before = daemon.resident_bytes(), daemon.clips()
    with fault:
        daemon.hear(song)
        for line in log_lines:
            daemon.wait_for(line)
        assert daemon.clips() == before
        assert f"! the disk of {daemon.out} is {problem}" in unhealthy_page(daemon)
    daemon.hear(song)
    daemon.wait_for("clips are written again")
    daemon.wait_until_healthy()
    assert daemon.clips() > before
    assert daemon.resident_bytes() < memory_bytes + MAX_GROWTH_BYTES
    daemon.stop()
    assert len(daemon.onsets_utc_s()) == len(daemon.printed_events())
    assert daemon.gaps() == []


def test_a_full_disk_pauses_clips_and_loses_no_event(
    virtual_microphone: VirtualMicrophone, song: Path, disk: Path
) -> None:
    # The denoised file grows with all audio. Tables do not: their last pages have room for some more events.
    denoised = disk / "denoised.flac"
    log_lines = (
        "cannot be read or written (database or disk is full)",
        "flac would leave 0 MB free",
        f"{denoised} cannot be written (No space left on device)",
    )
    with Daemon(virtual_microphone, disk.parent, f"denoised = '{denoised}'\n{SHORT_CLIPS}") as daemon:
        assert_no_event_is_lost(daemon, song, full(disk), "full", log_lines)
    found = daemon.coverage()
    assert soundfile.info(denoised).duration == pytest.approx(found.heard_s, abs=GAP_TOLERANCE_S)


def test_a_read_only_disk_pauses_clips_and_loses_no_event(
    virtual_microphone: VirtualMicrophone, song: Path, disk: Path
) -> None:
    log_lines = "cannot be read or written (disk I/O error)", "cannot be written (Read-only file system)"
    with Daemon(virtual_microphone, disk.parent, SHORT_CLIPS, THROUGH_A_PIPE) as daemon:
        fault = read_only_while_open(disk, daemon.process)
        assert_no_event_is_lost(daemon, song, fault, "read-only", log_lines)


@pytest.mark.parametrize(("fault", "problem"), [(full, "full"), (read_only, "read-only")])
def test_a_disk_that_is_unwritable_at_startup_is_used_once_it_becomes_writable(
    virtual_microphone: VirtualMicrophone,
    song: Path,
    disk: Path,
    fault: Callable[[Path], AbstractContextManager[None]],
    problem: str,
) -> None:
    with ExitStack() as stack:
        stack.enter_context(fault(disk))
        with Daemon(virtual_microphone, disk.parent, SHORT_CLIPS) as daemon:
            daemon.wait_for("results are buffered until the disk is writable")
            daemon.wait_for("listening to")
            daemon.hear(song)
            assert "until then the status of the recorder cannot be read" in status_error(daemon)
            assert f"the disk of {daemon.out} is {problem}" in status_error(daemon)
            stack.close()
            daemon.wait_for("birdedge.sqlite is written again")
            daemon.hear(song)
            daemon.wait_until_healthy()
            daemon.stop()
    assert len(daemon.onsets_utc_s()) == len(daemon.printed_events())
    assert daemon.gaps() == []
    assert daemon.clips()
    assert daemon.log_text().count("results are buffered") == 1


def test_the_exit_code_is_1_if_clips_still_fail_at_the_end(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    no_clips = SHORT_CLIPS.replace("min_free_mb = 0.0", "min_free_mb = 1e12", 1)
    with Daemon(virtual_microphone, tmp_path, no_clips) as daemon:
        daemon.wait_for("listening to")
        daemon.hear(song)
        daemon.wait_for("a clip was not written")
        daemon.process.terminate()
        assert daemon.process.wait(20) == 1
        assert "or lower min_free_mb" in daemon.log_text().splitlines()[-1]
        assert "Traceback" not in daemon.log_text()


def test_a_restart_on_a_read_only_disk_continues_the_database_once_the_disk_is_writable(
    virtual_microphone: VirtualMicrophone, song: Path, disk: Path
) -> None:
    with Daemon(virtual_microphone, disk.parent, SHORT_CLIPS) as daemon:
        daemon.wait_for("listening to")
        daemon.stop()
        with read_only(disk):
            daemon.start()
            daemon.wait_for("listening to", times=2)
            listening_s = time.time()
            daemon.hear(song)
            page = unhealthy_page(daemon)
            assert page.startswith("stopped")
            assert f"! the disk of {daemon.out} is read-only" in page
            assert "buffers new results in memory until then, and this page is old" in page
        daemon.hear(song)
        daemon.wait_until_healthy()
        daemon.stop()
    assert len(daemon.onsets_utc_s()) == len(daemon.printed_events())
    (gap,) = daemon.gaps()
    assert gap.cause == "stopped"
    assert gap.utc_s + gap.known_s <= listening_s


def test_an_output_folder_inside_a_file_is_an_error_at_startup(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    (tmp_path / "out").touch()
    done = run(
        *BIRDEDGE, "listen", "--out", "out/birds", cwd=tmp_path, environment=virtual_microphone.environment
    )
    error = error_of(done)
    assert done.stderr.decode().startswith("Error: ")
    assert "cannot be opened ([Errno 20] Not a directory" in error
    assert done.stderr.endswith(b"name a folder that can be written to and has room\n")


def test_a_disk_that_takes_two_seconds_per_commit_loses_no_audio(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_DISK, encoding="utf-8")
    with Daemon(virtual_microphone, tmp_path, SHORT_CLIPS, path=tmp_path) as daemon:
        daemon.wait_for("this disk is slow")
        daemon.wait_for("listening to")
        start_s = time.monotonic()
        daemon.hear(song)
        duration_s = time.monotonic() - start_s
        daemon.stop()
    assert daemon.gaps() == []
    assert daemon.coverage().heard_s >= duration_s - 0.5  # the rest is still in the sound server
    assert len(daemon.onsets_utc_s()) == len(daemon.printed_events())
    assert daemon.clips()
