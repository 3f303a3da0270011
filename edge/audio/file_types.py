"""Audio files by their names, and by their first bytes."""

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
# Audio that it does not read.
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
HEAD_BYTES = 12  # by which a file is recognised
CONVERT = "convert it first: ffmpeg -i {} recording.flac"

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


def file_type(head: bytes) -> str | None:
    """Return the type of the file that begins with these bytes, or None if it is not known."""
    if head[4:8] == b"ftyp":
        return "M4A"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
