"""A screenshot of the running dashboard: `python -m docs.generate.dashboard`.

A recorder listens to the demo through a virtual microphone. This needs the system packages of the tests.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.support.virtual_microphone import running_virtual_microphone
from docs.generate.rooms import ROOT
from tests.support.commands import birdedge
from tests.support.daemon import Daemon
from tests.support.dashboard import open_page, running_chromium, wait
from tests.support.serving import serving

PICTURE = ROOT / "docs" / "images" / "dashboard.png"
VIEWPORT = {"width": 1100, "height": 900}
SONG_S, SHOWN_S = 50, 44
COLOURS = 256
PLACE = "latitude_deg = 52.52\nlongitude_deg = 13.405\n"


def main() -> None:
    """Run recorder, companion and browser, and save the screenshot with fewer colours."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        patch.setenv("RUNTIME_DIRECTORY", str(folder / "run"))
        environment = {"RUNTIME_DIRECTORY": str(folder / "run")}
        birdedge("demo", "song.wav", "--duration", SONG_S, "--calls", 40, "--seed", 11, cwd=folder)
        (folder / "serve.toml").write_text(PLACE)
        with (
            running_virtual_microphone() as microphone,
            Daemon(microphone, folder, 'site = "Oak 3"\n', environment=environment) as recorder,
        ):
            recorder.wait_for("listening to")
            player = threading.Thread(target=microphone.play, args=(folder / "song.wav",))
            with (
                serving(recorder.out, "--config", folder / "serve.toml", cwd=folder) as dashboard,
                running_chromium() as browser,
                open_page(
                    browser, dashboard.url, viewport=VIEWPORT, color_scheme="dark", locale="en-GB"
                ) as watched,
            ):
                player.start()
                watched.page.wait_for_timeout(1000 * SHOWN_S)
                wait(watched.page, 'document.querySelectorAll("#parts tbody tr").length > 5')
                watched.page.screenshot(path=folder / "dashboard.png")
                player.join()
            recorder.stop()
        with Image.open(folder / "dashboard.png") as taken:
            taken.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
