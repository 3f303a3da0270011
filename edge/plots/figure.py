"""A picture of a recording: spectrogram, mask outline and events, in rows that stay readable."""

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
from birdedge.edge.system.atomic_file import output_errors, replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_S = 15.0
MAX_ROWS = 8
WIDTH_IN = 14.0
ROW_IN = 2.4
TITLE_IN = 0.85
FOOT_IN = 0.55
DOTS_PER_INCH = 120
MASK_COLOUR = "#4fe3ff"
EVENT_COLOUR = "#ffffff"


def draw(
    path: Path,
    log_magnitude_db: NDArray[np.float32],
    mask: NDArray[np.float32] | None,
    events: Sequence[Event],
    hop_s: float,
    first_frame_s: float,
    low_hz: float,
    bin_hz: float,
    title: str,
    threshold: float,
) -> None:
    """Draw a recording as a PNG of one row for every 15 s, 8 rows at most; the title says what is left out.

    Args:
        path: The PNG; it takes its name when it is whole.
        log_magnitude_db: Spectrogram in decibels. Shape `[frames, bins]`.
        mask: Probabilities over the same frames and bins, outlined at `threshold`, or None.
        events: Boxed, with their score.
        hop_s: Seconds from frame to frame.
        first_frame_s: Centre of frame 0, seconds from the recording's start.
        low_hz: Centre of bin 0.
        bin_hz: Hertz from bin to bin.
        title: The recording's name.
        threshold: Probability from which a bin counts as bird sound.

    Raises:
        DataError: No frames, or a mask of another shape.
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
    frames, bins = log_magnitude_db.shape
    if frames == 0:
        raise DataError(f"{title} holds no frame to draw: give a recording of at least one frame")
    if mask is not None and mask.shape != (frames, bins):
        raise DataError(
            f"mask {mask.shape} and spectrogram {(frames, bins)} differ: give equal [frames, bins]"
        )

    rows = min(MAX_ROWS, math.ceil(frames * hop_s / ROW_S))
    shown = min(frames, round(MAX_ROWS * ROW_S / hop_s))
    bounds = np.linspace(0, shown, rows + 1).round().astype(int)
    start_s = first_frame_s - hop_s / 2
    bottom_khz = (low_hz - bin_hz / 2) / 1000
    top_khz = bottom_khz + bins * bin_hz / 1000
    darkest_db, brightest_db = contrast_db(log_magnitude_db[:shown])

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
        image = panel.imshow(
            log_magnitude_db[first:last].T,
            origin="lower",
            aspect="auto",
            extent=(left_s, right_s, bottom_khz, top_khz),
            cmap="magma",
            vmin=darkest_db,
            vmax=brightest_db,
        )
        if mask is not None:
            _outline(panel, mask[first:last], (left_s, right_s, bottom_khz, top_khz), threshold)
        for event in events:
            if event.offset_s > left_s and event.onset_s < right_s:
                _box(panel, event, left_s, right_s, top_khz)
        panel.set_xlim(left_s, right_s)
        panel.set_ylim(bottom_khz, top_khz)
        panel.set_ylabel("kHz")
        panel.tick_params(labelsize=8)
    panels[-1].set_xlabel("seconds")

    scale = figure.add_axes((0.94, FOOT_IN / height_in, 0.012, (ROW_IN - 0.4) / height_in))
    figure.colorbar(image, cax=scale).set_label("dB")
    scale.tick_params(labelsize=8)

    end_s = start_s + shown * hop_s
    boxed = sum(event.offset_s > start_s and event.onset_s < end_s for event in events)
    name = " ".join(title.split())
    if shown < frames:
        name += f" (first {_length(shown * hop_s)} of {_length(frames * hop_s)})"
    figure.text(0.05, 1 - 0.36 / height_in, name, fontsize=14, weight="bold", parse_math=False)
    caption = _caption(len(events), boxed, None if mask is None else threshold)
    figure.text(0.05, 1 - 0.63 / height_in, caption, fontsize=10, color="#555555")

    png = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a title in a script the font lacks
        figure.savefig(png, format="png")
    with replacing(path) as file, output_errors(path):
        file.write(png.getbuffer())


def contrast_db(shown_db: NDArray[np.float32]) -> tuple[float, float]:
    """Decibels drawn darkest and brightest: the quiet background, and all but the loudest bins."""
    finite = shown_db[np.isfinite(shown_db)]
    if not finite.size:
        return 0.0, 1.0
    darkest, brightest = np.percentile(finite, (20, 99.9))
    return float(darkest), float(
        max(brightest, darkest + 20)
    )  # 20 dB at least, or silence would look like a storm


def _outline(
    panel: Axes, mask: NDArray[np.float32], extent: tuple[float, float, float, float], threshold: float
) -> None:
    if mask.min() >= threshold or mask.max() < threshold or min(mask.shape) < 2:
        return
    panel.contour(
        mask.T, levels=[threshold], extent=extent, origin="lower", colors=MASK_COLOUR, linewidths=0.9
    )


def _box(panel: Axes, event: Event, left_s: float, right_s: float, top_khz: float) -> None:
    low_khz, high_khz = event.low_hz / 1000, event.high_hz / 1000
    panel.plot(
        (event.onset_s, event.offset_s, event.offset_s, event.onset_s, event.onset_s),
        (low_khz, low_khz, high_khz, high_khz, low_khz),
        color=EVENT_COLOUR,
        linewidth=0.8,
    )
    if event.onset_s < left_s:  # its score stands in the row where it begins
        return
    at_ceiling = high_khz > 0.9 * top_khz
    at_edge = event.onset_s > right_s - 0.04 * (right_s - left_s)
    panel.annotate(
        f"{event.score:.2f}",
        (right_s if at_edge else event.onset_s, high_khz),
        xytext=(-2 if at_edge else 2, -2 if at_ceiling else 2),
        textcoords="offset points",
        horizontalalignment="right" if at_edge else "left",
        verticalalignment="top" if at_ceiling else "bottom",
        fontsize=7.5,
        color=EVENT_COLOUR,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": "black", "edgecolor": "none", "alpha": 0.55},
    )


def _caption(events: int, boxed: int, threshold: float | None) -> str:
    counted = f"{boxed} of {events}" if boxed < events else str(events or "no")
    caption = f"{counted} event{'s' if events != 1 else ''} boxed with score"
    return caption if threshold is None else f"{caption}, mask outlined at probability {threshold:.2g}"


def _length(length_s: float) -> str:
    """`m:ss`, or `h:mm:ss` from one hour on."""
    minutes, seconds = divmod(round(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
