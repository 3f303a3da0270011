"""Only the daemon's user and group can read its files, which contain no more than the settings allow."""

from __future__ import annotations

from pathlib import Path

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.formats.guano import read_guano
from tests.support.daemon import SHORT_CLIPS, Daemon

PLACE = "latitude_deg = 52.51234\nlongitude_deg = 13.38765\n"
PRIVACY = "[privacy]\nspeech = 'erase-band'\ncoordinate_decimals = 1\n"


def test_no_other_user_can_read_what_is_written(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    with Daemon(virtual_microphone, tmp_path, f"{PLACE}{SHORT_CLIPS}{PRIVACY}") as daemon:
        daemon.wait_for("listening to")
        daemon.hear(song)
        daemon.stop()
    assert daemon.clips()
    for path in (daemon.out, *daemon.out.rglob("*")):
        assert f"{path.stat().st_mode & 0o777:o}" == ("750" if path.is_dir() else "640"), path
    places = {read_guano(clip)["Loc Position"] for clip in daemon.clips()}
    assert places == {"52.5 13.4"}
