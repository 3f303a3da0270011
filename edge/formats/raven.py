"""Selection tables of Raven (Cornell Lab of Ornithology): tab-separated text, one selection per event."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from birdedge.edge.formats.columns import number_text, path_text, utc_text

if TYPE_CHECKING:  # an Event loads numpy, which reading a configuration does not need
    from birdedge.edge.event import Event

SUFFIX = ".selections.txt"
COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin Path",
    "File Offset (s)",
    "Begin File",
    "Annotation",  # read by crowsetta
    "Score",
    "Peak Freq (Hz)",
    "SNR (dB)",
    "Area (Hz s)",
    "Begin UTC",
)
ANNOTATION = "bird"
# Path, duration in seconds, events, and UTC of the start or None.
Recording = tuple[str | Path, float, Iterable["Event"], float | None]
HEADER = "\t".join(COLUMNS) + "\n"


def event_lines(
    event: Event,
    file: str | Path,
    selection: int,
    channel: int | None = None,
    start_utc_s: float | None = None,
    file_begin_s: float = 0.0,
) -> str:
    """Return one event as a line of the table.

    Args:
        event: The event; its times count from the start of `file`.
        file: The recording. Raven finds the audio by an absolute path.
        selection: Number of the selection, from 1.
        channel: The analysed channel, from 0; None for the mean of all. Raven counts from 1.
        start_utc_s: UTC of the start of `file`; None if it is unknown.
        file_begin_s: Start of `file` within a sequence of files, in seconds.
    """
    cells = (
        str(selection),
        "Spectrogram 1",
        str(1 if channel is None else channel + 1),
        number_text(file_begin_s + event.onset_s, "onset_s"),
        number_text(file_begin_s + event.offset_s, "offset_s"),
        number_text(event.low_hz, "low_hz"),
        number_text(event.high_hz, "high_hz"),
        path_cell(file),
        number_text(event.onset_s, "onset_s"),
        path_cell(Path(file).name),
        ANNOTATION,
        number_text(event.score, "score"),
        number_text(event.peak_hz, "peak_hz"),
        number_text(event.snr_db, "snr_db"),
        number_text(event.area_hz_s, "area_hz_s"),
        utc_text(event.onset_s, start_utc_s) or "",
    )
    return "\t".join(cells) + "\n"


def sequence_lines(recordings: Iterable[Recording], channel: int | None = None) -> Iterator[str]:
    """Yield the header and lines of one table for a file sequence; nothing if there are no recordings.

    Begin and End Time are cumulative over the sequence. Begin Path and File Offset locate each event in its file.

    Args:
        recordings: In the order in which Raven opens them.
        channel: The analysed channel, as for `event_lines`.
    """
    selection = 0
    file_begin_s = 0.0
    for index, (file, duration_s, events, start_utc_s) in enumerate(recordings):
        if index == 0:
            yield HEADER
        for event in events:
            selection += 1
            yield event_lines(event, file, selection, channel, start_utc_s, file_begin_s)
        file_begin_s += duration_s


def path_cell(path: str | Path) -> str:
    """Return a path without tabs and line breaks, which the format cannot quote, and as valid Unicode.

    It is the same for a path that was read from a table of any format.
    """
    text = path_text(path)
    text = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
