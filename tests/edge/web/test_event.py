"""The page Event: its figures, picture and sounds, its neighbours, and no file except its clip."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
from pathlib import Path

import anyio
import numpy as np
import pytest
import soundfile

from birdedge.edge.companion.rendering import Rendering
from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_pages import EventFilter, event, event_page
from birdedge.edge.formats.mask_npz import MaskFile
from birdedge.edge.grid import Grid
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.web import renderings
from birdedge.edge.web.renderings import Renderings
from tests.support.heard_birds import CLIP_S, HeardBirds
from tests.support.web import Browser, browser

EVENT = "/events/oak/4"


@pytest.fixture(scope="module")
def oak(tmp_path_factory: pytest.TempPathFactory) -> HeardBirds:
    return HeardBirds(tmp_path_factory.mktemp("recorders") / "oak")


@pytest.fixture(scope="module")
def client(oak: HeardBirds) -> Browser:
    return browser(oak.folder)


def sound_of(content: bytes) -> tuple[np.ndarray, int]:
    samples, rate_hz = soundfile.read(io.BytesIO(content))
    return samples, int(rate_hz)


def test_the_page_has_figures_reasons_and_neighbours(oak: HeardBirds, client: Browser) -> None:
    page = client.get(f"{EVENT}?min_score=0.1").text
    for text in ("Its score is ", "Hz s", "birdedge-int8", "Within a minute", "in the same band"):
        assert text in page
    assert 'href="../../events?min_score=0.1#e-oak-4"' in page
    assert re.search(r'rel="prev" href="\.\./\.\./events/oak/5\?min_score=0.1"', page)
    last = client.get(f"/events/oak/{oak.events}").text
    assert re.search(r'href="\.\./\.\./rejected/oak/\d\?', last)
    assert client.get("/events/oak/1").text.count('rel="next"') == 0


def test_an_event_page_says_why_its_score_was_enough(oak: HeardBirds, client: Browser) -> None:
    settings = check_model("birdedge-int8").card.events
    with reading(oak.folder) as db:
        rows = [row.event for row in event_page(db, EventFilter(), 1000)]
    certain = next(row for row in rows if row.score >= settings.min_score)
    following = next(row for row in rows if row.score < settings.min_score)
    assert f"the model asks for {settings.min_score:.2f}." in client.get(f"/events/oak/{certain.id}").text
    page = client.get(f"/events/oak/{following.id}").text
    assert (
        f"{settings.follow_score:.2f} is enough up to {settings.follow_s:g} s after an event in its band"
        in page
    )


def test_a_rejected_sound_shows_its_reason(client: Browser) -> None:
    page = client.get("/rejected/oak/1").text
    assert "Most probably it is: frog (0.60)" in page
    assert 'name="action"' not in page


@pytest.mark.parametrize(
    "path",
    ["/events/oak/99999", "/events/elm/1", "/rejected/oak/99", f"{EVENT}/sound/x", f"{EVENT}/picture/x"],
)
def test_a_missing_event_or_file_is_not_found(client: Browser, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_number_that_is_too_large_is_not_found(client: Browser) -> None:
    for number in ("9" * 18, "9" * 30, "9" * 5000):
        assert client.get(f"/events/oak/{number}").status_code == 404


def test_the_clip_is_sent_whole_or_in_part(oak: HeardBirds, client: Browser) -> None:
    whole = client.get(f"{EVENT}/clip")
    assert whole.headers["content-type"] == "audio/flac"
    assert whole.content == (oak.folder / "clips/2026-05-01/0.flac").read_bytes()
    part = client.get(f"{EVENT}/clip", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole.content[100:200])
    assert client.get(f"{EVENT}/clip", headers={"Range": "bytes=99999999-"}).status_code == 416


def test_pictures_show_the_event_with_the_mask_or_without(client: Browser) -> None:
    started_s = time.monotonic()
    plain = client.get(f"{EVENT}/picture/picture")
    made_s = time.monotonic() - started_s
    masked = client.get(f"{EVENT}/picture/picture_mask")
    assert plain.headers["content-type"] == "image/png"
    width, height = struct.unpack(">II", plain.content[16:24])
    assert height == 256
    assert 500 < width < 1000  # about 5 s, 125 columns per second
    assert plain.content != masked.content
    started_s = time.monotonic()
    assert client.get(f"{EVENT}/picture/picture").content == plain.content
    assert time.monotonic() - started_s < made_s / 3, "it is kept"


def test_the_band_is_the_clip_without_other_frequencies(oak: HeardBirds, client: Browser) -> None:
    with reading(oak.folder) as db:
        row = event(db, 4).event
    raw, rate_hz = sound_of(client.get(f"{EVENT}/clip").content)
    band, band_rate_hz = sound_of(client.get(f"{EVENT}/sound/band").content)
    assert (len(band), band_rate_hz) == (len(raw), rate_hz) == (CLIP_S * rate_hz, rate_hz)
    hz = np.fft.rfftfreq(len(raw), 1 / rate_hz)
    power, raw_power = (np.abs(np.fft.rfft(samples)) ** 2 for samples in (band, raw))
    inside = (hz > row.low_hz + 50) & (hz < row.high_hz - 50)
    outside = (hz < row.low_hz - 400) | (hz > row.high_hz + 400)
    assert power[inside].sum() == pytest.approx(raw_power[inside].sum(), rel=0.05)
    assert power[outside].sum() < 1e-4 * raw_power[outside].sum()


def test_the_bird_alone_is_computed_by_the_network_if_no_mask_was_kept(client: Browser) -> None:
    raw, _ = sound_of(client.get(f"{EVENT}/clip").content)
    bird, _ = sound_of(client.get(f"{EVENT}/sound/bird").content)
    assert len(bird) == len(raw)
    assert 0 < np.square(bird).mean() < 0.5 * np.square(raw).mean()


@pytest.mark.parametrize("windows", [1, 2])
def test_a_kept_mask_with_any_frames_per_second_is_used(tmp_path: Path, windows: int) -> None:
    oak, grid = HeardBirds(tmp_path / "oak", 1), Grid(hop=256 * windows, windows=windows)
    clip = oak.folder / "clips/2026-05-01/0.flac"
    raw, rate_hz = sound_of(clip.read_bytes())
    middle_s = len(raw) / rate_hz / 2
    middle = round((middle_s - grid.first_frame_s) / grid.hop_s)
    scales = grid.hop_s, grid.first_frame_s, grid.low_hz, grid.bin_hz, 0.5
    with MaskFile(clip.with_suffix(".npz"), *scales) as file:
        file.push(np.zeros((middle, 256), np.uint8))
        file.push(np.full((middle, 256), 255, np.uint8))
    bird, _ = sound_of(browser(oak.folder).get(f"{EVENT}/sound/bird").content)
    before, after = round((middle_s - 0.1) * rate_hz), round((middle_s + 0.1) * rate_hz)
    assert not bird[:before].any()
    # What is left out lies below the lowest bin.
    assert np.corrcoef(bird[after:-rate_hz], raw[after:-rate_hz])[0, 1] > 0.8


def test_files_kept_by_the_recorder_are_used(tmp_path: Path) -> None:
    oak, grid = HeardBirds(tmp_path / "oak", 1), Grid()
    clip = oak.folder / "clips/2026-05-01/0.flac"
    scales = grid.hop_s, grid.first_frame_s, grid.low_hz, grid.bin_hz, 0.5
    with MaskFile(clip.with_suffix(".npz"), *scales) as file:
        file.push(np.zeros((1000, 256), np.uint8))
    client = browser(oak.folder)
    assert "computed again" not in client.get(EVENT).text
    bird, _ = sound_of(client.get(f"{EVENT}/sound/bird").content)
    assert not bird.any(), "the mask is empty"
    clip.with_name("0.denoised.flac").write_bytes(clip.read_bytes())
    assert client.get(f"{EVENT}/sound/bird").content == clip.read_bytes()


@pytest.mark.parametrize(
    "where",
    [
        "../outside.flac",
        "clips/../outside.flac",
        "clips/2026-05-01/link.flac",
        "/etc/hostname",
        "birdedge.sqlite",
        "clips/link/0.flac",
    ],
)
def test_no_other_file_is_served_as_a_clip(tmp_path: Path, where: str) -> None:
    oak = HeardBirds(tmp_path / "oak", 1)
    clip = oak.folder / "clips/2026-05-01/0.flac"
    outside = tmp_path / "outside.flac"
    outside.write_bytes(clip.read_bytes())
    (oak.folder / "outside.flac").write_bytes(clip.read_bytes())
    (clip.parent / "link.flac").symlink_to(outside)
    (tmp_path / "0.flac").write_bytes(clip.read_bytes())
    (oak.folder / "clips/link").symlink_to(tmp_path)
    with sqlite3.connect(oak.folder / "birdedge.sqlite") as db:
        db.execute("UPDATE clips SET path = ? WHERE path = 'clips/2026-05-01/0.flac'", (where,))
    client = browser(oak.folder)
    for path in ("clip", "sound/band", "sound/bird", "picture/picture"):
        assert client.get(f"{EVENT}/{path}").status_code == 404, path


def test_a_missing_or_damaged_clip_is_a_one_sentence_error(tmp_path: Path) -> None:
    oak = HeardBirds(tmp_path / "oak", 1)
    clip = oak.folder / "clips/2026-05-01/0.flac"
    clip.write_bytes(b"fLaC" + bytes(1000))
    client = browser(oak.folder)
    answer = client.get(f"{EVENT}/picture/picture")
    assert answer.status_code == 503
    assert "this cannot be made from the clip" in answer.text
    assert "Traceback" not in answer.text
    clip.unlink()
    for path in ("clip", "sound/band", "picture/picture"):
        assert client.get(f"{EVENT}/{path}").status_code == 404
    assert client.get(EVENT).status_code == 200


def test_files_are_made_one_at_a_time_and_the_oldest_are_deleted(
    oak: HeardBirds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renderings, "MAX_BYTES", 100_000)
    made = Renderings()
    clip = str(oak.folder / "clips/2026-05-01/0.flac")
    wanted = [Rendering("picture", clip, "", 0.0, end_s) for end_s in (3.0, 4.0, 5.0)]
    wanted += [wanted[-1]] * 3

    async def ask() -> list[Path]:
        paths = []

        async def one(rendering: Rendering) -> None:
            paths.append(await made.file(rendering))

        async with anyio.create_task_group() as group:
            for rendering in wanted:
                group.start_soon(one, rendering)
        return paths

    paths = anyio.run(ask)
    assert len(paths) == 6
    assert len(set(paths)) == 3
    kept = list(paths[0].parent.iterdir())
    assert sum(path.stat().st_size for path in kept) <= 100_000
    assert paths[-1] in kept


def test_files_are_made_again_after_the_temporary_folder_was_cleaned(oak: HeardBirds) -> None:
    made = Renderings()
    rendering = Rendering("picture", str(oak.folder / "clips/2026-05-01/0.flac"), "", 0.0, 3.0)
    first = anyio.run(made.file, rendering)
    shutil.rmtree(first.parent)
    again = anyio.run(made.file, rendering)
    assert again.exists()
    assert again.parent != first.parent


def test_too_many_waiting_requests_are_refused(client: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renderings, "MAX_WAITING", 0)
    assert client.get("/events/oak/9/picture/picture").status_code == 503


def test_the_pages_need_neither_numpy_nor_a_network() -> None:
    script = (
        "import sys, birdedge.edge.web.app; "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'soundfile', 'onnxruntime')))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
