"""The figure of a recording shows its spectrogram, mask and events where they are."""

from __future__ import annotations

import struct
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.errors import DataError, ExtraMissingError, OutputError
from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.plots.boxes import REJECTED_COLOUR
from birdedge.edge.plots.figure import draw
from tests.support.rejected import region

HOP_S = Grid().hop_s
NEPERS_PER_DB = np.float32(np.log(10) / 20)


@pytest.fixture(autouse=True)
def _matplotlib_installed() -> None:
    pytest.importorskip("matplotlib", reason="birdedge[plot] is not installed")


def spectrogram(frames: int) -> NDArray[np.float32]:
    print("seed 3")
    return np.random.default_rng(3).normal(-60, 5, (frames, 256)).astype(np.float32)


def picture(path: Path, db: NDArray[np.float32], **changed: Any) -> None:
    settings: dict[str, Any] = {"mask": None, "events": (), "title": "dawn.wav", "threshold": 0.5} | changed
    draw(path, db * NEPERS_PER_DB, grid=Grid(), **settings)


def size(path: Path) -> tuple[int, int]:
    """Return width and height from the header of a PNG."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def pixels(path: Path) -> NDArray[np.float64]:
    """Return the red, green and blue values of a PNG, 0 to 1. Shape `[height, width, 3]`."""
    from matplotlib.image import imread

    return np.asarray(imread(path), dtype=np.float64)[:, :, :3]


@pytest.mark.parametrize(("length_s", "rows"), [(0.008, 1), (14.9, 1), (15.0, 1), (15.1, 2), (121.0, 8)])
def test_a_row_is_added_every_15_s_up_to_8(tmp_path: Path, length_s: float, rows: int) -> None:
    picture(tmp_path / "a.png", spectrogram(round(length_s / HOP_S)))
    assert size(tmp_path / "a.png") == (1680, round((0.85 + 2.4 * rows + 0.55) * 120))


def test_the_title_says_how_much_of_a_long_recording_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    texts: list[str] = []
    text = Figure.text

    def listening(self: Figure, x: float, y: float, s: str, **style: Any) -> Any:
        texts.append(s)
        return text(self, x, y, s, **style)

    monkeypatch.setattr(Figure, "text", listening)
    mask = np.zeros((1, 1), np.uint8)
    events = [Event(on, on + 1, 2000, 3000, 2500, 0.9, 1, 1, 0, 0, mask) for on in (5.0, 119.5, 130.0)]
    frames = round(3725 / HOP_S)
    draw(
        tmp_path / "long.png",
        np.broadcast_to(np.float32(-60) * NEPERS_PER_DB, (frames, 256)),
        np.broadcast_to(np.uint8(0), (frames, 256)),
        events,
        Grid(),
        0.5,
        "da\twn.wav",
    )
    picture(tmp_path / "short.png", np.full((100, 256), -60, np.float32))
    silent = np.full((1250, 256), -60, np.float32)
    picture(tmp_path / "grey.png", silent, rejected=[region(4.0), region(30.0)])
    picture(tmp_path / "none.png", silent, rejected=[])
    assert texts == [
        "da wn.wav (first 2:00 of 1:02:05)",
        "2 of 3 events boxed with score, mask outlined at probability 0.5",
        "dawn.wav",
        "no events boxed with score",
        "dawn.wav",
        "no events boxed with score, 1 of 2 rejected regions in grey with the reason",
        "dawn.wav",
        "no events boxed with score, no rejected regions in grey with the reason",
    ]


def test_the_mask_is_outlined_and_the_event_boxed_at_their_positions(tmp_path: Path) -> None:
    db = np.full((1250, 256), -60, np.float32)  # 10 s: black throughout
    mask = np.zeros(db.shape, np.uint8)
    mask[500:625, 64:96] = 255  # 4.0..5.0 s, 4..6 kHz
    event = Event(7.0, 8.0, 8000, 10000, 9000, 0.9, 1, 1, 0, 0, np.zeros((1, 1), np.uint8))
    picture(tmp_path / "a.png", db, mask=mask, events=[event])
    image = pixels(tmp_path / "a.png")

    axes_left, axes_right = 0.05 * 1680, 0.925 * 1680
    axes_top, axes_bottom = 0.85 * 120, (0.85 + 2.4) * 120

    def box(colour: tuple[float, float, float]) -> list[float]:
        """Return the range in seconds and kHz of the pixels near `colour` inside the axes."""
        inside = image[
            round(axes_top) + 3 : round(axes_bottom) - 3, round(axes_left) + 3 : round(axes_right) - 3
        ]
        y, x = np.nonzero(np.abs(inside - colour).max(axis=2) < 0.3)
        left_s, seconds = 0.004, 10.0
        times = left_s + (x + 3.5) / (axes_right - axes_left) * seconds
        khz = 0.03125 + 16 * (1 - (y + 3.5) / (axes_bottom - axes_top))
        return [times.min(), times.max(), khz.min(), khz.max()]

    assert box((0.31, 0.89, 1.0)) == pytest.approx([4.0, 5.0, 4.03, 6.03], abs=0.12)
    event_box = box((1.0, 1.0, 1.0))
    assert event_box[:3] == pytest.approx([7.0, 8.0, 8.0], abs=0.12)
    assert event_box[3] == pytest.approx(10.8, abs=0.7)  # the score is above the box


def test_rejected_regions_are_grey_boxes_at_their_positions_and_only_if_given(tmp_path: Path) -> None:
    db = np.full((1250, 256), -60, np.float32)  # 10 s: black throughout
    grey = int(REJECTED_COLOUR[1:3], 16) / 255

    def grey_box(path: Path) -> list[float]:
        """Return the range in seconds and kHz of the grey pixels inside the axes; empty if there are none."""
        top, bottom = round(0.85 * 120) + 3, round((0.85 + 2.4) * 120) - 3
        left, right = round(0.05 * 1680) + 3, round(0.925 * 1680) - 3
        inside = pixels(path)[top:bottom, left:right]
        y, x = np.nonzero(np.abs(inside - grey).max(axis=2) < 0.15)
        if not len(x):
            return []
        times_s = 0.004 + (x + 3.5) / (right - left + 6) * 10.0
        khz = 0.03125 + 16 * (1 - (y + 3.5) / (bottom - top + 6))
        return [times_s.min(), times_s.max(), khz.min(), khz.max()]

    frog = region(7.0, offset_s=9.0, low_hz=8000.0, high_hz=10_000.0)
    picture(tmp_path / "with.png", db, rejected=[frog])
    picture(tmp_path / "without.png", db)
    assert grey_box(tmp_path / "without.png") == []
    found = grey_box(tmp_path / "with.png")
    assert found[:3] == pytest.approx([7.0, 9.0, 8.0], abs=0.12)
    assert found[3] == pytest.approx(10.7, abs=0.5)  # the reason is above the box


def test_silence_single_frames_and_any_title_draw_without_a_warning(tmp_path: Path) -> None:
    db = np.full((200, 256), -np.inf, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture(tmp_path / "silence.png", db, mask=np.full(db.shape, 255, np.uint8), title="$x$ 鳥_{ \n.wav")
        picture(tmp_path / "one.png", db[:1], mask=np.array([[255, 0] * 128], np.uint8))
    assert size(tmp_path / "silence.png") == size(tmp_path / "one.png")


def test_drawing_does_not_change_matplotlib_settings(tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules
    picture(tmp_path / "a.png", spectrogram(10))
    assert (dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules) == before


def test_without_matplotlib_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ExtraMissingError, match=r"pip install 'birdedge\[plot\]'"):
        picture(tmp_path / "a.png", spectrogram(10))


def test_no_frame_or_a_mask_of_another_shape_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dawn\.wav is too short to draw"):
        picture(tmp_path / "a.png", spectrogram(0))
    with pytest.raises(DataError, match=r"mask \(9, 256\) and spectrogram \(10, 256\) differ"):
        picture(tmp_path / "a.png", spectrogram(10), mask=np.zeros((9, 256), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(OutputError, match=r"a\.png cannot be written \(File exists\)"):
        picture(tmp_path / "out" / "a.png", spectrogram(10))
