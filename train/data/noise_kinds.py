"""The kind of noise in a recording without birds, from its species column, its name and its source.

A species column like `frog: green-frog` names a group, which counts unless a pattern of KINDS matches what follows the
colon. Otherwise the first kind that matches counts, in the order of KINDS. The patterns include the category names of
ESC-50. OTHER is the rest: rooms, nights, and recordings with names that say nothing.
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
GROUPS = {
    "frog": "frogs",
    "insect": "insects",
    "mammal": "mammals",
    "human": "speech",
    "speech": "speech",
    "machine": "engine",
    "alarm": "household",
    "other": "household",
    "fire": "household",
    "handling": "household",
    "wind": "wind",
    "rain": "rain",
    "water": "water",
    "field": OTHER,
}
ANIMALS = ("frog", "insect", "mammal")  # their groups count whatever the species is called
CLASS_OF_KIND = {
    "rain": "weather",
    "wind": "weather",
    "water": "weather",
    "frogs": "frog",
    "insects": "insect",
    "mammals": "mammal",
    "speech": "voice",
    "engine": "machine",
    "household": "other",
}
SPLIT_FOLDERS = re.compile(r"\b(train|valid|validation|test)/")  # a folder train/ is not a railway


def noise_kind(recording: Recording) -> str:
    """Return the kind of noise: one of KINDS, or OTHER."""
    group, colon, species = recording.species.partition(": ")
    if colon and group in GROUPS:
        return GROUPS[group] if group in ANIMALS else _matching_kind(species) or GROUPS[group]
    texts = (recording.species, SPLIT_FOLDERS.sub("", recording.original), recording.source)
    return next(filter(None, map(_matching_kind, texts)), OTHER)


def noise_class(recording: Recording) -> str | None:
    """Return the class of sound of the events in a noise recording, or None if it is unknown."""
    return CLASS_OF_KIND.get(noise_kind(recording))


def _matching_kind(text: str) -> str | None:
    words = re.sub(r"[^a-z0-9]+", " ", text.lower())
    return next((kind for kind, pattern in KINDS.items() if re.search(rf"\b(?:{pattern})", words)), None)
