"""Figure of a recording: spectrogram, mask outline and event boxes, wrapped into rows of 15 s."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import DataError, ExtraMissingError
from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.plots import boxes
from birdedge.edge.plots.contrast import contrast_db
from birdedge.edge.system.atomic_file import Existing, output_errors, replacing
from birdedge.edge.system.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_S = 15.0
MAX_ROWS = 8
WIDTH_IN = 14.0
ROW_IN = 2.4
TITLE_IN = 0.85
FOOT_IN = 0.55
DOTS_PER_INCH = 120
MASK_COLOUR = "#4fe3ff"
DB_PER_NEPER = np.float32(20 / np.log(10))


def draw(
    path: Path,
    level: NDArray[np.float32],
    mask: NDArray[np.uint8] | None,
    events: Sequence[Event],
    grid: Grid,
    threshold: float,
    title: str,
    first_frame: int = 0,
    rejected: Sequence[Event] | None = None,
    existing: Existing = "replace",
) -> None:
    """Draw a recording as a PNG with one row per 15 s and at most 8 rows; the title says if the rest is left out.

    Args:
        path: The PNG, which appears once it is complete.
        level: Natural logarithm of the magnitude, `[frames, bins]`.
        mask: 255 x probability, `[frames, bins]`, outlined at `threshold`; None for no outline.
        events: Events to draw as boxes with their scores.
        grid: Times and frequencies of frames and bins.
        threshold: Probability from which a bin counts as bird sound.
        title: Name of the recording.
        first_frame: Number of the first frame, counted from the start of the recording.
        rejected: Regions to draw as grey boxes with the reason why they are not events; None to leave them out.
        existing: What to do if the PNG exists.

    Raises:
        DataError: There are no frames, or the mask has another shape.
        ExtraMissingError: matplotlib is not installed.
        OutputError: The file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ExtraMissingError(
            "drawing needs matplotlib, which is not installed: pip install 'birdedge[plot]'"
        ) from error
    frames, bins = level.shape
    if frames == 0:
        raise DataError(f"{title} is too short to draw: give a recording of at least one frame")
    if mask is not None and mask.shape != (frames, bins):
        raise DataError(
            f"mask {mask.shape} and spectrogram {(frames, bins)} differ: give equal [frames, bins]"
        )

    hop_s = grid.hop_s
    rows = min(MAX_ROWS, math.ceil(frames * hop_s / ROW_S))
    shown = min(frames, round(MAX_ROWS * ROW_S / hop_s))
    bounds = np.linspace(0, shown, rows + 1).round().astype(int)
    start_s = grid.first_frame_s + first_frame * hop_s - hop_s / 2
    bottom_khz = (grid.low_hz - grid.bin_hz / 2) / 1000
    top_khz = bottom_khz + bins * grid.bin_hz / 1000
    level_db = level[:shown] * DB_PER_NEPER
    darkest_db, brightest_db = contrast_db(level_db)

    # Rounded to whole dots: matplotlib before 3.11.1 cuts off a fraction, and 743.99... dots become 743.
    height_in = round(TITLE_IN + rows * ROW_IN + FOOT_IN, 2)
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)
    panels = figure.subplots(
        rows,
        1,
        squeeze=False,
        gridspec_kw={
            "left": 0.05,
            "right": 0.925,
            "top": 1 - TITLE_IN / height_in,
            "bottom": FOOT_IN / height_in,
            "hspace": 0.2,
        },
    )[:, 0]
    for panel, first, last in zip(panels, bounds[:-1], bounds[1:], strict=True):
        left_s, right_s = start_s + first * hop_s, start_s + last * hop_s
        extent = (left_s, right_s, bottom_khz, top_khz)
        image = panel.imshow(
            level_db[first:last].T,
            origin="lower",
            aspect="auto",
            extent=extent,
            cmap="magma",
            vmin=darkest_db,
            vmax=brightest_db,
        )
        if mask is not None:
            _outline(panel, mask[first:last], extent, threshold)
        panel.set_xlim(left_s, right_s)
        panel.set_ylim(bottom_khz, top_khz)
        boxes.draw_boxes(panel, events, rejected or ())
        panel.set_ylabel("kHz")
        panel.tick_params(labelsize=8)
    panels[-1].set_xlabel("seconds")

    scale = figure.add_axes((0.94, FOOT_IN / height_in, 0.012, (ROW_IN - 0.4) / height_in))
    figure.colorbar(image, cax=scale).set_label("dB")
    scale.tick_params(labelsize=8)

    end_s = start_s + shown * hop_s
    name = printable(" ".join(title.split()))
    if shown < frames:
        name += f" (first {_length(shown * hop_s)} of {_length(frames * hop_s)})"
    figure.text(0.05, 1 - 0.36 / height_in, name, fontsize=14, weight="bold", parse_math=False)
    caption = _caption(events, rejected, (start_s, end_s), None if mask is None else threshold)
    figure.text(0.05, 1 - 0.63 / height_in, caption, fontsize=10, color="#555555")

    _save(figure, path, existing)


def _save(figure: Figure, path: Path, existing: Existing) -> None:
    png = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the title may use any script
        figure.savefig(png, format="png")
    with replacing(path, existing) as file, output_errors(path):
        file.write(png.getbuffer())


def _outline(
    panel: Axes, mask: NDArray[np.uint8], extent: tuple[float, float, float, float], threshold: float
) -> None:
    probability = mask.astype(np.float32) / np.float32(255)
    if probability.min() >= threshold or probability.max() < threshold or min(mask.shape) < 2:
        return
    panel.contour(
        probability.T, levels=[threshold], extent=extent, origin="lower", colors=MASK_COLOUR, linewidths=0.9
    )


def _caption(
    events: Sequence[Event],
    rejected: Sequence[Event] | None,
    shown_s: tuple[float, float],
    threshold: float | None,
) -> str:
    parts = [f"{_count(events, shown_s, 'event')} boxed with score"]
    if rejected is not None:
        parts.append(f"{_count(rejected, shown_s, 'rejected region')} in grey with the reason")
    if threshold is not None:
        parts.append(f"mask outlined at probability {threshold:.2g}")
    return ", ".join(parts)


def _count(regions: Sequence[Event], shown_s: tuple[float, float], name: str) -> str:
    """Return how many regions there are, and how many of them are in the figure, such as `2 of 3 events`."""
    boxed = sum(region.offset_s > shown_s[0] and region.onset_s < shown_s[1] for region in regions)
    count = len(regions)
    number = f"{boxed} of {count}" if boxed < count else str(count or "no")
    return f"{number} {name}{'s' if count != 1 else ''}"


def _length(length_s: float) -> str:
    """Return `m:ss`, or `h:mm:ss` from one hour on."""
    minutes, seconds = divmod(round(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
