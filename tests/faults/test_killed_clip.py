"""SIGKILL while a clip is written: the next start indexes a complete clip and removes an incomplete one."""

from __future__ import annotations

import signal
from datetime import datetime
from pathlib import Path

import pytest
import soundfile

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.formats.guano import read_guano
from tests.support.daemon import SHORT_CLIPS, Daemon

# The daemon kills itself instead of doing one of its steps.
KILLED_AT = """
import os, signal
from {module} import {owner}
original = {owner}.{method}
def killed_or_done(*arguments):
    if {about!r} in str(arguments):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
{owner}.{method} = killed_or_done
"""


def killed_daemon(
    microphone: VirtualMicrophone, song: Path, folder: Path, module: str, owner: str, method: str, about: str
) -> Daemon:
    """Return a daemon without a clip in its database, killed at a method call whose arguments contain `about`."""
    patch = folder / "sitecustomize.py"
    patch.write_text(
        KILLED_AT.format(module=module, owner=owner, method=method, about=about), encoding="utf-8"
    )
    daemon = Daemon(microphone, folder, SHORT_CLIPS, path=folder)
    daemon.wait_for("listening to")
    microphone.play(song)
    assert daemon.process.wait(20) == -signal.SIGKILL
    assert daemon.rows("SELECT count(*) FROM clips") == [(0,)]
    patch.unlink()
    return daemon


def test_a_clip_without_a_row_is_indexed_at_the_next_start(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    at = "birdedge.edge.recorder.clip_index", "DatabaseClipIndex", "written", ""
    daemon = killed_daemon(virtual_microphone, song, tmp_path, *at)
    (path,) = daemon.clips()
    daemon.start()
    with daemon:
        daemon.wait_for(f"{path} had no row in the database; it has one now")
        daemon.stop()
    ((name, run, utc_s, samples, size_bytes, score),) = daemon.rows(
        """SELECT path, run, clips.began_s + offset_s, samples, bytes, score
        FROM clips JOIN boot_of_stream USING (stream) JOIN clock_lines ON clock_lines.boot = clips.boot
        WHERE until_s IS NULL"""
    )
    fields = read_guano(path)
    assert (daemon.out / name, run) == (path, 1)
    assert utc_s == pytest.approx(datetime.fromisoformat(fields["Timestamp"]).timestamp(), abs=0.05)
    assert samples == soundfile.info(path).frames
    assert (size_bytes, score) == (path.stat().st_size, float(fields["birdedge|Score"]))


def test_an_incomplete_clip_is_removed_at_the_next_start(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    daemon = killed_daemon(virtual_microphone, song, tmp_path, "pathlib", "Path", "replace", ".flac")
    assert len(list(daemon.out.rglob("*.part"))) == 1
    daemon.start()
    with daemon:
        daemon.wait_for("listening to", times=2)
        daemon.stop()
    assert not list(daemon.out.rglob("*.part"))
    assert daemon.rows("SELECT count(*) FROM clips") == [(0,)]
