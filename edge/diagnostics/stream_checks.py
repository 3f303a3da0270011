"""Checks of network streams: ffmpeg, and whether sound arrives."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import numpy as np

from birdedge.edge.audio.decoder import ffmpeg_path
from birdedge.edge.audio.live_inputs import network_input
from birdedge.edge.diagnostics.check import Check
from birdedge.edge.errors import DeviceError

HEARD_S = 2.0
FIX = "check the URL, the user and password in it, and that the server runs; try it with ffplay"


def stream_checks(urls: Mapping[str, str]) -> Iterator[Check]:
    """Yield the checks of streams, given as URLs by the names of their sources; none if there are no streams."""
    if not urls:
        return
    ffmpeg = ffmpeg_path()
    if ffmpeg is None:
        yield Check("ffmpeg", "fail", "ffmpeg is not installed", "run `sudo apt install ffmpeg`")
        yield from (Check(f"stream {name}", "skip", "not tested: no ffmpeg") for name in urls)
        return
    yield Check("ffmpeg", "ok", ffmpeg)
    for name, url in urls.items():
        yield _stream_check(f"stream {name}", url)


def _stream_check(name: str, url: str) -> Check:
    stream = network_input(url, None, 1, threading.Event())
    peak, samples = 0.0, 0
    try:
        stream.open()
        for block in stream.blocks(threading.Event()):
            peak = max(peak, float(np.abs(block.samples).max()))
            samples += len(block.samples)
            if samples >= HEARD_S * stream.sample_rate_hz:
                break
    except DeviceError as error:
        return Check(name, "fail", str(error), FIX)
    finally:
        stream.close()
    finding = f"{stream.name!r} delivers {stream.sample_rate_hz} Hz"
    if not peak:
        return Check(name, "warn", f"{finding}, and only digital silence", "check that its sound is on")
    return Check(name, "ok", f"{finding}, peak {20 * np.log10(peak):.0f} dBFS")
