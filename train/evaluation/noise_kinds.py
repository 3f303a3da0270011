"""The kind of noise in a recording without birds, from its species column, its name and its source.

The first kind that matches counts, in the order of KINDS. The patterns include the category names of ESC-50. OTHER is
the rest: rooms, nights, and recordings with names that say nothing.
"""

from __future__ import annotations

import re

from birdedge.train.data.recordings import Recording

KINDS = {
    "rain": r"rain|thunder|storm",
    "wind": r"wind\b",
    "frogs": r"frogs?\b|toad",
    "insects": r"insect|cricket|cicada|pellucens|orni\b|summer night",
    "mammals": r"dog\b|cat\b|cow\b|pig\b|sheep|horse|bison|wol[fv]|fox|squirrel|meerkat|humpback"
    r"|bats?\b|batty|batdetect",
    "speech": r"speech|voice|coffee|laughing|crying|cough|sneez|snor|breath|inhale|exhale|hold\b|meditation"
    r"|\d+ \d+ \d{4}\b",  # LibriSpeech: reader, chapter, sentence
    "engine": r"engine|airplane|helicopter|train\b|boat|snowmobile|chainsaw|car horn|siren|wagon",
    "household": r"alarm|clock|bells?\b|bowl|door|keyboard|mouse click|vacuum|washing|glass|can opening|brushing"
    r"|saw\b|footstep|clapping|drinking|fireworks|flush|sticks",
    "water": r"water|sea\b|wave|ocean|beach|stream|river|brook|geyser|spring|pool|vent\b|fumarole|paint pot|dragon",
}
OTHER = "quiet or other"
SPLIT_FOLDERS = re.compile(r"\b(train|valid|validation|test)/")  # a folder train/ is no railway


def noise_kind(recording: Recording) -> str:
    """Return the kind of noise: one of KINDS, or OTHER."""
    name = SPLIT_FOLDERS.sub("", recording.original)
    for text in (recording.species, name, recording.source):
        words = re.sub(r"[^a-z0-9]+", " ", text.lower())
        for kind, pattern in KINDS.items():
            if re.search(rf"\b(?:{pattern})", words):
                return kind
    return OTHER
