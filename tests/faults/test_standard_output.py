"""The daemon records, and ends on SIGTERM, whatever happens to its standard output."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.daemon import Daemon
from tests.support.waiting import wait_until


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A full pipe: a write waits for its reader."""
    reader, writer = os.pipe()
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b" " * 4096)
    except BlockingIOError:
        fcntl.fcntl(writer, fcntl.F_SETFL, flags)
    yield reader, writer
    for descriptor in (reader, writer):
        os.close(descriptor)


def events_are_stored(daemon: Daemon, microphone: VirtualMicrophone, song: Path) -> None:
    before = len(daemon.onsets_utc_s())
    microphone.play(song)
    wait_until(lambda: len(daemon.onsets_utc_s()) > before + 1)


def recorded_without_a_gap(daemon: Daemon) -> bool:
    return [gap for gap in daemon.gaps() if gap.cause != "restart"] == []


@pytest.mark.parametrize("config", ["", "denoised = '-'\n"])
def test_a_reader_that_stops_reading_does_not_stall_the_daemon(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path, pipe: tuple[int, int], config: str
) -> None:
    with Daemon(breakable_microphone, tmp_path, config, stdout=pipe[1], as_json=not config) as daemon:
        daemon.wait_for("listening to")
        events_are_stored(daemon, breakable_microphone, song)
        began_s = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began_s < 10
    assert recorded_without_a_gap(daemon)
    assert "standard output: " in daemon.log_text()


@pytest.mark.parametrize("config", ["", "denoised = '-'\n"])
def test_a_reader_that_goes_away_does_not_end_the_daemon(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path, config: str
) -> None:
    reader, writer = os.pipe()
    with Daemon(breakable_microphone, tmp_path, config, stdout=writer, as_json=not config) as daemon:
        daemon.wait_for("listening to")
        os.close(writer)
        os.close(reader)
        events_are_stored(daemon, breakable_microphone, song)
        # A recorder needs no printed events, but it must deliver denoised audio.
        assert ("Broken pipe" in daemon.status().stdout) == bool(config)
        daemon.stop()
    assert recorded_without_a_gap(daemon)
    assert daemon.log_text().count("Broken pipe") == (2 if config else 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_does_not_end_the_daemon(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    with (
        Path("/dev/full").open("wb") as full,
        Daemon(breakable_microphone, tmp_path, stdout=full.fileno()) as daemon,
    ):
        daemon.wait_for("listening to")
        events_are_stored(daemon, breakable_microphone, song)
        daemon.stop()
    assert daemon.log_text().count("No space left") == 1


def test_no_file_takes_the_place_of_a_closed_standard_stream(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    closing = ("sh", "-c", 'exec "$0" "$@" >&- 2>&- <&-')
    with Daemon(breakable_microphone, tmp_path, prefix=closing) as daemon:
        time.sleep(5)  # nothing reports when it starts to listen
        events_are_stored(daemon, breakable_microphone, song)
        streams = [Path(f"/proc/{daemon.process.pid}/fd/{number}").readlink() for number in range(3)]
        daemon.stop()
    assert streams == [Path("/dev/null")] * 3
