"""Types of audio files, by their names and by their first bytes."""

from __future__ import annotations

# What libsndfile reads. A folder is searched for these.
SUFFIXES = frozenset(
    [
        ".wav",
        ".wave",
        ".bwf",
        ".rf64",
        ".w64",
        ".flac",
        ".ogg",
        ".oga",
        ".opus",
        ".mp3",
        ".aif",
        ".aiff",
        ".aifc",
        ".caf",
        ".au",
        ".snd",
    ]
)
# Audio that libsndfile does not read.
UNSUPPORTED_SUFFIXES = frozenset(
    [
        ".m4a",
        ".m4b",
        ".mp4",
        ".aac",
        ".wma",
        ".amr",
        ".3gp",
        ".ape",
        ".wv",
        ".webm",
        ".mka",
        ".mkv",
        ".mov",
        ".dsf",
        ".tta",
        ".wac",
    ]
)
HEAD_BYTES = 12  # enough to identify the type of a file
MP3_HEAD_BYTES = 4096  # likewise, for an MP3 file that begins without a tag

UNSUPPORTED_TYPES = frozenset({"M4A", "Matroska", "WMA", "WavPack", "AMR"})
_MAGIC = {
    b"RIFF": "WAV",
    b"RIFX": "WAV",
    b"RF64": "RF64",
    b"BW64": "BW64",
    b"riff": "W64",
    b"fLaC": "FLAC",
    b"OggS": "OGG",
    b"ID3": "MP3",
    b"FORM": "AIFF",
    b"caff": "CAF",
    b".snd": "AU",
    b"\x1aE\xdf\xa3": "Matroska",
    b"0&\xb2u": "WMA",
    b"wvpk": "WavPack",
    b"#!AMR": "AMR",
}
_MP3_KBIT_V1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_KBIT_V2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def file_type(head: bytes) -> str | None:
    """Return the type of the file that begins with these bytes, or None if it is not known."""
    if head[4:8] == b"ftyp":
        return "M4A"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def is_mp3(start: bytes) -> bool:
    """Return whether MP3_HEAD_BYTES of a file are consecutive MPEG audio frames, layer III (ISO 11172-3)."""
    at, frames = 0, 0
    while at + 4 <= len(start):
        first, second, third = start[at : at + 3]
        version, layer, bitrate, rate = second >> 3 & 3, second >> 1 & 3, third >> 4, third >> 2 & 3
        if first != 0xFF or second >> 5 != 7 or version == 1 or layer != 1 or bitrate in (0, 15) or rate == 3:
            return False
        is_v1 = version == 3
        kbit_per_s = (_MP3_KBIT_V1 if is_v1 else _MP3_KBIT_V2)[bitrate - 1]
        rate_hz = (44_100, 48_000, 32_000)[rate] // {3: 1, 2: 2, 0: 4}[version]
        at += (144_000 if is_v1 else 72_000) * kbit_per_s // rate_hz + (third >> 1 & 1)
        frames += 1
    return frames >= 3
