"""Two events, and the exact text of their table in each format."""

from __future__ import annotations

import numpy as np

from birdedge.edge.event import Event

RECORDING = "/a/dawn.wav"
FIRST = Event(
    0.256, 1.5, 2031.25, 4156.3, 3000.0, 0.87249, 412.5, 12.34, 32, 32, np.zeros((156, 34), np.uint8)
)
SECOND = Event(61.0, 61.04, 6968.75, 8031.25, 7500.0, 1.0, 3.5, -0.04, 7625, 111, np.zeros((5, 17), np.uint8))

RAVEN_VIEW = "\tSpectrogram 1\t1\t"
TABLE_TEXTS = {  # format: suffix, header, lines
    "raven": (
        ".selections.txt",
        "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
        "\tBegin Path\tFile Offset (s)\tBegin File\tAnnotation\tScore\tPeak Freq (Hz)\tSNR (dB)\tArea (Hz s)"
        "\tBegin UTC\n",
        f"1{RAVEN_VIEW}0.2560\t1.5000\t2031.2\t4156.3\t/a/dawn.wav\t0.2560\tdawn.wav\tbird\t0.872\t3000.0\t12.3\t412.5\t\n"
        f"2{RAVEN_VIEW}61.0000\t61.0400\t6968.8\t8031.2\t/a/dawn.wav\t61.0000\tdawn.wav\tbird\t1.000\t7500.0\t0.0\t3.5\t\n",
    ),
    "audacity": (
        ".labels.txt",
        "",
        "0.2560\t1.5000\tbird 0.872\n\\\t2031.2\t4156.3\n61.0000\t61.0400\tbird 1.000\n\\\t6968.8\t8031.2\n",
    ),
    "csv": (
        ".csv",
        "file,onset_s,offset_s,low_hz,high_hz,peak_hz,score,area_hz_s,snr_db,onset_utc,offset_utc\n",
        "/a/dawn.wav,0.2560,1.5000,2031.2,4156.3,3000.0,0.872,412.5,12.3,,\n"
        "/a/dawn.wav,61.0000,61.0400,6968.8,8031.2,7500.0,1.000,3.5,0.0,,\n",
    ),
    "jsonl": (
        ".jsonl",
        "",
        '{"file": "/a/dawn.wav", "onset_s": 0.256, "offset_s": 1.5, "low_hz": 2031.2, "high_hz": 4156.3, '
        '"peak_hz": 3000.0, "score": 0.872, "area_hz_s": 412.5, "snr_db": 12.3, '
        '"onset_utc": null, "offset_utc": null}\n'
        '{"file": "/a/dawn.wav", "onset_s": 61.0, "offset_s": 61.04, "low_hz": 6968.8, "high_hz": 8031.2, '
        '"peak_hz": 7500.0, "score": 1.0, "area_hz_s": 3.5, "snr_db": 0.0, '
        '"onset_utc": null, "offset_utc": null}\n',
    ),
}
