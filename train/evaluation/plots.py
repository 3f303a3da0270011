"""Plots for the evaluation page: a clip with its true and its detected mask, and a reliability diagram."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.pipeline.region import NEPER_DB
from birdedge.edge.plots.boxes import EVENT_COLOUR
from birdedge.edge.plots.contrast import contrast_db
from birdedge.edge.plots.figure import MASK_COLOUR
from birdedge.train.data.labels import Float32
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.calibration import ReliabilityRow
from birdedge.train.evaluation.detectors import log_spectrogram
from birdedge.train.evaluation.labelled_audio import MaskedClip, centres

TRUTH_COLOUR = "#7CFC00"
MAX_SHOWN_S = 15.0


def draw_clip(
    clip: MaskedClip,
    mask: Float32,
    events: Sequence[Event],
    threshold: float,
    title: str,
    shown_s: tuple[float, float] = (0.0, MAX_SHOWN_S),
    size_in: tuple[float, float] = (11, 3.4),
) -> bytes:
    """Return a PNG of a part of a clip: spectrogram, both masks outlined, events boxed, unlabelled bins darkened."""
    level_db = log_spectrogram(clip.samples, clip.sample_rate_hz) * NEPER_DB
    figure = Figure(figsize=size_in, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    times_s = centres(GRID.first_frame_s, GRID.hop_s, len(level_db))
    frequencies_khz = centres(GRID.low_hz, GRID.bin_hz, GRID.bins) / 1000
    darkest_db, brightest_db = contrast_db(level_db)
    half_s, half_khz = GRID.hop_s / 2, GRID.bin_hz / 2000
    axes.imshow(
        level_db.T,
        origin="lower",
        aspect="auto",
        extent=(
            times_s[0] - half_s,
            times_s[-1] + half_s,
            frequencies_khz[0] - half_khz,
            frequencies_khz[-1] + half_khz,
        ),
        cmap="magma",
        vmin=darkest_db,
        vmax=brightest_db,
    )
    truth_khz = clip.frequencies_hz / 1000
    if clip.weight is not None and not clip.weight.all():
        axes.contourf(clip.times_s, truth_khz, ~clip.weight.T, levels=[0.5, 1.5], colors="black", alpha=0.35)
    _outline(axes, clip.times_s, truth_khz, clip.target.T, 0.5, TRUTH_COLOUR)
    _outline(axes, times_s[: len(mask)], frequencies_khz, mask[: len(times_s)].T, threshold, MASK_COLOUR)
    for event in events:
        xs = (event.onset_s, event.offset_s, event.offset_s, event.onset_s, event.onset_s)
        ys = np.array((event.low_hz, event.low_hz, event.high_hz, event.high_hz, event.low_hz)) / 1000
        axes.plot(xs, ys, color=EVENT_COLOUR, linewidth=0.6)
    shown = np.clip(shown_s, times_s[0], times_s[-1])
    axes.set(xlim=shown, ylim=(0, GRID.sample_rate_hz / 2000), xlabel="seconds", ylabel="kHz")
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)
    return _png(figure)


def draw_reliability(tables: dict[str, list[ReliabilityRow]], title: str) -> bytes:
    """Return a PNG of the share of bird bins over the mean probability; the diagonal is perfect calibration."""
    figure = Figure(figsize=(5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot((0, 1), (0, 1), color="#999999", linewidth=0.8)
    for name, rows in tables.items():
        filled = [row for row in rows if row.count]
        axes.plot(
            [r.mean_probability for r in filled], [r.bird_share for r in filled], marker="o", label=name
        )
    axes.set(xlabel="mean probability", ylabel="share of bird bins", xlim=(0, 1), ylim=(0, 1))
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)
    axes.legend()
    return _png(figure)


def _outline(
    axes: Axes, times_s: NDArray[Any], khz: NDArray[Any], mask: NDArray[Any], threshold: float, colour: str
) -> None:
    if mask.min() < threshold <= mask.max():
        axes.contour(times_s, khz, mask, levels=[threshold], colors=colour, linewidths=0.9)


def _png(figure: Figure) -> bytes:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=90)
    return png.getvalue()
